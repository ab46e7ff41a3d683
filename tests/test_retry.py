"""What is tried again, when, and for how long."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from apertis_audio_tools import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AudioRequiresPaygError,
    AuthenticationError,
    InvalidRequestError,
    MalformedAnswerError,
    NotFoundError,
    PaymentError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TooLargeError,
)
from apertis_audio_tools.retry import Retry
from behaviours import answer, chunked, error, json_answer, raw, reset, truncated
from clock import FakeClock
from colours import Run
from loopback import Behaviour, Loopback

MODELS = json_answer({"data": [{"id": "whisper-1"}]})
NOON, NOON_UNIX = "Sun, 22 Nov 2026 12:00:00 GMT", 1_795_348_800


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after_ms": "1500"}, 1.5),
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "Sun, 22 Nov 2026 12:00:30 GMT", "date": NOON}, 30.0),
        ({"x_ratelimit_reset": str(NOON_UNIX + 170), "date": NOON}, 170.0),
    ],
)
def test_waits_as_told(run: Run, clock: FakeClock, headers: dict[str, str], seconds: float) -> None:
    """The service's own word decides how long to wait after "too many requests"."""
    script = [error(429, "rate_limit_exceeded", **headers), MODELS]
    with Loopback(script, now=clock.monotonic) as server, server.client(clock=clock) as audio:
        assert run(audio, "models") == ("whisper-1",)
    assert clock.sleeps == [seconds]
    assert server.requests[1].at - server.requests[0].at == seconds


def test_waits_as_told_by_a_failing_service(run: Run, clock: FakeClock) -> None:
    """A service that is down may say when it will be back, too."""
    script = [error(503, "service_unavailable", retry_after="12"), MODELS]
    with Loopback(script) as server, server.client(clock=clock) as audio:
        run(audio, "models")
    assert clock.sleeps == [12.0]


def test_backoff(run: Run, clock: FakeClock) -> None:
    """Without a word the waits double from half a second to eight, up to a quarter shorter."""
    with (
        Loopback([error(500)]) as server,
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
        Loopback([error(500)]) as server,
        server.client(clock=clock, max_retries=0) as audio,
        pytest.raises(ServerError),
    ):
        run(audio, "models")
    assert (len(server.requests), clock.sleeps) == (1, [])


@pytest.mark.parametrize(("said", "options"), [("191", {}), ("11", {"max_wait": 10.0})])
def test_cap(run: Run, clock: FakeClock, said: str, options: dict[str, float]) -> None:
    """Who is asked to wait longer than allowed hears of it at once, with the seconds."""
    script = [error(429, "rate_limit_exceeded", retry_after=said)]
    with Loopback(script) as server, server.client(clock=clock, **options) as audio:
        with pytest.raises(RateLimitError) as caught:
            run(audio, "models")
        assert caught.value.retry_after == float(said)
    assert (len(server.requests), clock.sleeps) == (1, [])


def test_longest_window_is_waited_for(run: Run, clock: FakeClock) -> None:
    """The longest window of the documented limits, and a little more, is within the cap."""
    script = [error(429, "rate_limit_exceeded", retry_after="190"), MODELS]
    with Loopback(script) as server, server.client(clock=clock) as audio:
        assert run(audio, "models")
    assert clock.sleeps == [190.0]


def test_rate_limit_error(run: Run) -> None:
    """The error says all that the service said."""
    limited = json_answer(
        {"error": {"message": "Slow down", "code": "rate_limit_exceeded", "param": "model"}},
        429,
        retry_after="3",
        x_request_id="req-42",
    )
    with Loopback([limited]) as server, server.client(max_retries=0) as audio:
        with pytest.raises(RateLimitError, match="Slow down") as caught:
            run(audio, "models")
        found = caught.value
    assert (found.status, found.code, found.param) == (429, "rate_limit_exceeded", "model")
    assert (found.request_id, found.retry_after) == ("req-42", 3.0)


def test_deadline(run: Run, clock: FakeClock) -> None:
    """No wait goes past the deadline of the call: the last refusal is raised instead."""
    script = [error(429, "rate_limit_exceeded", retry_after="60")]
    with (
        Loopback(script) as server,
        server.client(clock=clock, deadline=100.0) as audio,
        pytest.raises(RateLimitError),
    ):
        run(audio, "models")
    assert (len(server.requests), clock.sleeps) == (2, [60.0])


def test_overslept(run: Run) -> None:
    """Whoever wakes after the deadline sends nothing more, and says why."""
    clock = FakeClock(lateness=50.0)
    script = [error(429, "rate_limit_exceeded", retry_after="60")]
    with (
        Loopback(script) as server,
        server.client(clock=clock, deadline=100.0) as audio,
        pytest.raises(APITimeoutError, match="over before it was sent"),
    ):
        run(audio, "models")
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_worth_retrying(run: Run, status: int) -> None:
    """What may pass by itself is tried again."""
    with Loopback([error(status), MODELS]) as server, server.client() as audio:
        assert run(audio, "models") == ("whisper-1",)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "broken",
    [
        raw(b""),
        raw(b"HTTP/1.1 200 OK\r\nContent-"),
        raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
        truncated(b'{"data": ['),
        reset(),
        reset(data=b"HTTP/1.1 200 OK\r\ncontent-length: 90\r\n\r\n{"),
        chunked([b'{"data": []}'], "application/json", is_whole=False),
    ],
)
def test_broken_answers_are_asked_for_again(run: Run, broken: Behaviour) -> None:
    """An answer that did not arrive whole counts for nothing."""
    with Loopback([broken, MODELS]) as server, server.client() as audio:
        assert run(audio, "models") == ("whisper-1",)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_request", InvalidRequestError),
        (401, "invalid_api_key", AuthenticationError),
        (402, "insufficient_balance", PaymentError),
        (403, "model_access_denied", PermissionDeniedError),
        (403, "audio_requires_payg", AudioRequiresPaygError),
        (404, "model_not_found", NotFoundError),
        (413, "file_too_large", TooLargeError),
        (422, "invalid_parameter", InvalidRequestError),
        (429, "quota_exceeded", PaymentError),
        (429, "insufficient_quota", PaymentError),
    ],
)
def test_not_worth_retrying(run: Run, status: int, code: str, kind: type[APIStatusError]) -> None:
    """What cannot pass by itself is asked once, even when the service says to come back."""
    with (
        Loopback([error(status, code, retry_after="1")]) as server,
        server.client() as audio,
        pytest.raises(kind),
    ):
        run(audio, "models")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "nonsense",
    [
        answer(200, b"<html>Welcome</html>", "text/html"),
        answer(200, b"", "application/json"),
        answer(204),
        json_answer([1]),
        json_answer({"error": {"message": "No", "code": "internal_error"}}),
        answer(200, b'{"data": [\xff]}', "application/json"),
    ],
)
def test_nonsense_is_asked_for_once(run: Run, nonsense: Behaviour) -> None:
    """A whole answer that cannot be believed was paid for: asking again would only cost more."""
    with (
        Loopback([nonsense]) as server,
        server.client() as audio,
        pytest.raises(MalformedAnswerError),
    ):
        run(audio, "models")
    assert len(server.requests) == 1


def test_one_refusal_stops_all_threads(clock: FakeClock) -> None:
    """After one "too many requests" no thread of the client sends before the time is up."""
    script = [error(429, "rate_limit_exceeded", retry_after="30"), MODELS]
    with (
        Loopback(script, now=clock.monotonic) as server,
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
    """The same for tasks, which all wait at once, and not to the same moment."""
    script = [error(429, "rate_limit_exceeded", retry_after="30"), MODELS]
    with Loopback(script, now=clock.monotonic) as server:
        async with server.client(clock=clock, max_retries=0) as audio:
            with pytest.raises(RateLimitError):
                await audio.amodels()
            await asyncio.gather(*(audio.amodels() for _ in range(8)))
    first, *others = [request.at for request in server.requests]
    assert min(others) >= first + 30
    assert 30 <= min(clock.sleeps) < max(clock.sleeps) <= 30 * 1.125


def test_too_long_a_cooldown(run: Run, clock: FakeClock) -> None:
    """A call that would have to wait past its deadline is refused here, and nothing is sent."""
    script = [error(429, "rate_limit_exceeded", retry_after="150")]
    with (
        Loopback(script) as server,
        server.client(clock=clock, deadline=100.0, max_retries=0) as audio,
    ):
        for _ in range(2):
            with pytest.raises(RateLimitError) as caught:
                run(audio, "models")
            assert caught.value.retry_after == 150.0
    assert (len(server.requests), clock.sleeps) == (1, [])


def test_spread_stays_within_the_deadline(clock: FakeClock) -> None:
    """What is added to a wait, so that not all end at once, never costs the call its life."""
    retry = Retry(5, 190.0, clock, chance=lambda: 1.0)
    now = clock.monotonic()
    retry.cooldown.extend(now + 90)
    assert 90 < retry.hold(deadline=now + 100) < 100


HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 999\r\n\r\n"


def test_stream_before_its_first_byte(run: Run) -> None:
    """A stream that breaks before anything was handed on is begun again."""
    script = [reset(), reset(data=HEAD), answer(200, b"ID3 sound", "audio/mpeg")]
    with Loopback(script) as server, server.client() as audio:
        assert b"".join(run(audio, "stream_speech", "Hello.")) == b"ID3 sound"
    assert len(server.requests) == 3


def test_stream_after_its_first_byte(run: Run) -> None:
    """What was handed on cannot be taken back: the broken connection is raised."""
    with (
        Loopback([truncated(b"ID3", media_type="audio/mpeg")]) as server,
        server.client() as audio,
        pytest.raises(APIConnectionError),
    ):
        run(audio, "stream_speech", "Hello.")
    assert len(server.requests) == 1
