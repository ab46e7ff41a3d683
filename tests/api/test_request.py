"""Bodies stream exactly the bytes that they announce, any number of times."""

import asyncio
import base64
import io
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from apertis_audio_tools import RecordingError
from apertis_audio_tools.api.request import (
    READ_BYTES,
    AsciiText,
    Base64Upload,
    BodyPart,
    RequestBody,
    Upload,
)
from apertis_audio_tools.api.response import Response

SIZES = [*range(11), *(READ_BYTES * n + more for n in (1, 2) for more in (-2, -1, 0, 1, 2))]


def content(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def upload(data: bytes, size: int | None = None) -> Upload:
    length = len(data) if size is None else size
    return Upload("clip.mp3", "audio/mpeg", length, lambda: io.BytesIO(data))


def sent(body: RequestBody) -> bytes:
    return b"".join(body.chunks())


def asent(body: RequestBody) -> bytes:
    async def collected() -> bytes:
        return b"".join([chunk async for chunk in body.achunks()])

    return asyncio.run(collected())


@pytest.fixture(params=[sent, asent])
def send(request: pytest.FixtureRequest) -> Callable[[RequestBody], bytes]:
    """Return a function that sends a body; each test that uses it runs sync and async."""
    chosen: Callable[[RequestBody], bytes] = request.param
    return chosen


@pytest.mark.parametrize("size", SIZES)
def test_files(size: int, send: Callable[[RequestBody], bytes]) -> None:
    """A file of any size travels as it is, between its neighbours."""
    data = content(size)
    body = RequestBody("x/y", (b"<", upload(data), b">"))
    assert send(body) == b"<" + data + b">"
    assert body.size == size + 2


@pytest.mark.parametrize("size", SIZES)
def test_base64(size: int, send: Callable[[RequestBody], bytes]) -> None:
    """Base64 made in pieces is the base64 of the whole."""
    data = content(size)
    body = RequestBody("x/y", (b"<", Base64Upload(upload(data)), b">"))
    assert send(body) == b"<" + base64.b64encode(data) + b">"
    assert body.size == len(base64.b64encode(data)) + 2


@pytest.mark.parametrize("size", SIZES)
def test_ascii(size: int, send: Callable[[RequestBody], bytes]) -> None:
    """A text of any length travels as it is."""
    body = RequestBody("x/y", (AsciiText("abc" * size), b"!"))
    assert send(body) == b"abc" * size + b"!"
    assert body.size == 3 * size + 1


@pytest.mark.parametrize("wrap", [lambda each: each, Base64Upload])
@pytest.mark.parametrize("read_size", [1, 2, 4, 5])
def test_short_reads(
    read_size: int, wrap: Callable[[Upload], BodyPart], send: Callable[[RequestBody], bytes]
) -> None:
    """A stream that returns a few bytes at a time is sent completely."""

    class Dripping(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            return super().read(read_size)

    data = content(100)
    dripping = Upload("clip.mp3", "audio/mpeg", 100, lambda: Dripping(data))
    assert send(RequestBody("x/y", (wrap(dripping),))) == sent(
        RequestBody("x/y", (wrap(upload(data)),))
    )


def test_sent_again(tmp_path: Path, send: Callable[[RequestBody], bytes]) -> None:
    """A body can be sent again, and half-sent in between, from its beginning each time."""
    path = tmp_path / "clip.mp3"
    path.write_bytes(content(3 * READ_BYTES))
    file = Upload("clip.mp3", "audio/mpeg", 3 * READ_BYTES, lambda: path.open("rb"))
    body = RequestBody("x/y", (b"<", file, Base64Upload(file), b">"))
    first = send(body)
    half = body.chunks()
    assert next(half) == b"<"
    assert next(half) == content(READ_BYTES)
    half.close()
    assert send(body) == first
    assert len(first) == body.size


@pytest.mark.parametrize("wrap", [lambda each: each, Base64Upload])
def test_shrunk(wrap: Callable[[Upload], BodyPart], send: Callable[[RequestBody], bytes]) -> None:
    """A file that became shorter is an error, for the request cannot be completed."""
    body = RequestBody("x/y", (wrap(upload(content(50), size=51)),))
    with pytest.raises(RecordingError, match=r"clip\.mp3 became shorter while it was sent"):
        send(body)


@pytest.mark.parametrize("wrap", [lambda each: each, Base64Upload])
def test_grown(wrap: Callable[[Upload], BodyPart], send: Callable[[RequestBody], bytes]) -> None:
    """A file that became longer is sent up to its announced size."""
    body = RequestBody("x/y", (wrap(upload(content(60), size=50)),))
    assert send(body) == sent(RequestBody("x/y", (wrap(upload(content(50))),)))


def test_unreadable(send: Callable[[RequestBody], bytes]) -> None:
    """A file that cannot be read any more is an error with the reason."""

    class Failing(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            raise OSError(5, "Input/output error")

    failing = Upload("clip.mp3", "audio/mpeg", 9, Failing)
    with pytest.raises(RecordingError, match=r"clip\.mp3 cannot be read any more.*Input/output"):
        send(RequestBody("x/y", (failing,)))


@pytest.mark.parametrize("wrap", [lambda each: each, Base64Upload])
def test_memory(
    wrap: Callable[[Upload], BodyPart], tmp_path: Path, send: Callable[[RequestBody], bytes]
) -> None:
    """Sending a file of any size takes little memory."""
    path, size = tmp_path / "long.wav", 100 * 1024 * 1024
    with path.open("wb") as file:
        os.truncate(file.fileno(), size)
    part = wrap(Upload("long.wav", "audio/wav", size, lambda: path.open("rb")))
    body = RequestBody("x/y", (part,))
    counted, peak = counting(body, asynchronous=send is asent)
    assert counted == body.size
    assert peak < size // 20


def counting(body: RequestBody, *, asynchronous: bool) -> tuple[int, int]:
    """Return the number of bytes that a body sends, and the peak of the memory it takes."""

    async def acount() -> int:
        return sum([len(chunk) async for chunk in body.achunks()])

    tracemalloc.start()
    try:
        size = asyncio.run(acount()) if asynchronous else sum(map(len, body.chunks()))
        return size, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_files_are_closed(tmp_path: Path) -> None:
    """A file is open only while it is sent, even when sending stops half-way."""
    path = tmp_path / "clip.mp3"
    path.write_bytes(content(2 * READ_BYTES))
    opened: list[BinaryIO] = []

    def open_noted() -> BinaryIO:
        opened.append(path.open("rb"))
        return opened[-1]

    body = RequestBody("x/y", (Upload("clip.mp3", "audio/mpeg", 2 * READ_BYTES, open_noted),))
    assert opened == []
    sent(body)
    asent(body)
    half = body.chunks()
    next(half)
    half.close()
    assert [stream.closed for stream in opened] == [True, True, True]


@pytest.mark.parametrize(
    ("header", "media_type"),
    [
        ("Application/JSON; charset=utf-8", "application/json"),
        (" audio/mpeg ;x=y;z", "audio/mpeg"),
        ("text/plain, application/json", "text/plain"),
        ("", ""),
    ],
)
def test_media_type(header: str, media_type: str) -> None:
    """A media type is the first one, in lower case, without parameters."""
    assert Response(200, {"content-type": header}).media_type == media_type
    assert Response(200, {}).media_type == ""
    assert Response(200, {"x-request-id": "req-1"}).request_id == "req-1"
