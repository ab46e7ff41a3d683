"""The MCP server over both transports, used by the client of the SDK."""

import asyncio
import os
import re
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Semaphore
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp_types import ListRootsResult, Root
from pydantic import FileUrl

from apertis_audio_tools.sandbox import Sandbox
from support.beacon_recordings import FORMATS, PERIOD_SECONDS, write_beacons
from support.loopback_server import Exchange, LoopbackServer
from support.mcp_connections import (
    CONNECTIONS,
    KEY,
    Connect,
    Granted,
    ProgressLog,
    connect_url,
    serving,
    text_of,
)
from support.piece_recogniser import STANDUP, ExpectedPieces, PieceRecogniser
from support.scripted_responses import respond_error, respond_json
from support.timeouts import TIMEOUT
from support.tiny_recordings import NameRecogniser
from support.wav_files import silent_wav

SECONDS, PIECE_SECONDS = (3 * 3600, None) if os.environ.get("APERTIS_LONG_TESTS") else (90, 25)
"""Length of the long recording; without a length of pieces they are those of a real one."""
SMALL_PIECES = 3.0
PROTOCOLS = [("stdio", "legacy"), ("http", "legacy"), ("http", "auto")]
"""Transports with the protocol that has a handshake, and with that of 2026-07-28, which has none:
in HTTP a call is cancelled in another way."""


@pytest.fixture(params=CONNECTIONS)
def connect(request: pytest.FixtureRequest) -> Connect:
    """Return a function that connects a client to a server over a transport."""
    return CONNECTIONS[request.param]


@pytest.fixture(scope="module")
def long_recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("long") / "beacons.mp3"
    return write_beacons(FORMATS["mp3"], path, round(SECONDS / PERIOD_SECONDS))


@pytest.fixture(scope="module")
def beacon_url() -> Iterator[str]:
    with Sandbox(recogniser="beacon") as url:
        yield url


@pytest.fixture(scope="module")
def small_pieces() -> ExpectedPieces:
    return ExpectedPieces.cut(STANDUP, SMALL_PIECES)


async def read_whole(client: Client, name: str, log: ProgressLog) -> list[str]:
    """Return the words of a recording, which is read in as many calls as it takes."""
    words, start = list[str](), 0.0
    while True:
        arguments = {"path": name, "start": start}
        result = await client.call_tool("transcribe_audio", arguments, progress_callback=log)
        assert not result.is_error
        *lines, last = text_of(result).splitlines()
        words += [word for line in lines for word in line.split()[1:]]
        following = re.search(r"start=([\d.]+)", last)
        if following is None:
            return words + last.split()[1:]
        start = float(following[1])


@pytest.mark.timeout(600)
async def test_long_recording(connect: Connect, long_recording: Path, beacon_url: str) -> None:
    """A long recording arrives whole, with progress that increases."""
    granted = Granted(beacon_url, long_recording.parent, piece_seconds=PIECE_SECONDS)
    log = ProgressLog()
    async with connect(granted) as client:
        words = await read_whole(client, long_recording.name, log)
    assert words == [f"{number:05d}" for number in range(round(SECONDS / PERIOD_SECONDS))]
    assert log.values == sorted(set(log.values))
    assert [log.values[-1], *log.totals] == [pytest.approx(SECONDS, abs=1)] * 2


@pytest.mark.parametrize(("transport", "mode"), PROTOCOLS)
async def test_cancelled_half_way(small_pieces: ExpectedPieces, transport: str, mode: str) -> None:
    """After a call was cancelled, its requests end and no more are sent; the server goes on."""
    answered, concurrency = 4, 8
    ended = Semaphore(0)

    def wait(number: int, exchange: Exchange) -> bool:
        if number >= answered:
            exchange.wait_for_disconnect()
            ended.release()
        return number >= answered

    recogniser = PieceRecogniser(small_pieces, wait)
    with LoopbackServer([recogniser]) as service:
        granted = Granted(service.url, STANDUP.parent, piece_seconds=SMALL_PIECES)
        async with CONNECTIONS[transport](granted, mode=mode) as client:
            async with anyio.create_task_group() as group:
                group.start_soon(client.call_tool, "transcribe_audio", {"path": STANDUP.name})
                await asyncio.to_thread(service.wait_for_requests, answered + concurrency)
                group.cancel_scope.cancel()
            for _ in range(concurrency):  # another connection may be idle, and stay open
                assert await asyncio.to_thread(ended.acquire, timeout=TIMEOUT)
            assert (await client.list_tools()).tools
        assert len(service.requests) == answered + concurrency < len(small_pieces.spans)


async def test_limit(connect: Connect) -> None:
    """A call over the limit of the server is an error, and nothing is sent."""
    with LoopbackServer([respond_json({"text": "Hello."})]) as service:
        granted = Granted(service.url, STANDUP.parent, max_audio_seconds=10.0)
        async with connect(granted) as client:
            result = await client.call_tool("transcribe_audio", {"path": STANDUP.name})
        assert result.is_error
        assert "max_audio_seconds" in text_of(result)
        assert service.requests == []


class Refusals:
    """A folder to read, and everything beside it that nobody may read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "in"
        self.outside = folder / "outside"
        for each in (self.folder, self.outside):
            each.mkdir()
            (each / "clip.wav").write_bytes(silent_wav(3200))
        (self.folder / "link.wav").symlink_to(self.outside / "clip.wav")
        (self.folder / "folder").symlink_to(self.outside)
        os.mkfifo(self.folder / "fifo.wav")

    @property
    def paths(self) -> list[str]:
        """Paths of tools and resources that are refused."""
        return [
            "../outside/clip.wav",
            "folder/clip.wav",
            "link.wav",
            "fifo.wav",
            str(self.outside / "clip.wav"),
            f"{self.folder}/../outside/clip.wav",
            f"file://{self.outside}/clip.wav",
            "/etc/passwd",
            "/dev/zero",
            "//host/share/clip.wav",
            r"C:\clip.wav",
            "clip.wav\0.txt",
            "x" * 100_000,
            "~/clip.wav",
            "",
            ".",
        ]


async def test_hostile_paths(connect: Connect, tmp_path: Path) -> None:
    """Whatever leads out of the folders is refused in one line, for tools and for resources.

    So is what the service refuses; the key that it repeats is hidden.
    """
    refusals, asked = Refusals(tmp_path), list[object]()

    async def list_roots(context: Any) -> ListRootsResult:
        asked.append(context)
        return ListRootsResult(roots=[Root(uri=FileUrl(refusals.outside.as_uri()))])

    with LoopbackServer([respond_error(401, f"invalid_key {KEY}")]) as service:
        granted = Granted(service.url, refusals.folder)
        async with connect(granted, mode="legacy", list_roots_callback=list_roots) as client:
            for path in refusals.paths:
                result = await client.call_tool("transcribe_audio", {"path": path})
                assert result.is_error, path
                assert len(text_of(result).splitlines()) == 1
                with pytest.raises(Exception, match=r"\.$"):
                    await client.read_resource(f"recording:///{path}")
            with pytest.raises(Exception, match="There are only resources recording"):
                await client.read_resource((refusals.outside / "clip.wav").as_uri())
            assert service.requests == []
            result = await client.call_tool("transcribe_audio", {"path": "clip.wav"})
    assert result.is_error
    assert "401" in text_of(result)
    assert KEY not in result.model_dump_json()
    assert asked == []


async def test_two_clients_at_once(tmp_path: Path) -> None:
    """Two clients of one server work at the same time, and each gets its own transcript."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.wav").write_bytes(silent_wav(3200))
    together = Barrier(2)
    recogniser = NameRecogniser(lambda _name, _exchange: together.wait(TIMEOUT))

    async def transcribe(url: str, name: str, texts: dict[str, str]) -> None:
        async with connect_url(url) as client:
            result = await client.call_tool("transcribe_audio", {"path": f"{name}.wav"})
            texts[name] = text_of(result)

    texts = dict[str, str]()
    with (
        LoopbackServer([recogniser]) as service,
        serving(Granted(service.url, tmp_path).make_server()) as url,
    ):
        async with anyio.create_task_group() as group:
            group.start_soon(transcribe, url, "one", texts)
            group.start_soon(transcribe, url, "two", texts)
    assert texts == {"one": "[00:00:00] one", "two": "[00:00:00] two"}
