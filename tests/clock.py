"""Time that passes only when somebody sleeps."""

import asyncio
import threading


class FakeClock:
    """A `retry.Clock` for tests: nobody waits, and what each sleeper asked for is kept.

    Several threads may sleep at once: each wakes at its own moment, and time never goes back.

    Attributes:
        sleeps: Seconds asked for, in order.
    """

    def __init__(self) -> None:
        self.sleeps: list[float] = []
        self._now = 0.0
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Go on at once, `seconds` later."""
        with self._lock:
            self.sleeps.append(seconds)
            self._now += seconds

    async def asleep(self, seconds: float) -> None:
        """The same, after the other tasks had their turn."""
        self.sleep(seconds)
        await asyncio.sleep(0)
