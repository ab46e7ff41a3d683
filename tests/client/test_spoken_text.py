"""Texts that are spoken while they are being written."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import InvalidRequestError, UnsupportedError
from support.encoded_recordings import inspect_audio
from support.loopback_server import Exchange, LoopbackServer
from support.scripted_responses import respond, respond_error
from support.sync_async import RUNS, Run
from support.timeouts import TIMEOUT

MP3 = (Path(__file__).parent.parent / "clips" / "clip.mp3").read_bytes()
SPEAK = respond(200, MP3, "audio/mpeg")


def inputs(server: LoopbackServer) -> list[str]:
    return sorted(json.loads(request.body)["input"] for request in server.requests)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    with LoopbackServer([SPEAK]) as server:
        yield server


@pytest.mark.parametrize(
    ("pieces", "sentences"),
    [
        (["Hello there. ", "Goodbye."], ["Goodbye.", "Hello there."]),
        (["Hel", "lo the", "re", ".", " Good", "bye"], ["Goodbye", "Hello there."]),
        (["Dr", ". ", "Jones is", " in. He waits."], ["Dr. Jones is in.", "He waits."]),
        (["A title\n", "\nA paragraph"], ["A paragraph", "A title"]),
        (["", " ", "Hello.", "", "... "], ["Hello...."]),
        (["你好。", "再见。"], ["你好。", "再见。"]),
    ],
)
def test_sentences(
    run: Run, server: LoopbackServer, pieces: list[str], sentences: list[str]
) -> None:
    """Pieces of a text are spoken as whole sentences, joined into one valid file."""
    with server.client() as audio:
        sound = b"".join(run(audio, "stream_speech", iter(pieces)))
    assert inputs(server) == sentences
    one = inspect_audio(MP3).seconds
    assert inspect_audio(sound).seconds == pytest.approx(one * len(sentences), abs=0.2)


def test_text_without_ends(run: Run, server: LoopbackServer) -> None:
    """A text without sentences is spoken in parts that the service accepts."""
    words = [f"word{number} " for number in range(1_500)]
    with server.client() as audio:
        b"".join(run(audio, "stream_speech", iter(words)))
    spoken = inputs(server)
    assert sorted(" ".join(spoken).split()) == sorted("".join(words).split())
    assert max(map(len, spoken)) <= 4096


@pytest.mark.parametrize("pieces", [[], ["", " "], ["... ", "!"]])
def test_nothing_to_speak(run: Run, server: LoopbackServer, pieces: list[str]) -> None:
    """A text without words is refused at its end."""
    with server.client() as audio, pytest.raises(UnsupportedError, match="nothing to speak"):
        run(audio, "stream_speech", iter(pieces))
    assert server.requests == []


def test_invalid(run: Run, server: LoopbackServer) -> None:
    """Options are checked before the text is read, and pieces have to be text."""
    read: list[int] = []

    def text() -> Iterator[str]:
        read.append(1)
        yield "Hello."

    wrong: Any = [7]
    with server.client() as audio:
        with pytest.raises(UnsupportedError, match="speed"):
            run(audio, "stream_speech", text(), speed=9.0)
        with pytest.raises(UnsupportedError, match="not int"):
            run(audio, "stream_speech", wrong)
        with pytest.raises(UnsupportedError, match="not int"):
            audio.stream_speech(wrong[0])
    assert read == []


def collect(run: Run, audio: Any, text: Any) -> tuple[int, Exception | None]:
    """Return how many bytes were heard, and the error after them."""
    heard: list[bytes] = []

    async def listen() -> None:
        async for chunk in audio.astream_speech(text):
            heard.append(chunk)  # noqa: PERF401  # kept if it raises

    try:
        if run is RUNS["async"]:
            asyncio.run(listen())
        else:
            heard.extend(audio.stream_speech(text))
    except Exception as error:  # noqa: BLE001
        return sum(map(len, heard)), error
    return sum(map(len, heard)), None


def test_text_that_fails(run: Run, server: LoopbackServer) -> None:
    """An exception of the text is raised when what was written is spoken."""

    def text() -> Iterator[str]:
        yield "Hello there. "
        raise LookupError("The model is gone.")

    with server.client() as audio:
        size, error = collect(run, audio, text())
    assert isinstance(error, LookupError)
    assert size > 1_000


def test_sentence_that_fails(run: Run) -> None:
    """The error of a sentence names it, and nothing is sent after it."""
    with LoopbackServer([SPEAK, respond_error(400)]) as server, server.client() as audio:
        text = (f"Number {number}. " for number in range(100, 150))
        size, error = collect(run, audio, text)
        assert len(server.requests) < 10
    assert isinstance(error, InvalidRequestError)
    assert "The sentence 'Number " in str(error)
    assert size >= 0


def test_first_sound(server: LoopbackServer) -> None:
    """The first sentence is heard while the text waits for it to be heard."""
    is_heard = threading.Event()

    def text() -> Iterator[str]:
        yield "Hello there. "
        assert is_heard.wait(TIMEOUT)
        yield "Goodbye."

    with server.client() as audio:
        for _ in audio.stream_speech(text()):
            is_heard.set()
    assert inputs(server) == ["Goodbye.", "Hello there."]


async def test_asynchronous_text(server: LoopbackServer) -> None:
    """An asynchronous text is spoken in the same event loop."""
    is_heard = asyncio.Event()

    async def text() -> AsyncIterator[str]:
        yield "Hello there. "
        await is_heard.wait()
        yield "Goodbye."

    async with server.client() as audio:
        async for _ in audio.astream_speech(text()):
            is_heard.set()
        assert asyncio.all_tasks() == {asyncio.current_task()}
    assert inputs(server) == ["Goodbye.", "Hello there."]


async def test_closed_early() -> None:
    """Closing the iterator ends what is under way, and closes the text."""
    is_closed: list[bool] = []

    async def text() -> AsyncIterator[str]:
        try:
            for number in range(100, 999):
                yield f"Number {number}. "
        finally:
            is_closed.append(True)

    def speak_first(exchange: Exchange) -> None:
        exchange.read_body()
        if b"Number 100." in exchange.received.body:
            SPEAK(exchange)
        else:
            exchange.wait_for_disconnect()

    with LoopbackServer([speak_first]) as server:
        async with server.client() as audio:
            stream: Any = audio.astream_speech(text())
            assert await anext(stream)
            await stream.aclose()
            assert asyncio.all_tasks() == {asyncio.current_task()}
        assert len(server.requests) < 8
    assert is_closed == [True]
