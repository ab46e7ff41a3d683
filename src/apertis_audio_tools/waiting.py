"""What is waited for in threads and in event loops alike: room to send, and word to stop."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Self

from apertis_audio_tools import forks


class Halt:
    """Word that nothing more is to be sent; it reaches those who wait, wherever they do.

    Attributes:
        event: What threads sleep on.
    """

    def __init__(self) -> None:
        self._begin()
        forks.renewed_in_children(self)

    def _begin(self) -> None:
        self.event = threading.Event()
        self._lock = threading.RLock()
        self._wakers: set[Callable[[], object]] = set()

    def renew(self) -> object:
        """In a child of the process, where nobody waits and nobody would give the lock back."""
        left, was_set = (self.event, self._wakers), self.is_set
        self._begin()
        if was_set:
            self.event.set()
        return left

    @property
    def is_set(self) -> bool:
        """Whether the word was given."""
        return self.event.is_set()

    def set(self) -> None:
        """Give it; a second time changes nothing."""
        with self._lock:
            self.event.set()
            for wake in tuple(self._wakers):
                wake()

    @contextlib.contextmanager
    def waking(self, wake: Callable[[], object]) -> Iterator[None]:
        """Call `wake`, from any thread, if the word is given meanwhile or was before."""
        with self._lock:
            self._wakers.add(wake)
            if self.is_set:
                wake()
        try:
            yield
        finally:
            with self._lock:
                self._wakers.discard(wake)


class Bell:
    """Rings when something has happened, for whoever waits for it in a thread or an event loop.

    Attributes:
        rung: Done when it rings, for the first time since it was heard.
    """

    def __init__(self) -> None:
        self.rung = _certain()
        self._lock = forks.Lock()

    def ring(self) -> None:
        """Ring, from any thread."""
        with self._lock:
            if not self.rung.done():
                self.rung.set_result(None)

    def heard(self) -> bool:
        """Whether it has rung since this was last asked."""
        with self._lock:
            has_rung = self.rung.done()
            if has_rung:
                self.rung = _certain()
        return has_rung


def _certain() -> Future[None]:
    """What an event loop cannot cancel."""
    future = Future[None]()
    future.set_running_or_notify_cancel()
    return future


class Slot:
    """Room for one piece, from before it is cut until it is answered: asked for, held, given back.

    As a context manager it gives itself back. That may happen twice, and from any thread.

    Attributes:
        settled: Done once the room is there, or nobody waits for it any more. Threads wait for it
            as it is, event loops for what ``asyncio.wrap_future`` makes of it.
    """

    def __init__(self, slots: "Slots") -> None:
        self.settled = _certain()
        self.is_over = False
        self._slots = slots

    def close(self) -> None:
        """Leave the room, or the queue, to the next one."""
        self._slots._take_back(self)  # noqa: SLF001  # two halves of one thing

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Slots:
    """So many pieces of a client are under way at once, over all recordings, threads and loops.

    Whoever asks first is served first. A recording asks for one slot at a time, so that many of
    them take turns.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._begin()
        forks.renewed_in_children(self)

    def _begin(self) -> None:
        self._held: set[Slot] = set()
        self._queue: deque[Slot] = deque()
        # Reentrant: collecting garbage in here may close an iterator that gives its slots back.
        self._lock = threading.RLock()

    def renew(self) -> object:
        """In a child of the process: its parent's pieces are not under way there."""
        left = self._held, self._queue
        self._begin()
        return left

    def ask(self) -> Slot:
        """A place in the queue."""
        slot = Slot(self)
        with self._lock:
            if len(self._held) < self.size:
                self._held.add(slot)
                slot.settled.set_result(None)
            else:
                self._queue.append(slot)
        return slot

    def _take_back(self, slot: Slot) -> None:
        with self._lock:
            if slot.is_over:
                return
            slot.is_over = True
            if slot in self._held:
                self._held.remove(slot)
                self._let_in()
            elif slot in self._queue:
                self._queue.remove(slot)
                slot.settled.set_result(None)

    def _let_in(self) -> None:
        if self._queue:
            slot = self._queue.popleft()
            self._held.add(slot)
            slot.settled.set_result(None)
