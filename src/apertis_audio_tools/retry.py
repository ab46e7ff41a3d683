"""When to try again, how long to wait before, and when to stop: once, for both colours."""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from tenacity import RetryCallState, retry_if_exception

from apertis_audio_tools.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    RateLimitError,
    ServerError,
)

logger = logging.getLogger("apertis_audio_tools")

_BACKOFF_FIRST, _BACKOFF_MOST = 0.5, 8.0
_JITTER = 0.25
_RETRIED_STATUSES = frozenset({408, 409, 425})


class Clock(Protocol):
    """Time as the client sees it; tests bring their own and never sleep."""

    def monotonic(self) -> float:
        """Seconds since some moment."""

    def sleep(self, seconds: float, wake: threading.Event) -> None:
        """Block for `seconds`, or until the event."""

    async def asleep(self, seconds: float) -> None:
        """Let others run for `seconds`."""


class SystemClock:
    """The machine's own time."""

    def monotonic(self) -> float:
        """Seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float, wake: threading.Event) -> None:
        """Block for `seconds`, or until the event."""
        wake.wait(min(seconds, threading.TIMEOUT_MAX))

    async def asleep(self, seconds: float) -> None:
        """Let others run for `seconds`."""
        await asyncio.sleep(seconds)


class Cooldown:
    """The moment before which no worker of a client sends, after the service said "too many"."""

    def __init__(self) -> None:
        self._until = float("-inf")
        self._lock = threading.Lock()

    def extend(self, until: float) -> None:
        """Nobody sends before `until`, in seconds of the clock."""
        with self._lock:
            self._until = max(self._until, until)

    def remaining(self, now: float) -> float:
        """Seconds still to wait at `now`; not positive when free."""
        return self._until - now


@dataclass(frozen=True, slots=True)
class Retry:
    """The retry policy of one client.

    Attributes:
        max_retries: Attempts after the first.
        max_wait: Seconds of waiting the service may ask for; more is raised at once. The
            service's rate-limit windows are up to 180 s long (its rate-limit page).
        clock: Where time comes from.
    """

    max_retries: int
    max_wait: float
    clock: Clock
    cooldown: Cooldown = field(default_factory=Cooldown)
    chance: Callable[[], float] = random.random

    def rules(self, deadline: float) -> dict[str, Any]:
        """What tenacity's ``Retrying`` and ``AsyncRetrying`` need for one call."""

        def stop(state: RetryCallState) -> bool:
            too_late = self.clock.monotonic() + state.upcoming_sleep >= deadline
            return too_late or state.attempt_number > self.max_retries

        return {
            "retry": retry_if_exception(self.is_worth_retrying),
            "after": self._cool_down,
            "wait": self._wait,
            "stop": stop,
            "before_sleep": _log,
            "reraise": True,
        }

    def hold(self, deadline: float) -> float:
        """Seconds to wait before sending, because another worker was told to; 0 to go ahead.

        Raises:
            RateLimitError: The wait would outlast the deadline.
        """
        now = self.clock.monotonic()
        remaining = self.cooldown.remaining(now)
        if remaining <= 0:
            return 0.0
        spare = deadline - now - remaining
        if spare <= 0:
            raise RateLimitError(
                f"The service asked to wait {remaining:.0f} s, longer than this call may take.",
                status=429,
                retry_after=remaining,
            )
        return remaining + min(remaining * _JITTER / 2, spare / 2) * self.chance()

    def time_left(self, deadline: float) -> float:
        """Seconds an attempt may take that begins now.

        Raises:
            APITimeoutError: There are none.
        """
        left = deadline - self.clock.monotonic()
        if left <= 0:
            raise APITimeoutError("The time allowed for this call was over before it was sent.")
        return left

    def is_worth_retrying(self, error: BaseException) -> bool:
        """Whether the same request may well succeed later, within the time allowed."""
        if isinstance(error, APIConnectionError):
            return True
        if not isinstance(error, APIStatusError) or (error.retry_after or 0.0) > self.max_wait:
            return False
        return isinstance(error, RateLimitError | ServerError) or error.status in _RETRIED_STATUSES

    def _wait(self, state: RetryCallState) -> float:
        said: float | None = getattr(_failure(state), "retry_after", None)
        if said is not None:
            return said
        exponent = min(state.attempt_number - 1, 10)
        backoff: float = min(_BACKOFF_FIRST * 2**exponent, _BACKOFF_MOST)
        return backoff * (1 - _JITTER * self.chance())

    def _cool_down(self, state: RetryCallState) -> None:
        error = _failure(state)
        if isinstance(error, RateLimitError):
            self.cooldown.extend(self.clock.monotonic() + self._wait(state))


def _failure(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _log(state: RetryCallState) -> None:
    error = _failure(state)
    logger.info(
        "%s (status %s): attempt %d failed, waiting %.1f s",
        type(error).__name__,
        getattr(error, "status", None),
        state.attempt_number,
        state.upcoming_sleep,
    )
