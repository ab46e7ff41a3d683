"""No more is sent than the service allows, and its "too many" is heard by all."""

import asyncio
import contextlib
from typing import Any

import pytest

from apertis_audio_tools import (
    ApertisAudio,
    ConfigurationError,
    MalformedResponseError,
    RateLimitError,
)
from support.fake_clock import FakeClock
from support.loopback import Loopback
from support.scripted_responses import answer, error, json_answer
from support.sync_async import Run
from support.tiny_recordings import Names, tinies, tiny

MODELS = json_answer({"data": [{"id": "whisper-1"}]})
TEXT = json_answer({"text": "one"})


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock()


def most_in_a_minute(server: Loopback) -> int:
    """The most requests that arrived in any 60 s."""
    times = [request.at for request in server.requests]
    return max(sum(0 <= at - first < 60 for at in times) for first in times)


def test_over_all_verbs(run: Run, clock: FakeClock) -> None:
    """All verbs that ask one model count together."""
    with (
        Loopback([TEXT], now=clock.monotonic) as server,
        server.client(clock=clock, requests_per_minute=3) as audio,
    ):
        for _ in range(4):
            run(audio, "transcribe", tiny("a"))
            run(audio, "translate", tiny("a"))
    assert len(server.requests) == 8
    assert most_in_a_minute(server) == 3


@pytest.mark.parametrize(
    ("verb", "asked", "script"),
    [
        ("speak", ("Hello.",), answer(200, b"ID3" + bytes(99), "audio/mpeg")),
        ("stream_speech", ("Hello.",), answer(200, b"ID3 sound", "audio/mpeg")),
        ("chat", ("Hello?",), json_answer({"choices": [{"message": {"content": "Hi."}}]})),
        ("transcribe_many", (tinies(4),), TEXT),
    ],
)
def test_every_verb(
    run: Run, clock: FakeClock, verb: str, asked: tuple[Any, ...], script: Any
) -> None:
    """Every verb that asks a model waits for its turn."""
    with (
        Loopback([script], now=clock.monotonic) as server,
        server.client(clock=clock, requests_per_minute=1, max_concurrency=1) as audio,
    ):
        for _ in range(2):
            with contextlib.suppress(MalformedResponseError):  # whatever was answered
                run(audio, verb, *asked)
    assert len(server.requests) >= 2
    assert most_in_a_minute(server) == 1


def test_each_model_by_itself(run: Run, clock: FakeClock) -> None:
    """Models do not wait for each other, and the list of models for none."""
    with (
        Loopback([TEXT, TEXT, MODELS]) as server,
        server.client(clock=clock, requests_per_minute=1) as audio,
    ):
        run(audio, "transcribe", tiny("a"), model="whisper-1")
        run(audio, "transcribe", tiny("a"), model="whisper-large-v3")
        run(audio, "models")
        run(audio, "models")
    assert clock.sleeps == []


def test_retries_count(run: Run, clock: FakeClock) -> None:
    """What is sent again is sent, too."""
    script = [error(503), error(503), TEXT]
    with (
        Loopback(script, now=clock.monotonic) as server,
        server.client(clock=clock, requests_per_minute=2) as audio,
    ):
        run(audio, "transcribe", tiny("a"))
    assert len(server.requests) == 3
    assert most_in_a_minute(server) == 2


def test_switched_off(run: Run, clock: FakeClock) -> None:
    """None leaves it to the service."""
    with Loopback([TEXT]) as server, server.client(clock=clock, requests_per_minute=None) as audio:
        run(audio, "transcribe_many", tinies(20))
    assert clock.sleeps == []


def test_default(run: Run, clock: FakeClock) -> None:
    """Without a word it is what the service allows a pay-as-you-go key: 500 for each model."""
    with Loopback([MODELS]) as server, server.client(clock=clock) as audio:
        run(audio, "models")
        limit = audio._requests.retry.limit
        assert [limit.take("whisper-1", 1000.0) for _ in range(501)] == [0.0] * 500 + [61.0]
        assert limit.take("whisper-1", 1061.0) == 0.0


def test_recordings_share_it(run: Run, clock: FakeClock) -> None:
    """Recordings that are sent at once keep to it together: twelve by fours take two minutes."""
    began = clock.monotonic()
    with Loopback([TEXT]) as server, server.client(clock=clock, requests_per_minute=4) as audio:
        run(audio, "transcribe_many", tinies(12))
    assert clock.monotonic() - began >= 120


async def test_tasks_share_it(clock: FakeClock) -> None:
    """So do tasks."""
    began = clock.monotonic()
    with Loopback([Names()]) as server:
        async with server.client(clock=clock, requests_per_minute=4) as audio:
            found = await asyncio.gather(*(audio.atranscribe(tiny(n)) for n in range(12)))
    assert [each.text for each in found] == [str(n) for n in range(12)]
    assert clock.monotonic() - began >= 120


def test_longer_than_the_call_may_take(run: Run, clock: FakeClock) -> None:
    """Who would have to wait past its deadline is told so, and sends nothing."""
    with (
        Loopback([TEXT]) as server,
        server.client(clock=clock, requests_per_minute=1, deadline=30.0) as audio,
    ):
        run(audio, "transcribe", tiny("a"))
        with pytest.raises(RateLimitError, match="requests_per_minute") as caught:
            run(audio, "transcribe", tiny("a"))
    assert (caught.value.status, caught.value.retry_after) == (None, 61.0)
    assert (len(server.requests), clock.sleeps) == (1, [])


@pytest.mark.parametrize("value", [0, -1, 1.5])
def test_impossible_limit(value: Any) -> None:
    """A limit that cannot be is refused."""
    with pytest.raises(ConfigurationError, match="requests_per_minute"):
        ApertisAudio("key-of-a-test", requests_per_minute=value)


def test_too_long_a_wait_is_heard_by_all(run: Run, clock: FakeClock) -> None:
    """Told to stay away for longer than anybody waits, nobody sends until that is over."""
    script = [error(429, "rate_limit_exceeded", retry_after="600"), TEXT]
    with Loopback(script, now=clock.monotonic) as server, server.client(clock=clock) as audio:
        for _ in range(3):
            with pytest.raises(RateLimitError) as caught:
                run(audio, "transcribe", tiny("a"))
            assert caught.value.retry_after == 600.0
        assert (len(server.requests), clock.sleeps) == (1, [])
        clock._now += 500.0
        assert run(audio, "transcribe", tiny("a")).text == "one"
    assert server.requests[1].at >= server.requests[0].at + 600
