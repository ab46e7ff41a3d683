"""Values and locks that a forked child does not share with its parent.

A child has copies of its parent's sockets, which both would read from, and copies of its locks,
which may be held by threads that do not exist in the child.
"""

import os
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_inherited: list[object] = []
"""Values of parent processes. While they are referenced, a child does not close them."""
_pid = os.getpid()
"""Number of this process, which the system takes longer to tell than to find a value."""


def _note_fork() -> None:
    global _pid  # noqa: PLW0603  # there is one number for all values
    _pid = os.getpid()


if hasattr(os, "register_at_fork"):  # elsewhere no process forks
    os.register_at_fork(after_in_child=_note_fork)


class ProcessLocal(Generic[T]):
    """Value that is made anew in each process, when it is first needed there.

    Args:
        make: Function that makes the value. If several threads need it at once, it may be called
            once for each of them, and all of them get the same one of the values.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._values: dict[int, T] = {}

    @property
    def value(self) -> T:
        """Value of the running process."""
        try:
            return self._values[_pid]
        except KeyError:
            _inherited.extend(value for owner, value in [*self._values.items()] if owner != _pid)
            return self._values.setdefault(_pid, self._make())  # atomic; a lock may be held forever


class ForkSafeLock:
    """Reentrant lock that is free in a forked child, even if a thread of the parent holds it."""

    def __init__(self) -> None:
        self._lock = ProcessLocal(threading.RLock)

    def __enter__(self) -> None:
        self._lock.value.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.value.release()
