"""Stop event and notifier that work across threads and event loops."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from apertis_audio_tools.concurrency import fork_safety


class StopEvent:
    """Word that nothing more is to be sent; it reaches those who wait, wherever they do.

    Attributes:
        event: What threads sleep on.
    """

    def __init__(self) -> None:
        self._begin()
        fork_safety.renewed_in_children(self)

    def _begin(self) -> None:
        self.event = threading.Event()
        self._lock = threading.RLock()
        self._callbacks: set[Callable[[], object]] = set()

    def renew(self) -> object:
        """In a child of the process, where nobody waits and nobody would give the lock back."""
        left, was_set = (self.event, self._callbacks), self.is_set
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
            for function in tuple(self._callbacks):
                function()

    @contextlib.contextmanager
    def callback(self, function: Callable[[], object]) -> Iterator[None]:
        """Call `function`, from any thread, when the event is set: now or inside the block."""
        with self._lock:
            self._callbacks.add(function)
            if self.is_set:
                function()
        try:
            yield
        finally:
            with self._lock:
                self._callbacks.discard(function)


class Notifier:
    """Rings when something has happened, for whoever waits for it in a thread or an event loop.

    Attributes:
        future: Done when it rings, for the first time since it was heard.
    """

    def __init__(self) -> None:
        self.future = uncancellable_future()
        self._lock = fork_safety.ForkSafeLock()

    def notify(self) -> None:
        """Ring, from any thread."""
        with self._lock:
            if not self.future.done():
                self.future.set_result(None)

    def take(self) -> bool:
        """Whether it has rung since this was last asked."""
        with self._lock:
            has_rung = self.future.done()
            if has_rung:
                self.future = uncancellable_future()
        return has_rung


def uncancellable_future() -> Future[None]:
    """Return a future that an event loop cannot cancel."""
    future = Future[None]()
    future.set_running_or_notify_cancel()
    return future
