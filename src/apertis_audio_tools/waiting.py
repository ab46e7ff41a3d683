"""What is waited for in threads and in event loops alike: room to send, and word to stop."""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Self


class Halt:
    """Word that nothing more is to be sent; it reaches those who wait, wherever they do.

    Attributes:
        event: What threads sleep on.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self._lock = threading.RLock()
        self._wakers: set[Callable[[], object]] = set()

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


class Slot:
    """Room for one piece, from before it is cut until it is answered: asked for, held, given back.

    As a context manager it gives itself back. That may happen twice, and from any thread.

    Attributes:
        settled: Done once the room is there, or nobody waits for it any more. Threads wait for it
            as it is, event loops for what ``asyncio.wrap_future`` makes of it.
    """

    def __init__(self, slots: "Slots") -> None:
        self.settled: Future[None] = Future()
        self.settled.set_running_or_notify_cancel()  # an event loop cannot cancel it
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
        self._free = size
        self._queue: deque[Slot] = deque()
        # Reentrant: collecting garbage in here may close an iterator that gives its slots back.
        self._lock = threading.RLock()

    def ask(self) -> Slot:
        """A place in the queue."""
        slot = Slot(self)
        with self._lock:
            if self._free:
                self._free -= 1
                slot.settled.set_result(None)
            else:
                self._queue.append(slot)
        return slot

    def _take_back(self, slot: Slot) -> None:
        with self._lock:
            if slot.is_over:
                return
            slot.is_over = True
            if not slot.settled.done():
                self._queue.remove(slot)
                slot.settled.set_result(None)
            elif self._queue:
                self._queue.popleft().settled.set_result(None)
            else:
                self._free += 1
