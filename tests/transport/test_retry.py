"""Failed attempts are retried after a wait, within the deadline."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from apertis_audio_tools import APITimeoutError, RateLimitError, ServerError
from apertis_audio_tools.transport.retry import RetryPolicy
from support.fake_clock import FakeClock
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_error, respond_json
from support.sync_async import Run

MODELS = respond_json({"data": [{"id": "whisper-1"}]})
NOON, NOON_UNIX = "Sun, 22 Nov 2026 12:00:00 GMT", 1_795_348_800


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock()


def test_backoff(run: Run, clock: FakeClock) -> None:
    """By default waits double from 0.5 to 8 seconds, with up to a quarter of jitter."""
    with (
        LoopbackServer([respond_error(500)]) as server,
        server.client(clock=clock, max_retries=6) as audio,
        pytest.raises(ServerError),
    ):
        run(audio, "models")
    longest = [0.5, 1.0, 2.0, 4.0, 8.0, 8.0]
    shares = [wait / most for wait, most in zip(clock.sleeps, longest, strict=True)]
    assert all(0.75 <= share <= 1 for share in shares)
    assert len(set(shares)) > 1
    assert len(server.requests) == 7


def test_no_retries(run: Run, clock: FakeClock) -> None:
    """With max_retries=0 there is one attempt."""
    with (
        LoopbackServer([respond_error(500)]) as server,
        server.client(clock=clock, max_retries=0) as audio,
        pytest.raises(ServerError),
    ):
        run(audio, "models")
    assert (len(server.requests), clock.sleeps) == (1, [])


@pytest.mark.parametrize(("seconds", "options"), [("191", {}), ("11", {"max_wait": 10.0})])
def test_wait_longer_than_max_wait(
    run: Run, clock: FakeClock, seconds: str, options: dict[str, float]
) -> None:
    """If the service asks for a longer wait than allowed, the error is raised at once."""
    script = [respond_error(429, "rate_limit_exceeded", retry_after=seconds)]
    with LoopbackServer(script) as server, server.client(clock=clock, **options) as audio:
        with pytest.raises(RateLimitError) as caught:
            run(audio, "models")
        assert caught.value.retry_after == float(seconds)
    assert (len(server.requests), clock.sleeps) == (1, [])


def test_longest_window_is_waited_for(run: Run, clock: FakeClock) -> None:
    """The longest documented rate-limit window is within the default of max_wait."""
    script = [respond_error(429, "rate_limit_exceeded", retry_after="190"), MODELS]
    with LoopbackServer(script) as server, server.client(clock=clock) as audio:
        assert run(audio, "models")
    assert clock.sleeps == [190.0]


def test_rate_limit_error(run: Run) -> None:
    """The error has all fields that the service sent."""
    limited = respond_json(
        {"error": {"message": "Slow down", "code": "rate_limit_exceeded", "param": "model"}},
        429,
        retry_after="3",
        x_request_id="req-42",
    )
    with LoopbackServer([limited]) as server, server.client(max_retries=0) as audio:
        with pytest.raises(RateLimitError, match="Slow down") as caught:
            run(audio, "models")
        found = caught.value
    assert (found.status, found.code, found.param) == (429, "rate_limit_exceeded", "model")
    assert (found.request_id, found.retry_after) == ("req-42", 3.0)


def test_deadline(run: Run, clock: FakeClock) -> None:
    """The last error is raised instead of a wait past the deadline."""
    script = [respond_error(429, "rate_limit_exceeded", retry_after="60")]
    with (
        LoopbackServer(script) as server,
        server.client(clock=clock, deadline=100.0) as audio,
        pytest.raises(RateLimitError),
    ):
        run(audio, "models")
    assert (len(server.requests), clock.sleeps) == (2, [60.0])


def test_wake_up_after_the_deadline(run: Run) -> None:
    """A call that wakes up after the deadline sends nothing more."""
    clock = FakeClock(lateness=50.0)
    script = [respond_error(429, "rate_limit_exceeded", retry_after="60")]
    with (
        LoopbackServer(script) as server,
        server.client(clock=clock, deadline=100.0) as audio,
        pytest.raises(APITimeoutError, match="over before it was sent"),
    ):
        run(audio, "models")
    assert len(server.requests) == 1


def test_one_refusal_stops_all_threads(clock: FakeClock) -> None:
    """After one "too many requests" no thread of the client sends during the cooldown."""
    script = [respond_error(429, "rate_limit_exceeded", retry_after="30"), MODELS]
    with (
        LoopbackServer(script, now=clock.monotonic) as server,
        server.client(clock=clock, max_retries=0) as audio,
    ):
        with pytest.raises(RateLimitError):
            audio.models()
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: audio.models(), range(8)))
    first, *others = [request.at for request in server.requests]
    assert len(others) == 8
    assert min(others) >= first + 30


async def test_one_refusal_stops_all_tasks(clock: FakeClock) -> None:
    """After one "too many requests" all tasks wait, for slightly different times."""
    script = [respond_error(429, "rate_limit_exceeded", retry_after="30"), MODELS]
    with LoopbackServer(script, now=clock.monotonic) as server:
        async with server.client(clock=clock, max_retries=0) as audio:
            with pytest.raises(RateLimitError):
                await audio.amodels()
            await asyncio.gather(*(audio.amodels() for _ in range(8)))
    first, *others = [request.at for request in server.requests]
    assert min(others) >= first + 30
    assert 30 <= min(clock.sleeps) < max(clock.sleeps) <= 30 * 1.125


def test_too_long_a_cooldown(run: Run, clock: FakeClock) -> None:
    """A call whose deadline ends during a cooldown fails, and sends nothing."""
    script = [respond_error(429, "rate_limit_exceeded", retry_after="150")]
    with (
        LoopbackServer(script) as server,
        server.client(clock=clock, deadline=100.0, max_retries=0) as audio,
    ):
        for _ in range(2):
            with pytest.raises(RateLimitError) as caught:
                run(audio, "models")
            assert caught.value.retry_after == 150.0
    assert (len(server.requests), clock.sleeps) == (1, [])


def test_jitter_stays_within_the_deadline(clock: FakeClock) -> None:
    """Jitter never makes a wait end after the deadline."""
    retry = RetryPolicy(5, 190.0, clock, random_source=lambda: 1.0)
    now = clock.monotonic()
    retry.cooldown.extend(now + 90)
    assert 90 < retry.seconds_until_allowed(deadline=now + 100) < 100
