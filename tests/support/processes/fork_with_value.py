"""Process that forks with a process-local value, which reports when it is deleted.

On stdout is what happened, a line each. A child may delete its own values, and never its parent's.
"""

import gc
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from apertis_audio_tools.concurrency.fork_safety import ProcessLocal

THREADS = 4


class Value:
    """Value that writes a line when it is deleted."""

    def __init__(self) -> None:
        self.pid = os.getpid()

    def __del__(self) -> None:
        write("deleted in its process" if self.pid == os.getpid() else "deleted in a child")


def write(line: str) -> None:
    os.write(sys.__stdout__.fileno(), f"{line}\n".encode())  # type: ignore[union-attr]


def main() -> None:
    """Use the value in the parent, and by several threads at once in a child."""
    local = ProcessLocal(Value)
    value = local.value
    if not (child := os.fork()):
        del value
        together = threading.Barrier(THREADS)

        def use(_: int) -> int:
            together.wait()
            return id(local.value)

        with ThreadPoolExecutor(THREADS) as threads:
            ids = set(threads.map(use, range(THREADS)))
        write(f"{len(ids)} value, {'new' if local.value.pid == os.getpid() else 'old'}")
        del local
        gc.collect()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    write(f"child ended with {status}")
    write(f"parent has {'the same' if local.value is value else 'another'}")
    os._exit(0)


if __name__ == "__main__":
    main()
