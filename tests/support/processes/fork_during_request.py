"""Process that forks while one of its threads has the only permit of a client.

Arguments: base URL, a recording for the parent, another for the child. The child gets its response
first. On stdout are both texts.
"""

import multiprocessing
import sys
from concurrent.futures import ThreadPoolExecutor

from apertis_audio_tools import ApertisAudio


def main(url: str, of_parent: str, of_child: str) -> None:
    """Fork once the parent's recording is under way; before, the server does not list models."""
    fork = multiprocessing.get_context("fork")
    with (
        ApertisAudio("key-of-a-test", base_url=url, max_concurrency=1, max_retries=0) as audio,
        ThreadPoolExecutor(1) as threads,
    ):
        under_way = threads.submit(audio.transcribe, of_parent)
        audio.models()
        responses = fork.SimpleQueue()
        child = fork.Process(target=lambda: responses.put(audio.transcribe(of_child).text))
        child.start()
        sys.stdout.write(f"{responses.get()} {under_way.result().text}")
        child.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
