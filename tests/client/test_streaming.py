"""Answers that are handed on, or written to disk, while they arrive."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import ApertisAudio, APIConnectionError, APIError, OutputError, Usage
from apertis_audio_tools.files.atomic import AtomicFile
from support.loopback import Behaviour, Loopback
from support.scripted_responses import answer, chunked, error, reset, silence, truncated
from support.sync_async import Run
from support.timeouts import PATIENCE

SOUND = (Path(__file__).parents[1] / "clips" / "clip.mp3").read_bytes()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 99999\r\n\r\n"

Seen = Callable[[Any], None]
Consume = Callable[[ApertisAudio, str, Seen], None]


def _consume(audio: ApertisAudio, verb: str, seen: Seen) -> None:
    for item in getattr(audio, verb)("Hello."):
        seen(item)


def _aconsume(audio: ApertisAudio, verb: str, seen: Seen) -> None:
    async def consume() -> None:
        async for item in getattr(audio, f"a{verb}")("Hello."):
            seen(item)

    asyncio.run(consume())


@pytest.fixture(name="consume", params=[_consume, _aconsume], ids=["sync", "async"])
def _consume_in_both_colours(request: pytest.FixtureRequest) -> Consume:
    consume: Consume = request.param
    return consume


def paced(chunks: list[bytes], consumed: threading.Semaphore) -> Iterator[bytes]:
    """The chunks, each only after the one before was consumed at the other end."""
    for chunk in chunks:
        yield chunk
        assert consumed.acquire(timeout=PATIENCE), "The chunk was not handed on."


def event(text: str) -> bytes:
    """A server-sent event of a streamed reply."""
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode() + b"\n\n"


def test_sound_is_handed_on(consume: Consume) -> None:
    """Each piece of sound is there before the service has sent the next one."""
    consumed, got = threading.Semaphore(0), []
    chunks = [SOUND[:1000], SOUND[1000:2000], SOUND[2000:]]

    def seen(chunk: bytes) -> None:
        got.append(chunk)
        consumed.release()

    with (
        Loopback([chunked(paced(chunks, consumed), "audio/mpeg")]) as server,
        server.client() as audio,
    ):
        consume(audio, "stream_speech", seen)
    assert got == chunks


def test_words_are_handed_on(consume: Consume) -> None:
    """Each piece of a reply is there before the service has sent the next one."""
    consumed, got = threading.Semaphore(0), []
    chunks = [event("Hel"), event("lo."), b"data: [DONE]\n\n"]

    def seen(delta: Any) -> None:
        got.append(delta.text)
        consumed.release()
        if len(got) == 2:
            consumed.release()

    with (
        Loopback([chunked(paced(chunks, consumed), "text/event-stream")]) as server,
        server.client() as audio,
    ):
        consume(audio, "stream_chat", seen)
    assert got == ["Hel", "lo."]


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_last_words(run: Run, line_end: bytes) -> None:
    """No empty line needs to follow the last event of a reply, and lines may end in any way."""
    bill = b'data: {"choices": [{"finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}\n'
    body = (event("Hello.") + bill).replace(b"\n", line_end)
    with Loopback([answer(200, body, "text/event-stream")]) as server, server.client() as audio:
        words, end = run(audio, "stream_chat", "Hello.")
    assert words.text == "Hello."
    assert end.usage == Usage(input_tokens=3)


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_words_cut_off(run: Run, end: bytes) -> None:
    """A reply that ends in the middle of an event was cut off."""
    body = event("Hello.") + event("Bye.")[:-6] + end
    with (
        Loopback([answer(200, body, "text/event-stream")]) as server,
        server.client() as audio,
        pytest.raises(APIConnectionError, match="cut off before its end"),
    ):
        run(audio, "stream_chat", "Hello.")


def test_abandoned() -> None:
    """Whoever stops listening hangs up."""
    with Loopback([silence(HEAD + SOUND)]) as server, server.client() as audio:
        stream = audio.stream_speech("Hello.")
        assert next(iter(stream))
        del stream
        server.wait_until_disconnected()


async def test_abandoned_by_a_task() -> None:
    """The same on the event loop, as soon as the stream is closed."""
    with Loopback([silence(HEAD + SOUND)]) as server:
        async with server.client() as audio:
            async with contextlib.aclosing(audio.astream_speech("Hello.")) as stream:  # type: ignore[type-var]
                assert await anext(stream)
            await asyncio.to_thread(server.wait_until_disconnected)


def test_broken_download_begins_again(run: Run, tmp_path: Path) -> None:
    """A file holds one whole download, whatever the broken ones before it left."""
    longer = truncated(SOUND + b"more than the whole", media_type="audio/mpeg")
    script = [longer, reset(data=HEAD + SOUND[:3000]), answer(200, SOUND, "audio/mpeg")]
    with Loopback(script) as server, server.client() as audio:
        saved = run(audio, "save_speech", "Hello.", tmp_path / "hello.mp3")
    assert (tmp_path / "hello.mp3").read_bytes() == SOUND
    assert saved.size == len(SOUND)
    assert len(server.requests) == 3


FAILURES: dict[str, Behaviour] = {
    "truncated": truncated(SOUND, media_type="audio/mpeg"),
    "page": answer(200, b"<html>Welcome</html>", "text/html"),
    "no sound": answer(200, b"not sound at all" * 99, "audio/mpeg"),
    "refusal": error(500),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_no_half_files(run: Run, tmp_path: Path, failure: Behaviour) -> None:
    """After a failure there is no file, or the one that was there before."""
    kept = tmp_path / "kept.mp3"
    kept.write_bytes(b"of old")
    with Loopback([failure]) as server, server.client(max_retries=1) as audio:
        with pytest.raises(APIError):
            run(audio, "save_speech", "Hello.", tmp_path / "new.mp3")
        with pytest.raises(APIError):
            run(audio, "save_speech", "Hello.", kept, overwrite=True)
    assert list(tmp_path.iterdir()) == [kept]
    assert kept.read_bytes() == b"of old"


def test_full_disk(run: Run, tmp_path: Path) -> None:
    """A disk that takes no more is said in words, and nothing is left on it."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    large = answer(200, SOUND * 400, "audio/mpeg")
    with Loopback([large]) as server, server.client() as audio:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
        try:
            with pytest.raises(OutputError, match="cannot be written"):
                run(audio, "save_speech", "Hello.", tmp_path / "hello.mp3")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
    assert len(server.requests) == 1


def test_cancelled_download(tmp_path: Path) -> None:
    """A cancelled download leaves no file and no connection."""

    async def cancelled(audio: ApertisAudio) -> None:
        call = asyncio.create_task(audio.asave_speech("Hello.", tmp_path / "hello.mp3"))
        await asyncio.to_thread(server.wait_for_requests, 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.to_thread(server.wait_until_disconnected)

    with Loopback([silence(HEAD + SOUND)]) as server, server.client() as audio:
        asyncio.run(cancelled(audio))
    assert list(tmp_path.iterdir()) == []


async def test_cancelled_while_the_file_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A task that is cancelled, even twice, while a thread creates the file leaves none behind."""
    begun, going = threading.Event(), threading.Event()

    create = AtomicFile.create

    def slow(path: Path, *, overwrite: bool) -> AtomicFile:
        begun.set()
        assert going.wait(PATIENCE)
        return create(path, overwrite=overwrite)

    monkeypatch.setattr(AtomicFile, "create", slow)
    with Loopback([answer(200, SOUND, "audio/mpeg")]) as server:
        async with server.client() as audio:
            saving = asyncio.create_task(audio.asave_speech("Hello.", tmp_path / "hello.mp3"))
            assert await asyncio.to_thread(begun.wait, 20)
            for _ in range(2):
                saving.cancel()
                await asyncio.sleep(0)
            going.set()
            with pytest.raises(asyncio.CancelledError):
                await saving
    await asyncio.get_running_loop().shutdown_default_executor()  # all threads are done
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240  # nobody waits here
    assert server.requests == []
