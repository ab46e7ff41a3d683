"""Clock whose time passes only while somebody sleeps."""

import asyncio
import threading
from datetime import date

IGNORE_RETIREMENT = ("-W", "ignore::FutureWarning")  # the class itself is not known that early
"""Arguments of Python for processes, in which models retire by the day of the machine."""


class FakeClock:
    """`retry.Clock` for tests, which does not wait, and records the requested sleeps.

    Threads sleep one after the other; tasks sleep at the same time. Time never goes back.

    Args:
        lateness: Seconds by which everybody oversleeps, as on a busy machine.

    Attributes:
        sleeps: Seconds that were requested, in order.
    """

    def __init__(self, lateness: float = 0.0) -> None:
        self.sleeps: list[float] = []
        self._lateness = lateness
        self._now = 1000.0
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        """Return the seconds since some moment."""
        return self._now

    def sleep(self, seconds: float, wake: threading.Event) -> None:  # noqa: ARG002  # never waits
        """Return at once, `seconds` later by this clock."""
        with self._lock:
            self.sleeps.append(seconds)
            self._now += seconds + self._lateness

    def today(self) -> date:
        """Return a day long before any model of the table retires."""
        return date(2026, 1, 1)

    async def asleep(self, seconds: float) -> None:
        """Let other tasks start to sleep too, and return when this sleep is over."""
        wake = self._now + seconds + self._lateness
        self.sleeps.append(seconds)
        await asyncio.sleep(0)
        with self._lock:
            self._now = max(self._now, wake)


class DatedClock(FakeClock):
    """Fake clock on a given day."""

    def __init__(self, year: int, month: int, day: int) -> None:
        super().__init__()
        self._day = date(year, month, day)

    def today(self) -> date:
        """Return the day."""
        return self._day
