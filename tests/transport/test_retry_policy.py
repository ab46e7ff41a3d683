"""The retry policy decides by the clock, the error and the limits of the client."""

import logging
import threading

import pytest
from tenacity import RetryCallState, Retrying

from apertis_audio_tools import (
    ApertisError,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    CertificateError,
    RateLimitError,
    ServerError,
)
from apertis_audio_tools.transport.retry import RateLimiter, RetryPolicy, SystemClock
from support.fake_clock import FakeClock


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(name="policy")
def _policy(clock: FakeClock) -> RetryPolicy:
    """Return a policy with the largest jitter."""
    return RetryPolicy(2, 100.0, clock, random_source=lambda: 1.0)


def failed(error: ApertisError, attempt: int = 1, sleep: float = 0.0) -> RetryCallState:
    """Return the state of tenacity after a failed attempt."""
    state = RetryCallState(Retrying(), None, (), {})
    state.attempt_number, state.upcoming_sleep = attempt, sleep
    state.set_exception((type(error), error, None))
    return state


async def test_system_clock() -> None:
    """The clock of the system sleeps until the time is over or the event is set."""
    clock, wake = SystemClock(), threading.Event()
    clock.sleep(0.0, wake)
    await clock.asleep(0.0)
    wake.set()
    clock.sleep(float("inf"), wake)


def test_rate_limit_window() -> None:
    """A request is allowed 61 s after the one it replaces, and counts from then on."""
    limiter = RateLimiter(1)
    assert limiter.reserve("whisper-1", 1000.0) == 0.0
    assert limiter.reserve("whisper-1", 1060.5) == 0.5
    assert limiter.reserve("whisper-1", 1061.0) == 0.0
    assert limiter.reserve("whisper-1", 1061.0) == 61.0


@pytest.mark.parametrize(
    ("attempt", "sleep", "is_over"), [(2, 9.5, False), (2, 10.0, True), (3, 0.0, True)]
)
def test_stopping(
    policy: RetryPolicy, clock: FakeClock, attempt: int, sleep: float, *, is_over: bool
) -> None:
    """There is no attempt after the last retry, nor one that begins at the deadline."""
    options = policy.tenacity_options(clock.monotonic() + 10.0, lambda: False)
    assert options["stop"](failed(ServerError("Down."), attempt, sleep)) is is_over


@pytest.mark.parametrize("is_given_up", [True, False])
def test_log(policy: RetryPolicy, caplog: pytest.LogCaptureFixture, *, is_given_up: bool) -> None:
    """Another attempt is logged with the reason and the wait, unless the call is given up."""
    caplog.set_level(logging.INFO, "apertis_audio_tools")
    before_sleep = policy.tenacity_options(9.0, lambda: is_given_up)["before_sleep"]
    before_sleep(failed(ServerError("It is down.", status=503), 2, 1.25))
    before_sleep(failed(APIConnectionError("It is gone."), 3, 2.0))
    messages = [
        "Attempt 2 failed, trying again in 1.2 s. It is down.",
        "Attempt 3 failed, trying again in 2.0 s. It is gone.",
    ]
    assert caplog.messages == ([] if is_given_up else messages)
    extras = [(vars(record)["why"], vars(record)["wait"]) for record in caplog.records]
    reasons = [("ServerError (status 503)", 1.25), ("APIConnectionError", 2.0)]
    assert extras == ([] if is_given_up else reasons)


@pytest.mark.parametrize(
    ("cooldown", "allowed", "wait"),
    [(0.0, 200.0, 0.0), (0.5, 200.0, 0.5625), (80.0, 200.0, 90.0), (100.0, 110.0, 105.0)],
)
def test_cooldown(
    policy: RetryPolicy, clock: FakeClock, cooldown: float, allowed: float, wait: float
) -> None:
    """The wait is the cooldown with an eighth of jitter, within half of the time left."""
    policy.cooldown.extend(clock.monotonic() + cooldown)
    assert policy.seconds_until_allowed(clock.monotonic() + allowed) == wait


@pytest.mark.parametrize(("cooldown", "allowed"), [(80.0, 80.0), (100.5, 200.0)])
def test_too_long_a_cooldown(
    policy: RetryPolicy, clock: FakeClock, cooldown: float, allowed: float
) -> None:
    """A cooldown up to the deadline, or longer than `max_wait`, is an error."""
    policy.cooldown.extend(clock.monotonic() + cooldown)
    sentence = (
        rf"^The service asked to wait {cooldown:.0f} s, longer than max_wait or deadline allow; "
    )
    with pytest.raises(RateLimitError, match=sentence) as caught:
        policy.seconds_until_allowed(clock.monotonic() + allowed)
    assert caught.value.retry_after == cooldown


@pytest.mark.parametrize(("allowed", "wait"), [(1000.0, 61 * 1.125), (62.0, 61.5), (61.0, None)])
def test_rate_limit(clock: FakeClock, allowed: float, wait: float | None) -> None:
    """The wait for the rate limit has jitter too; a wait up to the deadline is an error."""
    policy = RetryPolicy(2, 100.0, clock, rate_limiter=RateLimiter(1), random_source=lambda: 1.0)
    deadline = clock.monotonic() + allowed
    assert policy.seconds_until_allowed(deadline, "whisper-1") == 0.0
    if wait is not None:
        assert policy.seconds_until_allowed(deadline, "whisper-1") == wait
        return
    with pytest.raises(RateLimitError, match="no request to whisper-1 for 61 s") as caught:
        policy.seconds_until_allowed(deadline, "whisper-1")
    assert caught.value.retry_after == 61.0


def test_requests_without_a_model_are_not_limited() -> None:
    """A request that is for no model is not counted."""
    limiter = RateLimiter(1)
    assert [limiter.reserve(None, 1000.0) for _ in range(3)] == [0.0] * 3


def test_request_at_the_end_of_a_cooldown(clock: FakeClock) -> None:
    """A request that is sent just when a cooldown ends is counted against the rate limit."""
    policy = RetryPolicy(2, 100.0, clock, rate_limiter=RateLimiter(1), random_source=lambda: 0.0)
    policy.cooldown.extend(clock.monotonic())
    deadline = clock.monotonic() + 1000.0
    waits = [policy.seconds_until_allowed(deadline, "whisper-1") for _ in range(2)]
    assert waits == [0.0, 61.0]


def test_short_wait_for_the_rate_limit(clock: FakeClock) -> None:
    """A wait of less than a second is waited for."""
    policy = RetryPolicy(2, 100.0, clock, rate_limiter=RateLimiter(1), random_source=lambda: 0.0)
    policy.rate_limiter.reserve("whisper-1", clock.monotonic() - 60.5)
    assert policy.seconds_until_allowed(clock.monotonic() + 9.0, "whisper-1") == 0.5


def test_time_left(policy: RetryPolicy, clock: FakeClock) -> None:
    """Any time left is enough for an attempt; none is an error."""
    assert policy.time_left(clock.monotonic() + 0.5) == 0.5
    with pytest.raises(APITimeoutError, match=r"^The time allowed .* before it was sent\.$"):
        policy.time_left(clock.monotonic())


@pytest.mark.parametrize(
    ("error", "is_retried"),
    [
        (APIConnectionError("Gone."), True),
        (CertificateError("Not the service."), False),
        (ServerError("Down.", status=503), True),
        (RateLimitError("Slow down.", status=429, retry_after=0.5), True),
        (RateLimitError("Slow down.", status=429, retry_after=0.75), False),
        (APIStatusError("Busy.", status=409), True),
        (APIStatusError("No.", status=400), False),
        (ApertisError("No.", status=409), False),
    ],
    ids=str,
)
def test_errors_worth_retrying(clock: FakeClock, error: ApertisError, *, is_retried: bool) -> None:
    """Only failures that may pass within `max_wait` are retried."""
    policy = RetryPolicy(2, 0.5, clock)
    assert policy.is_worth_retrying(error) is is_retried
    retry = policy.tenacity_options(9.0, lambda: False)["retry"]
    assert retry(failed(error)) is is_retried


@pytest.mark.parametrize(
    ("error", "attempt", "wait"),
    [
        (ServerError("Down."), 1, 0.375),
        (ServerError("Down."), 2, 0.75),
        (ServerError("Down."), 5, 6.0),
        (ServerError("Down."), 5000, 6.0),
        (ServerError("Down.", retry_after=0.0), 5, 0.0),
        (ServerError("Down.", retry_after=90.0), 1, 90.0),
    ],
)
def test_wait(policy: RetryPolicy, error: ApertisError, attempt: int, wait: float) -> None:
    """The wait is that of the service, else it doubles from 0.5 s to 8 s, less jitter."""
    assert policy.tenacity_options(9.0, lambda: False)["wait"](failed(error, attempt)) == wait


def test_cooldown_after_a_refusal(policy: RetryPolicy, clock: FakeClock) -> None:
    """A refusal of the service begins a cooldown, which later ones extend but never shorten."""
    retry = policy.tenacity_options(9.0, lambda: False)["retry"]
    for seconds, remaining in ((30.0, 30.0), (20.0, 30.0), (40.0, 40.0)):
        retry(failed(RateLimitError("Slow down.", status=429, retry_after=seconds)))
        assert policy.cooldown.remaining(clock.monotonic()) == remaining


@pytest.mark.parametrize(
    "error",
    [RateLimitError("Ours.", retry_after=30.0), ServerError("Down.", status=503, retry_after=30.0)],
)
def test_no_cooldown_after_other_errors(
    policy: RetryPolicy, clock: FakeClock, error: ApertisError
) -> None:
    """An error of the client's own limit, or another refusal, does not cool down other calls."""
    policy.tenacity_options(9.0, lambda: False)["retry"](failed(error))
    assert policy.cooldown.remaining(clock.monotonic()) < 0
