"""A clock that advances only when somebody sleeps."""

import asyncio
import threading


class FakeClock:
    """A `retry.Clock` whose sleeps return at once and are recorded.

    Threads sleep one after the other; tasks sleep at the same time.

    Args:
        lateness: Seconds added to every sleep, as on a busy machine. Defaults to 0.

    Attributes:
        sleeps: Requested seconds, in order.
    """

    def __init__(self, lateness: float = 0.0) -> None:
        self.sleeps: list[float] = []
        self._lateness = lateness
        self._now = 1000.0
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        """Return seconds since an arbitrary moment."""
        return self._now

    def sleep(self, seconds: float, wake: threading.Event) -> None:  # noqa: ARG002  # never waits
        """Advance the clock by `seconds` and return at once."""
        with self._lock:
            self.sleeps.append(seconds)
            self._now += seconds + self._lateness

    async def asleep(self, seconds: float) -> None:
        """Advance the clock to the end of this sleep, after other tasks could begin theirs."""
        wake = self._now + seconds + self._lateness
        self.sleeps.append(seconds)
        await asyncio.sleep(0)
        with self._lock:
            self._now = max(self._now, wake)
