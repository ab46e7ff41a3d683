"""What a process that forks must not hand on: connections in use, and locks that somebody holds.

A child shares the sockets and files of its parent, and has copies of its locks, perhaps held by
threads that it does not have.
"""

import os
import threading
import weakref
from typing import Protocol


class Renewable(Protocol):
    """What begins anew in a child."""

    def renew(self) -> object:
        """Do so; gives what is the parent's, and is neither used nor closed in the child."""


class Pausable(Protocol):
    """What has to be at rest while its process forks."""

    def pause(self) -> None:
        """Be at rest, until `resume`."""

    def resume(self) -> None:
        """Go on, in the parent and in the child."""


class ForkSafeLock:
    """Held by one thread at a time, as often as it likes; free in a child, whoever held it.

    Nobody would give it back there.
    """

    def __init__(self) -> None:
        self.renew()
        renewed_in_children(self)

    def renew(self) -> None:
        """Be held by nobody."""
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


_renewables = weakref.WeakValueDictionary[int, Renewable]()
_pausables = weakref.WeakValueDictionary[int, Pausable]()
_forking = threading.Lock()
_paused: list[Pausable] = []
_of_the_parent: list[object] = []


def renewed_in_children(owner: Renewable) -> None:
    """Have it renewed in every child, as long as somebody holds it."""
    _renewables[id(owner)] = owner


def paused_while_forking(owner: Pausable) -> None:
    """Have it paused whenever the process forks, as long as somebody holds it."""
    _pausables[id(owner)] = owner


def _before() -> None:
    _forking.acquire()
    for reference in _pausables.valuerefs():
        if (owner := reference()) is not None:
            owner.pause()
            _paused.append(owner)  # and so held, until it goes on


def _after() -> None:
    try:
        while _paused:
            _paused.pop().resume()
    finally:
        _forking.release()


def _in_child() -> None:
    try:
        _of_the_parent.extend(owner.renew() for owner in list(_renewables.values()))
    finally:
        _after()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after, after_in_child=_in_child)
