"""Fair semaphore that works across threads and event loops."""

import threading
from collections import deque
from typing import Self

from apertis_audio_tools.concurrency import fork_safety
from apertis_audio_tools.concurrency.signals import uncancellable_future


class Permit:
    """Room for one piece, from before it is cut until it is answered: asked for, held, given back.

    As a context manager it gives itself back. That may happen twice, and from any thread.

    Attributes:
        granted: Done once the room is there, or nobody waits for it any more. Threads wait for it
            as it is, event loops for what ``asyncio.wrap_future`` makes of it.
    """

    def __init__(self, semaphore: "FairSemaphore") -> None:
        self.granted = uncancellable_future()
        self.is_closed = False
        self._semaphore = semaphore

    def close(self) -> None:
        """Leave the room, or the queue, to the next one."""
        self._semaphore._take_back(self)  # noqa: SLF001  # two halves of one thing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class FairSemaphore:
    """So many pieces of a client are under way at once, over all recordings, threads and loops.

    Whoever asks first is served first. A recording asks for one permit at a time, so that many of
    them take turns.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._begin()
        fork_safety.renewed_in_children(self)

    def _begin(self) -> None:
        self._held: set[Permit] = set()
        self._queue: deque[Permit] = deque()
        # Reentrant: collecting garbage in here may close an iterator that gives its permit back.
        self._lock = threading.RLock()

    def renew(self) -> object:
        """In a child of the process: its parent's pieces are not under way there."""
        left = self._held, self._queue
        self._begin()
        return left

    def request(self) -> Permit:
        """A place in the queue."""
        permit = Permit(self)
        with self._lock:
            if len(self._held) < self.size:
                self._held.add(permit)
                permit.granted.set_result(None)
            else:
                self._queue.append(permit)
        return permit

    def _take_back(self, permit: Permit) -> None:
        with self._lock:
            if permit.is_closed:
                return
            permit.is_closed = True
            if permit in self._held:
                self._held.remove(permit)
                self._let_in()
            elif permit in self._queue:
                self._queue.remove(permit)
                permit.granted.set_result(None)

    def _let_in(self) -> None:
        if self._queue:
            permit = self._queue.popleft()
            self._held.add(permit)
            permit.granted.set_result(None)
