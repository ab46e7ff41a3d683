"""Texts that are longer than one request permits, sync and async."""

import asyncio
import functools
import io
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from apertis_audio_tools import (
    ApertisAudio,
    AuthenticationError,
    MalformedResponseError,
    UnsupportedError,
)
from apertis_audio_tools.pipeline import speech_job
from apertis_audio_tools.sandbox.audio_encoding import encode
from apertis_audio_tools.sandbox.speech_synthesis import SAMPLE_RATE, speak
from support.loopback_server import Behaviour, Exchange, LoopbackServer
from support.scripted_responses import respond, respond_error, send_raw, stay_silent
from support.sync_async import Run
from support.timeouts import TIMEOUT

FORMATS = ["mp3", "opus", "aac", "flac", "wav", "pcm"]
TEXT = "One is here. Two is there. Three comes late. Four is the last."
LIMIT = 16
PARTS = ["One is here.", "Two is there.", "Three comes", "late.", "Four is the", "last."]
MEDIA = {"mp3": "audio/mpeg", "wav": "audio/wav", "pcm": "audio/pcm"}


@pytest.fixture(autouse=True)
def _low_limit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lower the limit, so that short texts have several parts."""
    if "refused_before" not in request.node.name:
        monkeypatch.setattr(speech_job, "MAX_SPEECH_CHARACTERS", LIMIT)
        monkeypatch.setattr(speech_job, "_FIRST_SIZES", (LIMIT,))


@functools.cache
def synthesise(text: str, audio_format: str) -> bytes:
    return b"".join(encode(speak(text, "alloy"), SAMPLE_RATE, audio_format, 1.0))


def requested_text(exchange: Exchange) -> str:
    exchange.read_body()
    text: str = json.loads(exchange.received.body)["input"]
    return text


def speaking(
    audio_format: str = "wav", then: Callable[[str], Behaviour | None] = lambda _: None
) -> Behaviour:
    """Return a behaviour that synthesises the text, unless `then` returns another behaviour."""

    def behave(exchange: Exchange) -> None:
        text = requested_text(exchange)
        other = then(text)
        exchange.received.headers["text"] = text
        (other or respond(200, synthesise(text, audio_format), f"audio/{audio_format}"))(exchange)

    return behave


def texts_sent(server: LoopbackServer) -> set[str]:
    return {request.headers["text"] for request in server.requests}


def count_samples(content: bytes) -> int:
    with av.open(io.BytesIO(content), "r") as container:
        return sum(int(frame.samples) for frame in container.decode(container.streams.audio[0]))


@pytest.mark.parametrize("audio_format", FORMATS)
def test_all_formats(run: Run, sandbox_url: str, tmp_path: Path, audio_format: str) -> None:
    """A long text becomes one audio file or stream, as long as all its parts together."""
    parts = [len(synthesise(part, "pcm")) / 48_000 for part in PARTS]
    with ApertisAudio("sk-test-1234", base_url=sandbox_url) as audio:
        speech = run(audio, "speak", TEXT, response_format=audio_format)
        saved = run(audio, "save_speech", TEXT, tmp_path / f"speech.{audio_format}")
        chunks = run(audio, "stream_speech", TEXT, response_format=audio_format)
    assert speech.format == saved.format == audio_format
    assert speech.duration == pytest.approx(saved.duration, abs=0.05)
    slack = 0 if audio_format in {"flac", "wav", "pcm"} else 0.09 * len(parts)
    # The synthesiser varies by some samples from call to call.
    assert -0.03 < saved.duration - sum(parts) < slack + 0.03
    assert (tmp_path / f"speech.{audio_format}").stat().st_size == saved.size
    assert speech.server == saved.server
    assert speech.request_id
    if audio_format != "pcm":
        assert count_samples(b"".join(chunks)) == pytest.approx(
            count_samples(speech.audio), abs=1200
        )


def test_in_order(run: Run) -> None:
    """The audio has the parts in the order of the text, whichever is synthesised first."""
    late = threading.Event()

    def then(text: str) -> None:
        if text == PARTS[0]:
            assert late.wait(TIMEOUT)
        elif text == PARTS[2]:
            late.set()

    with LoopbackServer([speaking("pcm", then)]) as server, server.client() as audio:
        speech = run(audio, "speak", TEXT, response_format="pcm")
    assert speech.audio == b"".join(synthesise(part, "pcm") for part in PARTS)
    assert texts_sent(server) == set(PARTS)


def test_bounded(run: Run) -> None:
    """While one part delays all others, no more than `max_concurrency` are requested."""
    release = threading.Event()

    def then(text: str) -> None:
        if text == PARTS[0]:
            server.wait_for_requests(3)
            assert len(server.requests) == 3
            release.set()

    with LoopbackServer([speaking("pcm", then)]) as server:
        with server.client(max_concurrency=3) as audio:
            run(audio, "speak", TEXT, response_format="pcm")
        assert release.is_set()
        assert len(server.requests) == len(PARTS)


def test_failure(run: Run, tmp_path: Path) -> None:
    """The error names the part that failed, nothing more is sent, and no file is left."""
    refuse = respond_error(401)
    script = speaking("wav", lambda text: refuse if text == PARTS[2] else None)
    with LoopbackServer([script]) as server, server.client(max_concurrency=1) as audio:
        with pytest.raises(
            AuthenticationError, match=r"Part 3 of 6 .*characters 28 to 38\)"
        ) as caught:
            run(audio, "save_speech", TEXT, tmp_path / "speech.wav")
        assert caught.value.status == 401
        assert texts_sent(server) == set(PARTS[:3])
    assert list(tmp_path.iterdir()) == []


def test_failure_ends_the_others(run: Run) -> None:
    """A part that fails ends those in progress at once."""

    def then(text: str) -> Behaviour | None:
        if text != PARTS[1]:
            return stay_silent()
        server.wait_for_requests(4)
        return respond_error(401)

    with (
        LoopbackServer([speaking("wav", then)]) as server,
        server.client(max_concurrency=4) as audio,
    ):
        with pytest.raises(AuthenticationError, match="Part 2 of 6"):
            run(audio, "speak", TEXT)
        assert len(server.requests) == 4


def test_retried(run: Run) -> None:
    """A part whose connection breaks is requested again, and the others are not."""
    script = [send_raw(b""), speaking("pcm")]
    with LoopbackServer(script) as server, server.client(max_concurrency=1) as audio:
        speech = run(audio, "speak", TEXT, response_format="pcm")
        assert len(server.requests) == len(PARTS) + 1
    assert speech.audio == b"".join(synthesise(part, "pcm") for part in PARTS)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (respond(200, synthesise("No.", "mp3"), "audio/mpeg"), "Part 2 of 6.*with mp3, when wav"),
        (respond(200, b"{}", "application/json"), "Part 2 of 6"),
        (
            respond(
                200, synthesise("No.", "wav").replace(b"\xc0\x5d\0\0", b"\x80\x3e\0\0"), "audio/wav"
            ),
            "cannot be joined: Its parts differ",
        ),
    ],
    ids=["format", "json", "rate"],
)
def test_unfit_parts(run: Run, other: Behaviour, words: str, tmp_path: Path) -> None:
    """Parts in another format than requested, or in different ones, are an error."""
    script = speaking("wav", lambda text: other if text == PARTS[1] else None)
    with (
        LoopbackServer([script]) as server,
        server.client() as audio,
        pytest.raises(MalformedResponseError, match=words),
    ):
        run(audio, "save_speech", TEXT, tmp_path / "speech.wav")
    assert list(tmp_path.iterdir()) == []


def test_stream_begins_early() -> None:
    """The first part is yielded before the others are synthesised; few are synthesised ahead."""
    is_received = threading.Event()

    def then(text: str) -> None:
        if text != PARTS[0]:
            assert is_received.wait(TIMEOUT)

    with LoopbackServer([speaking("pcm", then)]) as server, server.client() as audio:
        stream = iter(audio.stream_speech(TEXT, response_format="pcm"))
        assert next(stream) == synthesise(PARTS[0], "pcm")
        assert len(server.requests) <= 2
        is_received.set()
        assert next(stream) == synthesise(PARTS[1], "pcm")
        assert len(server.requests) <= 4
        assert b"".join(stream) == b"".join(synthesise(part, "pcm") for part in PARTS[2:])


async def test_async_stream_begins_early() -> None:
    """The first part is yielded on the event loop before the others are synthesised."""
    is_received = threading.Event()

    def then(text: str) -> None:
        if text != PARTS[0]:
            assert is_received.wait(TIMEOUT)

    with LoopbackServer([speaking("pcm", then)]) as server:
        async with server.client() as audio:
            stream: Any = audio.astream_speech(TEXT, response_format="pcm")
            assert await anext(stream) == synthesise(PARTS[0], "pcm")
            is_received.set()
            rest = b"".join([chunk async for chunk in stream])
    assert rest == b"".join(synthesise(part, "pcm") for part in PARTS[1:])


def test_closed() -> None:
    """Closing the stream closes the connections and leaves no thread."""
    before = {*threading.enumerate()}
    script = speaking("pcm", lambda text: None if text == PARTS[0] else stay_silent())
    with LoopbackServer([script]) as server, server.client() as audio:
        stream: Any = audio.stream_speech(TEXT, response_format="pcm")
        next(stream)
        stream.close()
        assert not [
            each for each in {*threading.enumerate()} - before if each.name.startswith("apertis")
        ]
        assert len(server.requests) <= 3


@pytest.mark.parametrize("verb", ["astream_speech", "aspeak"])
async def test_cancelled(verb: str) -> None:
    """Cancelling the task ends all parts in progress."""
    with LoopbackServer([speaking("pcm", lambda _: stay_silent())]) as server:
        async with server.client() as audio:

            async def consume() -> None:
                result: Any = getattr(audio, verb)(TEXT, response_format="pcm")
                await (anext(result) if verb == "astream_speech" else result)

            task = asyncio.create_task(consume())
            await asyncio.to_thread(server.wait_for_requests, 2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("verb", ["speak", "stream_speech"])
def test_short_texts_are_one_request(run: Run, verb: str) -> None:
    """A text that fits into one request is sent unchanged, including white space."""
    text = " One is here. \n"
    with LoopbackServer([respond(200, synthesise("One.", "mp3"), "audio/mpeg")]) as server:
        with server.client() as audio:
            run(audio, verb, text)
        assert [json.loads(request.body)["input"] for request in server.requests] == [text]


def test_parts_without_words(run: Run) -> None:
    """Parts that contain only punctuation are not sent; a text of white space is refused."""
    text = "One is here.\n\n" + "* " * 30 + "\n\nTwo is there."
    with LoopbackServer([speaking("pcm")]) as server, server.client() as audio:
        run(audio, "speak", text, response_format="pcm")
        sent = "".join(texts_sent(server))
        assert "One is here." in sent
        assert "Two is there." in sent
        assert not any(part.strip("* \n") == "" for part in texts_sent(server))
        with pytest.raises(UnsupportedError, match="nothing to speak"):
            run(audio, "speak", " \n" * 99)


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("Half a character: \ud800. " * 300, {}, "lone surrogate"),
        ("Good day. " * 1000, {"response_format": "midi"}, "response_format"),
        ("Good day. " * 1000, {"speed": 9}, "speed"),
    ],
)
def test_refused_before_anything_is_sent(
    run: Run, text: str, options: dict[str, Any], words: str
) -> None:
    """Requests that are known to be impossible are refused, however long the text is."""
    with LoopbackServer([respond_error(500)]) as server, server.client() as audio:
        with pytest.raises(UnsupportedError, match=words):
            run(audio, "speak", text, **options)
        assert server.requests == []


def test_a_real_long_text(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the service's limit, no part exceeds it, and sentences stay whole."""
    monkeypatch.undo()
    monkeypatch.setenv("APERTIS_AUDIO_CACHE", "0")
    text = "Nobody objected to that, said Dr. Smith. " * 400
    audio_response = respond(200, synthesise("Yes.", "pcm"), "audio/pcm")
    with (
        LoopbackServer([speaking("pcm", lambda _: audio_response)]) as server,
        server.client() as audio,
    ):
        run(audio, "speak", text, model="tts-1", response_format="pcm")
        parts = texts_sent(server)
    assert all(len(part) <= 4096 and part.endswith("Smith.") for part in parts)
    assert len(server.requests) == 5
