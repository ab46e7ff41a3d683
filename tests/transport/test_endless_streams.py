"""Streams end: `deadline` limits all waits together, and `timeout` those without content."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from apertis_audio_tools import APITimeoutError
from apertis_audio_tools.transport import wait_limits
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_chunked, send_slowly, stay_silent
from support.sync_async import Run

EVENT = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
WHOLE = "whole response did not arrive"
Use = tuple[str, str, str, dict[str, Any]]
CHAT: Use = ("stream_chat", "Hello?", "text/event-stream", {})
SPEECH: Use = ("stream_speech", "Hello.", "audio/pcm", {"response_format": "pcm"})


class TickingClock:
    """Clock in place of `time` that is 100 seconds later at each look, so that waits take 100."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        """Return the time, later by 100 seconds."""
        self.now += 100.0
        return self.now


@pytest.fixture(name="clock")
def _clock(monkeypatch: pytest.MonkeyPatch) -> TickingClock:
    clock = TickingClock()
    monkeypatch.setattr(wait_limits, "monotonic", clock.monotonic)
    return clock


def endless(first: bytes, unit: bytes) -> Iterator[bytes]:
    return itertools.chain([first], itertools.repeat(unit))


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    ("use", "first", "unit"),
    [
        (CHAT, EVENT, EVENT),
        (CHAT, EVENT + b"data: [", b"[],"),
        (CHAT, EVENT, b": comment\n\n"),
        (SPEECH, bytes(200), bytes(1)),
    ],
    ids=["events", "parts of an event", "comments", "audio"],
)
def test_waits_are_added_up(run: Run, use: Use, first: bytes, unit: bytes) -> None:
    """A stream that always sends a little more ends when its waits exceed the deadline."""
    verb, text, media_type, options = use
    with (
        LoopbackServer([respond_chunked(endless(first, unit), media_type)]) as server,
        server.client(max_retries=0, timeout=50_000, deadline=1000) as audio,
        pytest.raises(APITimeoutError, match=WHOLE),
    ):
        run(audio, verb, text, **options)


NO_CONTENT = {
    "comment": b": keep-alive\n\n",
    "empty comment": b":\n",
    "event without data": b"event: ping\n\n",
    "event with empty data": b"data:\n\n",
    "event with blank data": b"data:  \ndata:\n\n",
    "other fields": b"id: 7\nretry: 10\n",
    "empty lines": b"\n\n",
    "line without an end": b" ",
}


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("unit", NO_CONTENT.values(), ids=NO_CONTENT)
def test_silence(run: Run, unit: bytes) -> None:
    """Comments and empty events do not start the timeout anew."""
    with (
        LoopbackServer([respond_chunked(endless(EVENT, unit), CHAT[2])]) as server,
        server.client(max_retries=0, timeout=1000, deadline=1e9) as audio,
        pytest.raises(APITimeoutError, match="silent for too long"),
    ):
        run(audio, "stream_chat", "Hello?")


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize(
    "unit", [EVENT, json.dumps({"choices": [{"delta": {"content": "a" * 50}}]})]
)
def test_content(run: Run, unit: Any) -> None:
    """Events, and the parts of a large event, start the timeout anew."""
    parts = (
        [unit] * 50
        if unit == EVENT
        else [b"data: ", *(b"%c" % code for code in unit.encode()), b"\n\n"]
    )
    with (
        LoopbackServer([respond_chunked([EVENT, *parts, DONE], CHAT[2])]) as server,
        server.client(max_retries=0, timeout=1000, deadline=1e9) as audio,
    ):
        text = "".join(delta.text for delta in run(audio, "stream_chat", "Hello?"))
    assert text == "a" * 51


async def test_own_time(clock: TickingClock) -> None:
    """The time that the caller needs between two items does not count."""
    with (
        LoopbackServer([respond_chunked([EVENT] * 5 + [DONE], CHAT[2])]) as server,
        server.client(max_retries=0, timeout=1e5, deadline=1e5) as audio,
    ):
        for _ in audio.stream_chat("Hello?"):
            clock.now += 1e6
        async for _ in audio.astream_chat("Hello?"):
            clock.now += 1e6


@pytest.mark.parametrize("behaviour", ["slow", "silent"])
@pytest.mark.parametrize("use", [CHAT, SPEECH], ids=["chat", "speech"])
def test_same_message(run: Run, use: Use, behaviour: str) -> None:
    """A deadline in the middle of a stream has the same message, sync and async."""
    verb, text, media_type, options = use
    first = f"HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\n\r\n".encode()
    first += EVENT if use is CHAT else bytes(200)
    with (
        LoopbackServer(
            [send_slowly(first, b":") if behaviour == "slow" else stay_silent(first)]
        ) as server,
        server.client(max_retries=0, timeout=0.5, deadline=0.5) as audio,
        pytest.raises(APITimeoutError, match=WHOLE),
    ):
        run(audio, verb, text, **options)


def test_same_message_of_whole_responses(run: Run) -> None:
    """A deadline that cuts a trickle has the same message also for a response that is no stream."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n"
    with (
        LoopbackServer([send_slowly(head, b" ")]) as server,
        server.client(max_retries=0, timeout=0.5, deadline=0.5) as audio,
        pytest.raises(APITimeoutError, match=WHOLE),
    ):
        run(audio, "models")
