"""Process with a thread that outlives its main thread.

Arguments: base URL, sync or async, number of recordings. The thread begins when the main thread has
ended: it transcribes each recording by itself, and then all of them. On stdout are, as JSON, the
text of each, or the name and the message of its error, and then those of all of them.
"""

import contextlib
import json
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from apertis_audio_tools import ApertisAudio
from apertis_audio_tools.audio import Source
from support.sync_async import RUNS
from support.tiny_recordings import tiny_recordings


def result_of(do: Callable[[], Any]) -> Any:
    try:
        return do()
    except Exception as error:  # noqa: BLE001  # reported to the test
        return [type(error).__name__, str(error)]


def outlive(url: str, mode: str, number: int) -> None:
    """Wait until the main thread has ended, and no pool starts a thread any more."""
    threading.main_thread().join()
    with contextlib.suppress(RuntimeError), ThreadPoolExecutor(1) as pool:
        while True:
            pool.submit(int).result()
    run = RUNS[mode]
    with ApertisAudio("key-of-a-test", base_url=url, cache=False, max_retries=0) as audio:

        def alone(source: Source) -> str:
            return str(run(audio, "transcribe", source, model="whisper-1").text)

        def together() -> list[str]:
            options = {"model": "whisper-1", "on_error": "skip"}
            outcomes = run(audio, "transcribe_many", tiny_recordings(number), **options)
            return [str(each.error or each.transcript.text) for each in outcomes]

        results = [result_of(partial(alone, each)) for each in tiny_recordings(number)]
        sys.stdout.write(json.dumps([*results, result_of(together)]))


if __name__ == "__main__":
    threading.Thread(target=outlive, args=(*sys.argv[1:3], int(sys.argv[3]))).start()
