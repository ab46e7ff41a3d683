"""Responses that are yielded, or written to disk, while they arrive."""

import asyncio
import contextlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from apertis_audio_tools import ApertisAudio, APIConnectionError, APIError, OutputError, Usage
from apertis_audio_tools.client import chat_verbs
from apertis_audio_tools.files.atomic import AtomicFile
from apertis_audio_tools.pipeline import request_runner, worker_pool
from support.loopback_server import Behaviour, LoopbackServer
from support.scripted_responses import (
    reset_connection,
    respond,
    respond_chunked,
    respond_error,
    respond_json,
    respond_truncated,
    stay_silent,
)
from support.sync_async import Run
from support.timeouts import TIMEOUT
from support.wav_files import silent_wav

AUDIO = (Path(__file__).parents[1] / "clips" / "clip.mp3").read_bytes()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 99999\r\n\r\n"

OnItem = Callable[[Any], None]
Consume = Callable[[ApertisAudio, str, OnItem], None]


def _consume(audio: ApertisAudio, verb: str, on_item: OnItem) -> None:
    for item in getattr(audio, verb)("Hello."):
        on_item(item)


def _aconsume(audio: ApertisAudio, verb: str, on_item: OnItem) -> None:
    async def consume() -> None:
        async for item in getattr(audio, f"a{verb}")("Hello."):
            on_item(item)

    asyncio.run(consume())


@pytest.fixture(name="consume", params=[_consume, _aconsume], ids=["sync", "async"])
def _consume_sync_and_async(request: pytest.FixtureRequest) -> Consume:
    consume: Consume = request.param
    return consume


def paced(chunks: list[bytes], consumed: threading.Semaphore) -> Iterator[bytes]:
    """Yield the chunks, each only after the client has consumed the previous one."""
    for chunk in chunks:
        yield chunk
        assert consumed.acquire(timeout=TIMEOUT), "The chunk was not yielded."


def event(text: str) -> bytes:
    """Return a server-sent event of a streamed reply."""
    return b"data: " + json.dumps({"choices": [{"delta": {"content": text}}]}).encode() + b"\n\n"


def test_audio_is_yielded_at_once(consume: Consume) -> None:
    """Each chunk of audio is yielded before the service sends the next one."""
    consumed, received = threading.Semaphore(0), []
    chunks = [AUDIO[:1000], AUDIO[1000:2000], AUDIO[2000:]]

    def on_item(chunk: bytes) -> None:
        received.append(chunk)
        consumed.release()

    with (
        LoopbackServer([respond_chunked(paced(chunks, consumed), "audio/mpeg")]) as server,
        server.client() as audio,
    ):
        consume(audio, "stream_speech", on_item)
    assert received == chunks


def test_text_is_yielded_at_once(consume: Consume) -> None:
    """Each delta of a reply is yielded before the service sends the next one."""
    consumed, received = threading.Semaphore(0), []
    chunks = [event("Hel"), event("lo."), b"data: [DONE]\n\n"]

    def on_item(delta: Any) -> None:
        received.append(delta.text)
        consumed.release()
        if len(received) == 2:
            consumed.release()

    with (
        LoopbackServer([respond_chunked(paced(chunks, consumed), "text/event-stream")]) as server,
        server.client() as audio,
    ):
        consume(audio, "stream_chat", on_item)
    assert received == ["Hel", "lo."]


@pytest.mark.parametrize("line_end", [b"\n", b"\r", b"\r\n"])
def test_last_words(run: Run, line_end: bytes) -> None:
    """The last event of a reply needs no empty line after it, and lines may end in any way."""
    usage = b'data: {"choices": [{"finish_reason": "stop"}], "usage": {"prompt_tokens": 3}}\n'
    body = (event("Hello.") + usage).replace(b"\n", line_end)
    with (
        LoopbackServer([respond(200, body, "text/event-stream")]) as server,
        server.client() as audio,
    ):
        words, end = run(audio, "stream_chat", "Hello.")
    assert words.text == "Hello."
    assert end.usage == Usage(input_tokens=3)


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_words_cut_off(run: Run, end: bytes) -> None:
    """A reply that ends in the middle of an event is an error."""
    body = event("Hello.") + event("Bye.")[:-6] + end
    with (
        LoopbackServer([respond(200, body, "text/event-stream")]) as server,
        server.client() as audio,
        pytest.raises(APIConnectionError, match="cut off before its end"),
    ):
        run(audio, "stream_chat", "Hello.")


def test_abandoned() -> None:
    """Dropping the iterator closes the connection."""
    with LoopbackServer([stay_silent(HEAD + AUDIO)]) as server, server.client() as audio:
        stream = audio.stream_speech("Hello.")
        assert next(iter(stream))
        del stream
        server.wait_until_disconnected()


async def test_async_abandoned() -> None:
    """Closing the async iterator closes the connection."""
    with LoopbackServer([stay_silent(HEAD + AUDIO)]) as server:
        async with server.client() as audio:
            async with contextlib.aclosing(audio.astream_speech("Hello.")) as stream:  # type: ignore[type-var]
                assert await anext(stream)
            await asyncio.to_thread(server.wait_until_disconnected)


def test_broken_download_begins_again(run: Run, tmp_path: Path) -> None:
    """A file contains one complete download, and nothing of broken ones before it."""
    longer = respond_truncated(AUDIO + b"more than the whole", media_type="audio/mpeg")
    script = [longer, reset_connection(data=HEAD + AUDIO[:3000]), respond(200, AUDIO, "audio/mpeg")]
    with LoopbackServer(script) as server, server.client() as audio:
        saved = run(audio, "save_speech", "Hello.", tmp_path / "hello.mp3")
    assert (tmp_path / "hello.mp3").read_bytes() == AUDIO
    assert saved.size == len(AUDIO)
    assert len(server.requests) == 3


FAILURES: dict[str, Behaviour] = {
    "truncated": respond_truncated(AUDIO, media_type="audio/mpeg"),
    "page": respond(200, b"<html>Welcome</html>", "text/html"),
    "no sound": respond(200, b"not sound at all" * 99, "audio/mpeg"),
    "refusal": respond_error(500),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_no_half_files(run: Run, tmp_path: Path, failure: Behaviour) -> None:
    """After a failure there is no file, or the previous one."""
    kept = tmp_path / "kept.mp3"
    kept.write_bytes(b"of old")
    with LoopbackServer([failure]) as server, server.client(max_retries=1) as audio:
        with pytest.raises(APIError):
            run(audio, "save_speech", "Hello.", tmp_path / "new.mp3")
        with pytest.raises(APIError):
            run(audio, "save_speech", "Hello.", kept, overwrite=True)
    assert list(tmp_path.iterdir()) == [kept]
    assert kept.read_bytes() == b"of old"


def test_full_disk(run: Run, tmp_path: Path) -> None:
    """A full disk is an error of this package, and no file is left."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    large = respond(200, AUDIO * 400, "audio/mpeg")
    with LoopbackServer([large]) as server, server.client() as audio:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
        try:
            with pytest.raises(OutputError, match="cannot be written"):
                run(audio, "save_speech", "Hello.", tmp_path / "hello.mp3")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
    assert len(server.requests) == 1


def test_cancelled_download(tmp_path: Path) -> None:
    """Cancelling a download leaves no file and no connection."""

    async def cancelled(audio: ApertisAudio) -> None:
        call = asyncio.create_task(audio.asave_speech("Hello.", tmp_path / "hello.mp3"))
        await asyncio.to_thread(server.wait_for_requests, 1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.to_thread(server.wait_until_disconnected)

    with LoopbackServer([stay_silent(HEAD + AUDIO)]) as server, server.client() as audio:
        asyncio.run(cancelled(audio))
    assert list(tmp_path.iterdir()) == []


async def test_cancelled_while_the_file_is_created(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cancelling a task, even twice, while a thread creates the file leaves no file."""
    started, released = threading.Event(), threading.Event()
    create = AtomicFile.create

    def slow(path: Path, *, overwrite: bool) -> AtomicFile:
        started.set()
        assert released.wait(TIMEOUT)
        return create(path, overwrite=overwrite)

    monkeypatch.setattr(AtomicFile, "create", slow)
    with LoopbackServer([respond(200, AUDIO, "audio/mpeg")]) as server:
        async with server.client() as audio:
            saving = asyncio.create_task(audio.asave_speech("Hello.", tmp_path / "hello.mp3"))
            assert await asyncio.to_thread(started.wait, 20)
            for _ in range(2):
                saving.cancel()
                await asyncio.sleep(0)
            released.set()
            with pytest.raises(asyncio.CancelledError):
                await saving
    await asyncio.get_running_loop().shutdown_default_executor()  # all threads are done
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240  # a quick call, and nothing else runs
    assert server.requests == []


def test_large_parts_are_written(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A switch to a thread takes longer than a small write, so many chunks are written at once."""
    speech, writes = silent_wav(4_000_000), list[int]()

    def write(file: BinaryIO, chunks: Iterable[bytes]) -> None:
        writes.append(file.write(b"".join(chunks)))

    monkeypatch.setattr(request_runner, "_write", write)
    with LoopbackServer([respond(200, speech, "audio/wav")]) as server, server.client() as audio:
        saved = run(audio, "save_speech", "Hello.", tmp_path / "speech.wav")
    assert (tmp_path / "speech.wav").read_bytes() == speech
    assert saved.size == sum(writes) == len(speech)
    assert len(writes) <= len(speech) // 500_000 + 1
    assert max(writes) < 1_000_000


def test_small_chunks(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each chunk that waits to be written is counted once."""
    speech, counted = silent_wav(64_000), list[int]()

    def count(item: bytes) -> int:
        counted.append(len(item))
        return counted[-1]

    monkeypatch.setattr(request_runner, "len", count, raising=False)
    chunks = [speech[at : at + 64] for at in range(0, len(speech), 64)]
    with (
        LoopbackServer([respond_chunked(chunks, "audio/wav")]) as server,
        server.client() as audio,
    ):
        run(audio, "save_speech", "Hello.", tmp_path / "speech.wav")
    assert (tmp_path / "speech.wav").read_bytes() == speech
    assert len(counted) < 2 * len(chunks)


def test_text_needs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short text is sent and read in the event loop; a clip is read in a thread."""
    threads = list[object]()

    def run_in_thread(function: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        threads.append(function)
        return worker_pool.run_in_thread(function, *args)

    monkeypatch.setattr(request_runner, "run_in_thread", run_in_thread)
    monkeypatch.setattr(chat_verbs, "run_in_thread", run_in_thread)
    reply = respond_json({"choices": [{"message": {"content": "Hello."}}]})
    with LoopbackServer([reply]) as server, server.client() as audio:
        assert asyncio.run(audio.achat("Hello?", model="gpt-audio")).text == "Hello."
        assert not threads
        clip = ("clip.mp3", AUDIO)
        assert asyncio.run(audio.achat("Hello?", clip, model="gpt-audio")).text == "Hello."
        assert len(threads) == 1
