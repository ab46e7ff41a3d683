"""Stop event and notifier that work across threads and event loops."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from apertis_audio_tools.concurrency.fork_safety import ForkSafeLock, ProcessLocal


class _Waiters:
    """Threads of one process that sleep until a stop event is set, and its callbacks."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.callbacks: set[Callable[[], object]] = set()
        self.lock = threading.RLock()


class StopEvent:
    """Event that tells threads and event loops to send nothing more."""

    def __init__(self) -> None:
        self.is_set: bool = False
        self._waiters = ProcessLocal(_Waiters)

    @property
    def event(self) -> threading.Event:
        """Event of `threading` that is set with this one, for threads that sleep meanwhile."""
        event = self._waiters.value.event
        if self.is_set:  # perhaps in the parent, before this process was forked
            event.set()
        return event

    def set(self) -> None:
        """Set the event and call the callbacks. Setting it again changes nothing."""
        waiters = self._waiters.value
        with waiters.lock:
            self.is_set = True
            waiters.event.set()
            for function in tuple(waiters.callbacks):
                function()

    @contextlib.contextmanager
    def callback(self, function: Callable[[], object]) -> Iterator[None]:
        """Call `function`, from any thread, if the event is set already or within the context."""
        waiters = self._waiters.value
        with waiters.lock:
            waiters.callbacks.add(function)
            if self.is_set:
                function()
        try:
            yield
        finally:
            waiters = self._waiters.value  # of this process, which may be a child by now
            with waiters.lock:
                waiters.callbacks.discard(function)


class Notifier:
    """Notification that one thread or event loop waits for and any thread sends.

    Attributes:
        future: Future that is done at the first notification since the last `take`.
    """

    def __init__(self) -> None:
        self.future: Future[None] = uncancellable_future()
        self._lock = ForkSafeLock()

    def notify(self) -> None:
        """Complete the future, if it is not done yet."""
        with self._lock:
            if not self.future.done():
                self.future.set_result(None)

    def take(self) -> bool:
        """Return whether there was a notification since the last call, and forget it."""
        with self._lock:
            is_notified = self.future.done()
            if is_notified:
                self.future = uncancellable_future()
        return is_notified


def uncancellable_future() -> Future[None]:
    """Return a future that an event loop cannot cancel."""
    future = Future[None]()
    future.set_running_or_notify_cancel()
    return future
