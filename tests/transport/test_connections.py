"""How connections are kept, shared, given back and closed."""

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

from apertis_audio_tools import ApertisAudio, APIError, ConfigurationError
from apertis_audio_tools.transport import connections, http, pools, sharded_pool
from support.loopback import Behaviour, Loopback
from support.scripted_responses import (
    answer,
    chunked,
    deafness,
    error,
    json_answer,
    raw,
    reset,
    silence,
)
from support.sync_async import Run
from support.timeouts import PATIENCE
from support.wav_files import silence_of

MODELS = json_answer({"data": [{"id": "whisper-1"}]})
SOUND_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 999\r\n\r\n"


def test_reuse_by_a_thread() -> None:
    """Calls one after the other share a connection, whether they succeed or not."""
    script = [MODELS, error(404), answer(200, b"<p>", "text/html"), MODELS]
    with Loopback(script) as server, server.client() as audio:
        for _ in range(5):
            with contextlib.suppress(APIError):
                audio.models()
    assert (len(server.requests), server.connections) == (5, 1)


async def test_reuse_by_a_loop() -> None:
    """The same on the event loop."""
    script = [MODELS, error(404), answer(200, b"<p>", "text/html"), MODELS]
    with Loopback(script) as server:
        async with server.client() as audio:
            for _ in range(5):
                with contextlib.suppress(APIError):
                    await audio.amodels()
    assert (len(server.requests), server.connections) == (5, 1)


def test_several_loops() -> None:
    """One client serves one event loop after the other, and each takes its connections along."""
    with Loopback([MODELS]) as server, server.client() as audio:
        for number in range(1, 4):
            asyncio.run(audio.amodels())
            server.wait_for_hang_ups()
            assert server.connections == number
    gc.collect()


def test_loop_that_was_only_closed() -> None:
    """A loop whose owner closed it without finishing anything is not kept alive by the client."""
    with Loopback([MODELS]) as server, server.client() as audio:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(audio.amodels())
        loop.close()
        gone = weakref.ref(loop)
        del loop
        asyncio.run(audio.amodels())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)  # the owner's to mend
            gc.collect()
        assert gone() is None


async def test_a_forgotten_client_on_a_loop_that_goes_on() -> None:
    """What nobody holds any more hangs up, also while its event loop lives on."""
    with Loopback([MODELS]) as server:
        await asyncio.gather(*(server.client().amodels() for _ in range(3)))
        await asyncio.to_thread(server.wait_for_hang_ups)
    gc.collect()


def test_a_forgotten_client() -> None:
    """The same of one used by threads."""
    with Loopback([MODELS]) as server:
        server.client().models()
        server.wait_for_hang_ups()


def test_closed(run: Run) -> None:
    """A closed client says so."""
    with Loopback([MODELS]) as server:
        audio = server.client()
        run(audio, "models")
        audio.close()
        audio.close()
        server.wait_for_hang_ups()
        with pytest.raises(ConfigurationError, match="closed"):
            run(audio, "models")


async def test_aclosed() -> None:
    """Closing on the event loop closes its connections at once."""
    with Loopback([MODELS]) as server:
        audio = server.client()
        await audio.amodels()
        await audio.aclose()
        await audio.aclose()
        await asyncio.to_thread(server.wait_for_hang_ups)
        with pytest.raises(ConfigurationError, match="closed"):
            await audio.amodels()


def test_closing_leaves_other_loops_alone() -> None:
    """What another event loop is in the middle of comes to its end."""
    closed = threading.Event()

    def sound() -> Iterator[bytes]:
        yield b"ID3"
        assert closed.wait(PATIENCE)
        yield b" more"

    async def listen() -> bytes:
        return b"".join([chunk async for chunk in audio.astream_speech("Hello.")])

    with (
        Loopback([chunked(sound(), "audio/mpeg")]) as server,
        ThreadPoolExecutor(1) as elsewhere,
    ):
        audio = server.client()
        heard = elsewhere.submit(asyncio.run, listen())
        server.wait_for_requests(1)
        audio.close()
        closed.set()
        assert heard.result(PATIENCE) == b"ID3 more"


def test_many_threads() -> None:
    """One client serves many threads at once."""
    with (
        Loopback([MODELS]) as server,
        server.client() as audio,
        ThreadPoolExecutor(32) as threads,
    ):
        found = list(threads.map(lambda _: audio.models(), range(128)))
    assert found == [("whisper-1",)] * 128
    assert server.connections <= 32


async def test_many_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """More calls at once than there are connections all come through."""
    monkeypatch.setattr(http, "_CONNECT_SECONDS", PATIENCE)
    with Loopback([MODELS]) as server:
        async with server.client() as audio:
            found = await asyncio.gather(*(audio.amodels() for _ in range(300)))
    assert found == [("whisper-1",)] * 300
    assert server.connections <= sharded_pool.SHARDS * sharded_pool.SHARD_CONNECTIONS


@pytest.mark.parametrize("stage", ["upload", "answer", "download"])
async def test_cancelled(monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    """Whatever a cancelled call was in the middle of, its place is free for the next."""
    monkeypatch.setattr(sharded_pool, "SHARDS", 1)
    monkeypatch.setattr(connections, "SHARD_CONNECTIONS", 1)
    behaviour = {"upload": deafness(), "answer": silence(), "download": silence(SOUND_HEAD)}
    with Loopback([behaviour[stage]] * 3 + [MODELS]) as server:
        async with server.client(deadline=PATIENCE) as audio:
            for number in range(1, 4):
                call = asyncio.create_task(audio.atranscribe(silence_of(3_000_000)))
                await asyncio.to_thread(server.wait_for_requests, number)
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
            assert await audio.amodels() == ("whisper-1",)
    assert server.connections == 4


@pytest.mark.parametrize("turns", range(4))
async def test_cancelled_twice(turns: int) -> None:
    """A second cancellation, in the middle of hanging up, keeps nobody from hanging up."""
    with Loopback([deafness(), MODELS]) as server:
        async with server.client() as audio:
            call = asyncio.create_task(audio.atranscribe(silence_of(3_000_000)))
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


async def test_places_in_the_shards() -> None:
    """However an exchange ends, its place in the shard is given back."""
    pools = sharded_pool.ShardedPool(lambda: httpx.AsyncHTTPTransport(verify=False))
    script = [MODELS, reset(), silence(SOUND_HEAD)]
    with Loopback(script) as server:
        async with httpx.AsyncClient(transport=pools, timeout=PATIENCE) as client:
            await client.get(server.url)
            with pytest.raises(httpx.ReadError):
                await client.get(server.url)
            async with client.stream("GET", server.url):
                assert sum(pools._busy) == 1
    assert sum(pools._busy) == 0


@pytest.fixture(name="uncollected")
def _uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(
    "behaviour", [json_answer({"text": "one"}), error(404), error(500), reset(), raw(b"?\r\n")]
)
def test_answers_are_freed_at_once(run: Run, behaviour: Behaviour) -> None:
    """No answer waits for the collector of cycles."""
    with Loopback([behaviour]) as server, server.client(max_retries=1) as audio:
        for _ in range(3):
            with contextlib.suppress(APIError):
                run(audio, "transcribe", silence_of(1000))
        alive = [found for found in gc.get_objects() if isinstance(found, httpx.Response)]
        assert alive == []


def test_copies(run: Run) -> None:
    """However deep a copy of a client is, it is the client, with its connections."""
    with Loopback([MODELS]) as server, server.client() as audio:
        held = {"client": audio}
        assert copy.copy(audio) is copy.deepcopy(held)["client"] is audio
        assert run(copy.deepcopy(audio), "models") == ("whisper-1",)


def test_sent_to_another_process() -> None:
    """A client cannot be pickled, and says what can be sent instead."""
    audio = ApertisAudio("key-of-a-test")
    with pytest.raises(ConfigurationError, match="because connections cannot: pass its settings"):
        pickle.dumps(audio)


def test_name_of_the_program(run: Run) -> None:
    """The service is told which version asks, as far as that is known."""
    unknown = mock.Mock(side_effect=PackageNotFoundError)
    with Loopback([MODELS]) as server:
        with server.client() as audio:
            run(audio, "models")
        with mock.patch.object(pools, "version", unknown), server.client() as audio:
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
def test_signs_of_life(idle: dict[str, int], option: tuple[int, int, int]) -> None:
    """A silent connection gives signs of life after a minute, whatever its system calls that."""
    known = {"TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 6, **idle}
    assert set(connections.keepalive_options(known)) == {
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, 5, 60),
        (socket.IPPROTO_TCP, 6, 5),
        option,
    }


def test_signs_of_life_that_a_system_lacks() -> None:
    """What a system cannot be told is left to it."""
    assert connections.keepalive_options({}) == [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
