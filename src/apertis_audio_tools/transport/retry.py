"""When to try again, how long to wait before, and when to stop: once, for both colours."""

import asyncio
import logging
import random
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from tenacity import RetryCallState

from apertis_audio_tools.concurrency import fork_safety
from apertis_audio_tools.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    CertificateError,
    RateLimitError,
    ServerError,
)

logger = logging.getLogger("apertis_audio_tools")

_BACKOFF_FIRST, _BACKOFF_MOST = 0.5, 8.0
_JITTER = 0.25
_RETRIED_STATUSES = frozenset({408, 409, 425})
_WINDOW = 60.0
_ON_ITS_WAY = 1.0
"""Seconds by which requests may reach the service closer together than they were sent."""


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
        self._lock = fork_safety.ForkSafeLock()

    def extend(self, until: float) -> None:
        """Nobody sends before `until`, in seconds of the clock."""
        with self._lock:
            self._until = max(self._until, until)

    def remaining(self, now: float) -> float:
        """Seconds still to wait at `now`; not positive when free."""
        return self._until - now


class RateLimiter:
    """How many requests a client sends to each model in any 60 s.

    Args:
        per_minute: That many; None for no limit.
    """

    def __init__(self, per_minute: int | None = None) -> None:
        self._per_minute = per_minute
        self._sent: defaultdict[str, deque[float]] = defaultdict(
            lambda: deque[float](maxlen=per_minute)
        )
        self._lock = fork_safety.ForkSafeLock()

    def take(self, model: str | None, now: float) -> float:
        """Count a request that is sent now and return 0; or the seconds until there is room."""
        if self._per_minute is None or model is None:
            return 0.0
        with self._lock:
            sent = self._sent[model]
            if len(sent) == self._per_minute:
                wait = sent[0] + _WINDOW + _ON_ITS_WAY - now
                if wait > 0:
                    return wait
            sent.append(now)
        return 0.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The retry policy of one client, and how fast it may send.

    Attributes:
        max_retries: Attempts after the first.
        max_wait: Seconds of waiting the service may ask for; more is raised at once. The
            service's rate-limit windows are up to 180 s long (its rate-limit page).
        clock: Where time comes from.
        cooldown: Of all workers, after the service said "too many".
        limit: Of what is sent in the first place, retries and all.
    """

    max_retries: int
    max_wait: float
    clock: Clock
    cooldown: Cooldown = field(default_factory=Cooldown)
    limit: RateLimiter = field(default_factory=RateLimiter)
    chance: Callable[[], float] = random.random

    def tenacity_options(self, deadline: float, is_given_up: Callable[[], bool]) -> dict[str, Any]:
        """What tenacity's ``Retrying`` and ``AsyncRetrying`` need for one call.

        Args:
            deadline: When the call has to be over, by the clock.
            is_given_up: Whether there will be no further attempt, whatever the policy says.
        """

        def stop(state: RetryCallState) -> bool:
            too_late = self.clock.monotonic() + state.upcoming_sleep >= deadline
            return too_late or state.attempt_number > self.max_retries

        def before_sleep(state: RetryCallState) -> None:
            if not is_given_up():
                _log(state)

        return {
            "retry": self._judge,
            "wait": self._wait,
            "stop": stop,
            "before_sleep": before_sleep,
            "reraise": True,
        }

    def seconds_until_allowed(self, deadline: float, model: str | None = None) -> float:
        """Seconds to wait before asking again; 0 to send at once, which is counted.

        Args:
            deadline: When the call has to be over, by the clock.
            model: Whom the request is for, if anybody.

        Raises:
            RateLimitError: The wait would outlast the deadline, or what waits are allowed.
        """
        now = self.clock.monotonic()
        cooling = self.cooldown.remaining(now)
        if cooling > 0:
            if cooling > self.max_wait or now + cooling >= deadline:
                raise RateLimitError(
                    f"The service asked to wait {cooling:.0f} s, longer than this call may.",
                    status=429,
                    retry_after=cooling,
                )
            return self._spread(cooling, deadline - now)
        wait = self.limit.take(model, now)
        if now + wait >= deadline and wait:
            raise RateLimitError(
                f"{model} gets no more than requests_per_minute allows, and it is full for "
                f"{wait:.0f} s, longer than this call may wait.",
                retry_after=wait,
            )
        return self._spread(wait, deadline - now) if wait else 0.0

    def _spread(self, wait: float, left: float) -> float:
        """A little longer than the wait, so that not all end at once, but not all that is left."""
        return wait + min(wait * _JITTER, left - wait) / 2 * self.chance()

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
            return not isinstance(error, CertificateError)
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

    def _judge(self, state: RetryCallState) -> bool:
        """Whether to try again; "too many" is heeded by all workers, even if this one gives up."""
        error = _failure(state)
        if isinstance(error, RateLimitError) and error.status is not None:
            self.cooldown.extend(self.clock.monotonic() + self._wait(state))
        return error is not None and self.is_worth_retrying(error)


def _failure(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _log(state: RetryCallState) -> None:
    error, wait, number = _failure(state), state.upcoming_sleep, state.attempt_number
    status = getattr(error, "status", None)
    why = type(error).__name__ + (f" (status {status})" if status else "")
    told = {"why": why, "wait": wait}  # for who shows many of them
    logger.info(
        "Attempt %d failed, trying again in %.1f s. %s", number, wait, str(error), extra=told
    )
