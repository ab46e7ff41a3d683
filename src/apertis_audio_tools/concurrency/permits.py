"""Fair semaphore that works across threads and event loops."""

import threading
from collections import deque
from typing import TYPE_CHECKING, Self

from apertis_audio_tools.concurrency.fork_safety import ProcessLocal
from apertis_audio_tools.concurrency.signals import uncancellable_future

if TYPE_CHECKING:
    from concurrent.futures import Future


class Permit:
    """Permission to have one piece under way, from before it is cut until its response is there.

    As a context manager it closes itself. It may be closed more than once, and from any thread.

    Attributes:
        granted: Future that is done once the permit is granted, or closed before that. Threads
            wait for it directly, event loops through ``asyncio.wrap_future``.
        is_closed: True once the permit has been returned or withdrawn.
    """

    def __init__(self, semaphore: "FairSemaphore") -> None:
        self.granted: Future[None] = uncancellable_future()
        self.is_closed = False
        self._semaphore = semaphore

    def close(self) -> None:
        """Return the permit, or leave the queue."""
        self._semaphore._release(self)  # noqa: SLF001  # a permit is part of its semaphore

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Permits:
    """Permits of one process."""

    def __init__(self) -> None:
        self.granted: set[Permit] = set()
        self.queue: deque[Permit] = deque()
        # Reentrant: garbage collection in here may close an iterator that returns its permit.
        self.lock = threading.RLock()

    def grant(self, limit: int) -> None:
        """Grant the first permits of the queue, up to a number of granted ones."""
        while self.queue and len(self.granted) < limit:
            permit = self.queue.popleft()
            self.granted.add(permit)
            permit.granted.set_result(None)


class FairSemaphore:
    """Limit on the pieces of a client that are under way at once, over all threads and event loops.

    Permits are granted in the order of the requests. A recording requests one permit at a time, so
    several recordings take turns. A forked child starts with all permits free.

    Attributes:
        size: Number of permits.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._permits = ProcessLocal(_Permits)

    @property
    def limit(self) -> int:
        """Number of permits that may be granted now, up to `size`."""
        return self.size

    def request(self) -> Permit:
        """Return a permit, which is granted at once or when its turn comes."""
        permit, permits = Permit(self), self._permits.value
        with permits.lock:
            permits.queue.append(permit)
            permits.grant(self.limit)
        return permit

    def grant_waiting(self) -> None:
        """Grant permits that wait, after the limit has grown."""
        permits = self._permits.value
        with permits.lock:
            permits.grant(self.limit)

    def _release(self, permit: Permit) -> None:
        permits = self._permits.value
        with permits.lock:
            if permit.is_closed:
                return
            permit.is_closed = True
            if permit in permits.granted:
                permits.granted.remove(permit)
                permits.grant(self.limit)
            elif permit in permits.queue:
                permits.queue.remove(permit)
                permit.granted.set_result(None)
