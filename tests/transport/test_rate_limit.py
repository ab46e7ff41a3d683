"""The rate limit holds for all calls of a client, and so does a cooldown."""

import asyncio
import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, cast

import pytest

from apertis_audio_tools import (
    ApertisAudio,
    ConfigurationError,
    MalformedResponseError,
    RateLimitError,
)
from support.fake_clock import FakeClock
from support.loopback_server import Exchange, LoopbackServer
from support.scripted_responses import respond, respond_error, respond_json
from support.sync_async import Run
from support.timeouts import TIMEOUT
from support.tiny_recordings import NameRecogniser, tiny_recording, tiny_recordings

MODELS = respond_json({"data": [{"id": "whisper-1"}]})
TEXT = respond_json({"text": "one"})


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock()


def most_in_a_minute(server: LoopbackServer) -> int:
    """Return the largest number of requests that arrived in any 60 s."""
    times = [request.at for request in server.requests]
    return max(sum(0 <= at - first < 60 for at in times) for first in times)


def test_over_all_verbs(run: Run, clock: FakeClock) -> None:
    """All verbs with the same model share one limit."""
    with (
        LoopbackServer([TEXT], now=clock.monotonic) as server,
        server.client(clock=clock, requests_per_minute=3) as audio,
    ):
        for _ in range(4):
            run(audio, "transcribe", tiny_recording("a"))
            run(audio, "translate", tiny_recording("a"))
    assert len(server.requests) == 8
    assert most_in_a_minute(server) == 3


@pytest.mark.parametrize(
    ("verb", "arguments", "script"),
    [
        ("speak", ("Hello.",), respond(200, b"ID3" + bytes(99), "audio/mpeg")),
        ("stream_speech", ("Hello.",), respond(200, b"ID3 sound", "audio/mpeg")),
        ("chat", ("Hello?",), respond_json({"choices": [{"message": {"content": "Hi."}}]})),
        ("transcribe_many", (tiny_recordings(4),), TEXT),
    ],
)
def test_every_verb(
    run: Run, clock: FakeClock, verb: str, arguments: tuple[Any, ...], script: Any
) -> None:
    """Every verb that uses a model obeys the limit."""
    with (
        LoopbackServer([script], now=clock.monotonic) as server,
        server.client(clock=clock, requests_per_minute=1, max_concurrency=1) as audio,
    ):
        for _ in range(2):
            with contextlib.suppress(MalformedResponseError):  # the response does not matter here
                run(audio, verb, *arguments)
    assert len(server.requests) >= 2
    assert most_in_a_minute(server) == 1


def test_each_model_has_its_own_limit(run: Run, clock: FakeClock) -> None:
    """Each model has its own limit, and the list of models has none."""
    with (
        LoopbackServer([TEXT, TEXT, MODELS]) as server,
        server.client(clock=clock, requests_per_minute=1) as audio,
    ):
        run(audio, "transcribe", tiny_recording("a"), model="whisper-1")
        run(audio, "transcribe", tiny_recording("a"), model="whisper-large-v3")
        run(audio, "models")
        run(audio, "models")
    assert clock.sleeps == []


def test_retries_count(run: Run, clock: FakeClock) -> None:
    """Retries count against the limit."""
    script = [respond_error(503), respond_error(503), TEXT]
    with (
        LoopbackServer(script, now=clock.monotonic) as server,
        server.client(clock=clock, requests_per_minute=2) as audio,
    ):
        run(audio, "transcribe", tiny_recording("a"))
    assert len(server.requests) == 3
    assert most_in_a_minute(server) == 2


def test_switched_off(run: Run, clock: FakeClock) -> None:
    """None switches the limit off."""
    with (
        LoopbackServer([TEXT]) as server,
        server.client(clock=clock, requests_per_minute=None) as audio,
    ):
        run(audio, "transcribe_many", tiny_recordings(20))
    assert clock.sleeps == []


def test_default(run: Run, clock: FakeClock) -> None:
    """The default is the service's limit for pay-as-you-go keys, 500 per model."""
    with LoopbackServer([MODELS]) as server, server.client(clock=clock) as audio:
        run(audio, "models")
        limit = audio._requests.retry.rate_limiter
        assert [limit.reserve("whisper-1", 1000.0) for _ in range(501)] == [0.0] * 500 + [61.0]
        assert limit.reserve("whisper-1", 1061.0) == 0.0


def test_recordings_share_the_limit(run: Run, clock: FakeClock) -> None:
    """Concurrent recordings share the limit: twelve at four per minute take two minutes."""
    began = clock.monotonic()
    with (
        LoopbackServer([TEXT]) as server,
        server.client(clock=clock, requests_per_minute=4) as audio,
    ):
        run(audio, "transcribe_many", tiny_recordings(12))
    assert clock.monotonic() - began >= 120


async def test_tasks_share_the_limit(clock: FakeClock) -> None:
    """Concurrent tasks share the limit."""
    began = clock.monotonic()
    with LoopbackServer([NameRecogniser()]) as server:
        async with server.client(clock=clock, requests_per_minute=4) as audio:
            found = await asyncio.gather(*(audio.atranscribe(tiny_recording(n)) for n in range(12)))
    assert [each.text for each in found] == [str(n) for n in range(12)]
    assert clock.monotonic() - began >= 120


def test_wait_past_the_deadline(run: Run, clock: FakeClock) -> None:
    """A call that would have to wait past its deadline fails, and sends nothing."""
    with (
        LoopbackServer([TEXT]) as server,
        server.client(clock=clock, requests_per_minute=1, deadline=30.0) as audio,
    ):
        run(audio, "transcribe", tiny_recording("a"))
        with pytest.raises(RateLimitError, match="requests_per_minute") as caught:
            run(audio, "transcribe", tiny_recording("a"))
    assert (caught.value.status, caught.value.retry_after) == (None, 61.0)
    assert (len(server.requests), clock.sleeps) == (1, [])


@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_invalid_limit(value: Any) -> None:
    """An invalid limit is refused."""
    with pytest.raises(ConfigurationError, match="requests_per_minute"):
        ApertisAudio("key-of-a-test", requests_per_minute=value)


def test_wait_longer_than_allowed(run: Run, clock: FakeClock) -> None:
    """After a wait that is longer than allowed, no call is sent until it is over."""
    script = [respond_error(429, "rate_limit_exceeded", retry_after="600"), TEXT]
    with LoopbackServer(script, now=clock.monotonic) as server, server.client(clock=clock) as audio:
        for _ in range(3):
            with pytest.raises(RateLimitError) as caught:
                run(audio, "transcribe", tiny_recording("a"))
            assert caught.value.retry_after == 600.0
        assert (len(server.requests), clock.sleeps) == (1, [])
        clock._now += 500.0
        assert run(audio, "transcribe", tiny_recording("a")).text == "one"
    assert server.requests[1].at >= server.requests[0].at + 600


def test_cooldown_never_gets_shorter(run: Run, clock: FakeClock) -> None:
    """A short wait that another worker receives later does not end a longer cooldown."""
    first_refused = threading.Event()

    def refuse_for_long(exchange: Exchange) -> None:
        server.wait_for_requests(2)
        respond_error(429, "rate_limit_exceeded", retry_after="100")(exchange)

    def refuse_shortly(exchange: Exchange) -> None:
        assert first_refused.wait(TIMEOUT)
        respond_error(429, "rate_limit_exceeded", retry_after="1")(exchange)

    script = [refuse_for_long, refuse_shortly, MODELS]
    with (
        LoopbackServer(script, now=clock.monotonic) as server,
        server.client(clock=clock, max_retries=0) as audio,
        ThreadPoolExecutor(2) as threads,
    ):
        calls = [threads.submit(run, audio, "models") for _ in range(2)]
        waits = []
        for call in as_completed(calls):
            waits.append(cast("RateLimitError", call.exception()).retry_after)
            first_refused.set()
        run(audio, "models")
    assert waits == [100.0, 1.0]
    assert server.requests[2].at >= server.requests[0].at + 100


def test_full_minute_of_one_model(run: Run, clock: FakeClock) -> None:
    """A call that requests_per_minute refuses does not hold up calls of other models."""
    with (
        LoopbackServer([TEXT]) as server,
        server.client(clock=clock, requests_per_minute=1, deadline=30.0) as audio,
    ):
        run(audio, "transcribe", tiny_recording("a"), model="whisper-1")
        with pytest.raises(RateLimitError, match="requests_per_minute"):
            run(audio, "transcribe", tiny_recording("a"), model="whisper-1")
        run(audio, "transcribe", tiny_recording("a"), model="whisper-large-v3")
    assert (len(server.requests), clock.sleeps) == (2, [])


class SlowClock(FakeClock):
    """Clock of a busy machine, on which every reading of it lasts a second."""

    def monotonic(self) -> float:
        """Return the seconds since some moment."""
        self._now += 1.0
        return self._now


def test_calls_refused_in_a_cooldown(run: Run) -> None:
    """A call that a cooldown refuses does not make the cooldown longer."""
    clock = SlowClock()
    script = [respond_error(429, "rate_limit_exceeded", retry_after="600"), TEXT]
    with LoopbackServer(script) as server, server.client(clock=clock, max_retries=0) as audio:
        with pytest.raises(RateLimitError):
            run(audio, "transcribe", tiny_recording("a"))
        latest_end = clock.monotonic() + 600
        for _ in range(5):
            with pytest.raises(RateLimitError) as caught:
                run(audio, "transcribe", tiny_recording("a"))
            assert (caught.value.status, len(server.requests)) == (None, 1)
        clock._now = latest_end
        assert run(audio, "transcribe", tiny_recording("a")).text == "one"
    assert clock.sleeps == []
