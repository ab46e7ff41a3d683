"""A process that uses a client, and then forks; its children use the client too.

Arguments: base URL, cache folder, colour, recordings. On stdout is, as JSON, what the parent and
each child were answered for each recording: the child of that number begins with the recording of
that number, so that all ask for something else at the same moment.
"""

import json
import multiprocessing
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from apertis_audio_tools import ApertisAudio
from support.sync_async import RUNS
from support.timeouts import PATIENCE

CHILDREN = 3


def main(url: str, folder: str, colour: str, *paths: str) -> None:
    """Use the client before, in and after the children."""
    run, fork = RUNS[colour], multiprocessing.get_context("fork")
    with ApertisAudio("key-of-a-test", base_url=url, cache=folder, max_retries=0) as audio:

        def answers(recordings: tuple[str, ...]) -> dict[str, str]:
            return {path: run(audio, "transcribe", path).text for path in recordings}

        audio.models()
        found = [answers(paths[:1])]
        together, answered = fork.Barrier(CHILDREN), fork.SimpleQueue()

        def child(number: int) -> None:
            together.wait(PATIENCE)
            audio.models()
            answered.put(answers(paths[number:] + paths[:number]))

        children: list[Any] = [
            fork.Process(target=child, args=(number,)) for number in range(CHILDREN)
        ]
        for each in children:
            each.start()
        found += [answered.get() for _ in children]
        for each in children:
            each.join()
        audio.models()
        found.append(answers(paths))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
