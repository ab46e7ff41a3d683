"""Process that uses a client, then forks, and whose children use the client.

Arguments: base URL, cache folder, sync or async, recordings. On stdout are, as JSON, the texts that
the parent and each child got for each recording. The child of a number begins with the recording of
that number, so that all send different requests at the same time.
"""

import json
import multiprocessing
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from apertis_audio_tools import ApertisAudio
from support.sync_async import RUNS
from support.timeouts import TIMEOUT

CHILDREN = 3


def main(url: str, folder: str, mode: str, *paths: str) -> None:
    """Use the client before the fork, in the children and after their end."""
    run, fork = RUNS[mode], multiprocessing.get_context("fork")
    with ApertisAudio("key-of-a-test", base_url=url, cache=folder, max_retries=0) as audio:

        def transcribe_all(recordings: tuple[str, ...]) -> dict[str, str]:
            return {path: run(audio, "transcribe", path).text for path in recordings}

        audio.models()
        found = [transcribe_all(paths[:1])]
        together, responses = fork.Barrier(CHILDREN), fork.SimpleQueue()

        def child(number: int) -> None:
            together.wait(TIMEOUT)
            audio.models()
            responses.put(transcribe_all(paths[number:] + paths[:number]))

        children: list[Any] = [
            fork.Process(target=child, args=(number,)) for number in range(CHILDREN)
        ]
        for each in children:
            each.start()
        found += [responses.get() for _ in children]
        for each in children:
            each.join()
        audio.models()
        found.append(transcribe_all(paths))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
