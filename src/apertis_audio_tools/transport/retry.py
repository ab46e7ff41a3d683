"""Retry policy: whether to try again, how long to wait before that, and when to give up."""

import asyncio
import logging
import random
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Protocol, TypedDict

from apertis_audio_tools.concurrency.fork_safety import ForkSafeLock
from apertis_audio_tools.errors import (
    ApertisError,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    CertificateError,
    RateLimitError,
    ServerError,
)

if TYPE_CHECKING:
    from tenacity import RetryCallState

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

_MIN_BACKOFF, _MAX_BACKOFF = 0.5, 8.0
_JITTER = 0.25
_RETRIED_STATUSES = frozenset({408, 409, 425})
_WINDOW_SECONDS = 60.0
_TRANSIT_SECONDS = 1.0
"""Seconds by which requests may arrive closer together than they were sent."""


class Clock(Protocol):
    """Time as the client sees it. Tests bring their own and never sleep."""

    def monotonic(self) -> float:
        """Return the seconds since some moment."""

    def sleep(self, seconds: float, wake: threading.Event) -> None:
        """Block for `seconds`, or until the event is set."""

    async def asleep(self, seconds: float) -> None:
        """Suspend the task for `seconds`."""

    def today(self) -> date:
        """Return the day on which models retire, or have retired."""


class SystemClock:
    """Time of the system."""

    def monotonic(self) -> float:
        """Return the seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float, wake: threading.Event) -> None:
        """Block for `seconds`, or until the event is set."""
        wake.wait(min(seconds, threading.TIMEOUT_MAX))

    async def asleep(self, seconds: float) -> None:
        """Suspend the task for `seconds`."""
        await asyncio.sleep(seconds)

    def today(self) -> date:
        """Return the day in UTC."""
        return datetime.now(UTC).date()


class Cooldown:
    """Time for which no worker of a client sends, after a response "too many requests"."""

    def __init__(self) -> None:
        self._until = float("-inf")
        self._lock = ForkSafeLock()

    def extend(self, until: float, model: str | None = None) -> None:  # noqa: ARG002  # for all
        """Forbid sending before `until`, in seconds of the clock. A cooldown never gets shorter.

        The model is the one whose request was answered so; here all wait, whatever their model.
        """
        with self._lock:
            self._until = max(self._until, until)

    def remaining(self, now: float, model: str | None = None) -> float:  # noqa: ARG002
        """Return the seconds left at `now` for a model; 0 or less if there is no cooldown."""
        return self._until - now


class RateLimiter:
    """Limit on the requests that a client sends to each model in any 60 s; None for no limit."""

    def __init__(self, per_minute: int | None = None) -> None:
        self._per_minute = per_minute
        self._sent: defaultdict[str, deque[float]] = defaultdict(
            lambda: deque[float](maxlen=per_minute)
        )
        self._lock = ForkSafeLock()

    def reserve(self, model: str | None, now: float) -> float:
        """Count a request that is sent now and return 0, or return the seconds until it may be."""
        if self._per_minute is None or model is None:
            return 0.0
        with self._lock:
            sent = self._sent[model]
            if len(sent) == self._per_minute:
                wait = sent[0] + _WINDOW_SECONDS + _TRANSIT_SECONDS - now
                if wait > 0:
                    return wait
            sent.append(now)
        return 0.0


class TenacityOptions(TypedDict):
    """Options of tenacity's ``Retrying`` and ``AsyncRetrying``."""

    retry: Callable[["RetryCallState"], bool]
    wait: Callable[["RetryCallState"], float]
    stop: Callable[["RetryCallState"], bool]
    before_sleep: Callable[["RetryCallState"], None]
    reraise: bool


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Retry policy and rate limit of one client.

    Attributes:
        max_retries: Number of attempts after the first.
        max_wait: Longest wait, in seconds, that the service may ask for; after longer ones the
            error is raised at once. The service's rate-limit windows are up to 180 s long (its
            rate-limit page).
        clock: Clock that all times refer to.
        cooldown: Cooldown of all workers.
        rate_limiter: Limit on all attempts, including the first of each call.
        random_source: Source of random numbers from 0 to 1, for jitter.
    """

    max_retries: int
    max_wait: float
    clock: Clock
    cooldown: Cooldown = field(default_factory=Cooldown)
    rate_limiter: RateLimiter = field(default_factory=RateLimiter)
    random_source: Callable[[], float] = random.random

    def tenacity_options(
        self, deadline: float, is_given_up: Callable[[], bool], model: str | None = None
    ) -> TenacityOptions:
        """Return the options of tenacity for one call, which ends at a time by the clock.

        Attempts are not logged if `is_given_up` returns True, because no other follows.
        """

        def stop(state: "RetryCallState") -> bool:
            too_late = self.clock.monotonic() + state.upcoming_sleep >= deadline
            return too_late or state.attempt_number > self.max_retries

        def before_sleep(state: "RetryCallState") -> None:
            if not is_given_up():
                _log_retry(state)

        return {
            "retry": lambda state: self._should_retry(state, model),
            "wait": self._wait,
            "stop": stop,
            "before_sleep": before_sleep,
            "reraise": True,
        }

    def seconds_until_allowed(self, deadline: float, model: str | None = None) -> float:
        """Return the seconds to wait before sending a request for a model.

        0 means send now; the request has been counted against the rate limit.

        Raises:
            RateLimitError: If the wait is longer than `max_wait`, or outlasts the deadline.
        """
        now = self.clock.monotonic()
        wait = self.cooldown.remaining(now, model)
        if wait > 0:
            if wait > self.max_wait or now + wait >= deadline:
                raise RateLimitError(
                    f"The service asked to wait {wait:.0f} s, longer than max_wait or deadline "
                    "allow; try again later, or raise them.",
                    retry_after=wait,
                )
            return self._with_jitter(wait, deadline - now)
        wait = self.rate_limiter.reserve(model, now)
        if wait <= 0:
            return 0.0
        if now + wait >= deadline:
            raise RateLimitError(
                f"requests_per_minute allows no request to {model} for {wait:.0f} s, longer than "
                "deadline allows; raise one of them.",
                retry_after=wait,
            )
        return self._with_jitter(wait, deadline - now)

    def _with_jitter(self, wait: float, left: float) -> float:
        """Return a slightly longer wait, within the time left, so that not all end at once."""
        return wait + min(wait * _JITTER, left - wait) / 2 * self.random_source()

    def time_left(self, deadline: float) -> float:
        """Return the seconds left for an attempt, or raise `APITimeoutError` if there are none."""
        left = deadline - self.clock.monotonic()
        if left <= 0:
            raise APITimeoutError("The time allowed for this call was over before it was sent.")
        return left

    def is_worth_retrying(self, error: BaseException) -> bool:
        """Return whether the same request may succeed later, within the wait allowed."""
        if isinstance(error, APIConnectionError):
            return not isinstance(error, CertificateError)
        if not isinstance(error, APIStatusError) or (error.retry_after or 0.0) > self.max_wait:
            return False
        return isinstance(error, RateLimitError | ServerError) or error.status in _RETRIED_STATUSES

    def _wait(self, state: "RetryCallState") -> float:
        error = _failure(state)
        if isinstance(error, ApertisError) and error.retry_after is not None:
            return error.retry_after
        exponent = min(state.attempt_number - 1, 10)
        backoff = min(_MIN_BACKOFF * 2.0**exponent, _MAX_BACKOFF)
        return backoff * (1 - _JITTER * self.random_source())

    def _should_retry(self, state: "RetryCallState", model: str | None) -> bool:
        """Return whether to try again; all workers heed "too many requests", whatever this does."""
        error = _failure(state)
        # Without a status the error is from this policy, and no request was sent.
        if isinstance(error, RateLimitError) and error.status is not None:
            self.cooldown.extend(self.clock.monotonic() + self._wait(state), model)
        return error is not None and self.is_worth_retrying(error)


def _failure(state: "RetryCallState") -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _log_retry(state: "RetryCallState") -> None:
    error, wait, number = _failure(state), state.upcoming_sleep, state.attempt_number
    status = getattr(error, "status", None)
    why = type(error).__name__ + (f" (status {status})" if status else "")
    extra = {"why": why, "wait": wait}  # for handlers that show many of them
    logger.info(
        "Attempt %d failed, trying again in %.1f s. %s", number, wait, str(error), extra=extra
    )
