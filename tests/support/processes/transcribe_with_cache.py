"""Process that transcribes a recording with a cache, and may be killed meanwhile.

Arguments: base URL, recording, cache folder, seconds of a piece, number of concurrent pieces.
"""

import sys

from apertis_audio_tools import ApertisAudio


def main(url: str, recording: str, folder: str, seconds: str, max_concurrency: str) -> None:
    """Transcribe, and write the text to stdout."""
    with ApertisAudio(
        "key-of-a-test", base_url=url, cache=folder, max_concurrency=int(max_concurrency)
    ) as audio:
        sys.stdout.write(
            audio.transcribe(recording, model="whisper-1", piece_seconds=float(seconds)).text
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
