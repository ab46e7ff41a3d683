"""Connections are kept, shared, released and closed."""

import asyncio
import contextlib
import copy
import gc
import pickle
import socket
import threading
import warnings
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from unittest import mock

import httpx
import pytest
from tenacity import BaseRetrying

from apertis_audio_tools import ApertisAudio, APIError, ConfigurationError
from apertis_audio_tools.pipeline.job_state import JobState
from apertis_audio_tools.transport import connections, http, sharded_pool
from support.loopback_server import Behaviour, LoopbackServer
from support.scripted_responses import (
    reset_connection,
    respond,
    respond_chunked,
    respond_error,
    respond_json,
    send_raw,
    stay_silent,
    stop_reading,
)
from support.sync_async import Run
from support.timeouts import TIMEOUT
from support.wav_files import silent_wav

MODELS = respond_json({"data": [{"id": "whisper-1"}]})
SOUND_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 999\r\n\r\n"


def test_reuse_by_a_thread() -> None:
    """Successive calls share a connection, whether they succeed or not."""
    script = [MODELS, respond_error(404), respond(200, b"<p>", "text/html"), MODELS]
    with LoopbackServer(script) as server, server.client() as audio:
        for _ in range(5):
            with contextlib.suppress(APIError):
                audio.models()
    assert (len(server.requests), server.connections) == (5, 1)


async def test_reuse_by_a_loop() -> None:
    """Successive calls on an event loop share a connection."""
    script = [MODELS, respond_error(404), respond(200, b"<p>", "text/html"), MODELS]
    with LoopbackServer(script) as server:
        async with server.client() as audio:
            for _ in range(5):
                with contextlib.suppress(APIError):
                    await audio.amodels()
    assert (len(server.requests), server.connections) == (5, 1)


def test_several_loops() -> None:
    """One client serves several event loops, and each closes its connections at its end."""
    with LoopbackServer([MODELS]) as server, server.client() as audio:
        for number in range(1, 4):
            asyncio.run(audio.amodels())
            server.wait_until_disconnected()
            assert server.connections == number
    gc.collect()


def test_closed_loop() -> None:
    """A client does not keep an event loop alive that was closed without further ado."""
    with LoopbackServer([MODELS]) as server, server.client() as audio:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(audio.amodels())
        loop.close()
        loop_reference = weakref.ref(loop)
        del loop
        asyncio.run(audio.amodels())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # the owner's to mend
            gc.collect()
        assert loop_reference() is None


def test_client_that_goes_with_its_loop() -> None:
    """A client that is garbage-collected as its event loop ends leaves no connection open."""

    async def use_and_drop(server: LoopbackServer) -> None:
        audio = server.client()
        await asyncio.gather(*(audio.amodels() for _ in range(5)))

    with LoopbackServer([MODELS]) as server:
        for _ in range(3):
            asyncio.run(use_and_drop(server))
        server.wait_until_disconnected()
    gc.collect()  # a connection left open would be a ResourceWarning here


async def test_garbage_collected_client_on_a_loop() -> None:
    """A client that is garbage-collected closes its connections, while the event loop goes on."""
    with LoopbackServer([MODELS]) as server:
        await asyncio.gather(*(server.client().amodels() for _ in range(3)))
        await asyncio.to_thread(server.wait_until_disconnected)
    gc.collect()


def test_garbage_collected_client() -> None:
    """A client that is garbage-collected closes the connections of threads."""
    with LoopbackServer([MODELS]) as server:
        server.client().models()
        server.wait_until_disconnected()


def test_closed(run: Run) -> None:
    """A closed client raises an error that says so."""
    with LoopbackServer([MODELS]) as server:
        audio = server.client()
        run(audio, "models")
        audio.close()
        audio.close()
        server.wait_until_disconnected()
        with pytest.raises(ConfigurationError, match="closed"):
            run(audio, "models")


async def test_aclosed() -> None:
    """`aclose` closes the connections of the event loop at once."""
    with LoopbackServer([MODELS]) as server:
        audio = server.client()
        await audio.amodels()
        await audio.aclose()
        await audio.aclose()
        await asyncio.to_thread(server.wait_until_disconnected)
        with pytest.raises(ConfigurationError, match="closed"):
            await audio.amodels()


def test_closing_leaves_other_loops_alone() -> None:
    """Closing a client does not break off exchanges of another event loop."""
    closed = threading.Event()

    def speech() -> Iterator[bytes]:
        yield b"ID3"
        assert closed.wait(TIMEOUT)
        yield b" more"

    async def listen() -> bytes:
        return b"".join([chunk async for chunk in audio.astream_speech("Hello.")])

    with (
        LoopbackServer([respond_chunked(speech(), "audio/mpeg")]) as server,
        ThreadPoolExecutor(1) as other_thread,
    ):
        audio = server.client()
        stream = other_thread.submit(asyncio.run, listen())
        server.wait_for_requests(1)
        audio.close()
        closed.set()
        assert stream.result(TIMEOUT) == b"ID3 more"


def test_many_threads() -> None:
    """One client serves many threads at once, with a connection for each at most."""
    with (
        LoopbackServer([MODELS]) as server,
        server.client() as audio,
        ThreadPoolExecutor(32) as threads,
    ):
        found = list(threads.map(lambda _: audio.models(), range(128)))
    assert found == [("whisper-1",)] * 128
    assert server.connections <= 32


async def test_many_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """More concurrent calls than connections all succeed."""
    monkeypatch.setattr(http, "_CONNECT_SECONDS", TIMEOUT)
    with LoopbackServer([MODELS]) as server:
        async with server.client() as audio:
            found = await asyncio.gather(*(audio.amodels() for _ in range(300)))
    assert found == [("whisper-1",)] * 300
    assert server.connections <= sharded_pool.SHARDS * sharded_pool.SHARD_CONNECTIONS


@pytest.mark.parametrize("stage", ["upload", "response", "download"])
async def test_cancelled(monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    """A cancelled call frees its connection, whatever it was doing."""
    monkeypatch.setattr(sharded_pool, "SHARDS", 1)
    monkeypatch.setattr(connections, "SHARD_CONNECTIONS", 1)
    behaviour = {
        "upload": stop_reading(),
        "response": stay_silent(),
        "download": stay_silent(SOUND_HEAD),
    }
    with LoopbackServer([behaviour[stage]] * 3 + [MODELS]) as server:
        async with server.client(deadline=TIMEOUT) as audio:
            for number in range(1, 4):
                call = asyncio.create_task(audio.atranscribe(silent_wav(3_000_000)))
                await asyncio.to_thread(server.wait_for_requests, number)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
            assert await audio.amodels() == ("whisper-1",)
    assert server.connections == 4


@pytest.mark.parametrize("turns", range(4))
async def test_cancelled_twice(turns: int) -> None:
    """A second cancellation while the connection is closed does not leave it open."""
    with LoopbackServer([stop_reading(), MODELS]) as server:
        async with server.client() as audio:
            call = asyncio.create_task(audio.atranscribe(silent_wav(3_000_000)))
            await asyncio.to_thread(server.wait_for_requests, 1)
            call.cancel()
            for _ in range(turns):
                await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert server.connections == 1
            assert await audio.amodels() == ("whisper-1",)
    gc.collect()


async def test_requests_of_shards() -> None:
    """An exchange is counted for its shard until it ends, however it ends."""
    pools = sharded_pool.ShardedPool(lambda: httpx.AsyncHTTPTransport(verify=False))
    script = [MODELS, reset_connection(), stay_silent(SOUND_HEAD)]
    with LoopbackServer(script) as server:
        async with httpx.AsyncClient(transport=pools, timeout=TIMEOUT) as client:
            await client.get(server.url)
            with pytest.raises(httpx.ReadError):
                await client.get(server.url)
            async with client.stream("GET", server.url):
                assert sum(pools._requests) == 1
    assert sum(pools._requests) == 0


@pytest.fixture(name="uncollected")
def _uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(
    "behaviour",
    [
        respond_json({"text": "one"}),
        respond_error(404),
        respond_error(500),
        reset_connection(),
        send_raw(b"?\r\n"),
    ],
)
def test_responses_are_freed_at_once(run: Run, behaviour: Behaviour) -> None:
    """Responses are freed without the garbage collector."""
    with LoopbackServer([behaviour]) as server, server.client(max_retries=1) as audio:
        for _ in range(3):
            with contextlib.suppress(APIError):
                run(audio, "transcribe", silent_wav(4000))
        alive = [found for found in gc.get_objects() if isinstance(found, httpx.Response)]
        assert alive == []


@pytest.mark.usefixtures("uncollected")
def test_calls_leave_no_garbage(run: Run) -> None:
    """Attempts and jobs are freed without the garbage collector, also after an attempt failed."""
    script = [respond_error(500), respond_json({"text": "one"})]
    with LoopbackServer(script) as server, server.client(max_retries=1) as audio:
        run(audio, "transcribe", silent_wav(4000))
        kinds = (BaseRetrying, JobState)
        assert [found for found in gc.get_objects() if isinstance(found, kinds)] == []


def test_copies(run: Run) -> None:
    """A copy or deep copy of a client is the client itself."""
    with LoopbackServer([MODELS]) as server, server.client() as audio:
        held = {"client": audio}
        assert copy.copy(audio) is copy.deepcopy(held)["client"] is audio
        assert run(copy.deepcopy(audio), "models") == ("whisper-1",)


def test_pickling() -> None:
    """A client cannot be pickled; the error says what can be sent instead."""
    audio = ApertisAudio("key-of-a-test")
    with pytest.raises(ConfigurationError, match="because connections cannot: pass its settings"):
        pickle.dumps(audio)


def test_user_agent(run: Run) -> None:
    """The User-Agent header has the version of the package, if it is known."""
    unknown = mock.Mock(side_effect=PackageNotFoundError)
    with LoopbackServer([MODELS]) as server:
        with server.client() as audio:
            run(audio, "models")
        with mock.patch.object(http, "version", unknown), server.client() as audio:
            run(audio, "models")
    names = [request.headers["user-agent"] for request in server.requests]
    known = version("apertis-audio-tools")
    assert names == [f"apertis-audio-tools/{known}", "apertis-audio-tools/unknown"]


@pytest.mark.parametrize(
    ("idle", "option"),
    [
        ({"TCP_KEEPIDLE": 4}, (socket.IPPROTO_TCP, 4, 60)),
        ({"TCP_KEEPALIVE": 16}, (socket.IPPROTO_TCP, 16, 60)),
        ({"TCP_KEEPIDLE": 4, "TCP_KEEPALIVE": 16}, (socket.IPPROTO_TCP, 4, 60)),
    ],
    ids=["Linux", "macOS", "both"],
)
def test_keepalive(idle: dict[str, int], option: tuple[int, int, int]) -> None:
    """TCP keepalive begins after a minute, whatever the system calls the option."""
    known = {"TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 6, **idle}
    assert set(connections.keepalive_options(known)) == {
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, 5, 60),
        (socket.IPPROTO_TCP, 6, 5),
        option,
    }


def test_keepalive_options_that_a_system_lacks() -> None:
    """Options that a system lacks are not set."""
    assert connections.keepalive_options({}) == [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
