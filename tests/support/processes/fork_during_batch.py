"""Process that forks after each outcome of a batch; its children exit at once.

Arguments: base URL, recordings. On stdout are the texts of the recordings. The parent requests the
list of models whenever a child has ended.
"""

import os
import sys

from apertis_audio_tools import ApertisAudio


def main(url: str, *paths: str) -> None:
    """Let each child exit, which closes its copy of the batch."""
    with ApertisAudio("key-of-a-test", base_url=url, max_retries=0) as audio:
        for outcome in audio.transcribe_many(paths, model="whisper-1"):
            child = os.fork()
            if not child:
                sys.exit()
            _, status = os.waitpid(child, 0)
            assert status == 0
            audio.models()
            sys.stdout.write(f"{outcome.transcript.text}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
