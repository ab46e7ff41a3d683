"""Requests and the bodies they stream."""

import asyncio
import binascii
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, BinaryIO, TypeAlias

from apertis_audio_tools.api.options import ModelNeed
from apertis_audio_tools.errors import RecordingError
from apertis_audio_tools.models import MAX_JSON_RESPONSE_BYTES

READ_BYTES = 3 * 64 * 1024
"""Bytes that are read at once. A multiple of 3, so that pieces of base64 need no padding."""

_JOINED_BYTES = 64 * 1024

_READS_PER_THREAD = 4
"""Reads for each switch to a thread, which takes longer than a read."""


@dataclass(frozen=True, slots=True)
class Upload:
    """Audio that is sent, and can be sent again.

    Attributes:
        name: File name that the service sees; its extension matches the content.
        media_type: Media type, such as ``audio/mpeg``.
        size: Size in bytes.
        open: Function that returns a new stream of exactly these bytes.
    """

    name: str
    media_type: str
    size: int
    open: Callable[[], BinaryIO] = field(repr=False)

    def read(self, stream: BinaryIO, missing: int) -> bytes:
        """Return up to `READ_BYTES` of the missing bytes, or raise if the file became shorter."""
        try:
            data = stream.read(min(READ_BYTES, missing))
        except (OSError, ValueError) as error:
            raise RecordingError(f"{self.name} cannot be read any more: {error}.") from error
        if not data:
            raise RecordingError(f"{self.name} became shorter while it was sent; send it again.")
        return data


@dataclass(frozen=True, slots=True)
class Base64Upload:
    """Upload that is sent inside JSON."""

    upload: Upload

    @property
    def size(self) -> int:
        """Length of the base64 text."""
        return 4 * ((self.upload.size + 2) // 3)


@dataclass(frozen=True, slots=True)
class AsciiText:
    """Long ASCII text, such as base64, that is sent without copying the whole of it."""

    text: str = field(repr=False)

    @property
    def size(self) -> int:
        """Size in bytes."""
        return len(self.text)

    def chunks(self) -> Iterator[bytes]:
        """Yield slices of the text."""
        for start in range(0, len(self.text), READ_BYTES):
            yield self.text[start : start + READ_BYTES].encode("ascii")


ClipEncoder: TypeAlias = Callable[[Any], tuple[Upload, str]]
"""Function that returns an upload and its format for a source of audio."""

BodyPart: TypeAlias = bytes | AsciiText | Upload | Base64Upload


@dataclass(frozen=True, slots=True)
class RequestBody:
    """Request body that is streamed from its parts and never in memory as a whole."""

    media_type: str
    parts: tuple[BodyPart, ...] = field(repr=False)

    @property
    def size(self) -> int:
        """Size in bytes."""
        return sum(len(part) if isinstance(part, bytes) else part.size for part in self.parts)

    def chunks(self) -> Generator[bytes]:
        """Yield the body. Files are read when their turn comes."""
        return _join_small(chain.from_iterable(map(_part_chunks, self.parts)))

    async def achunks(self) -> AsyncGenerator[bytes]:
        """Async version of `chunks`. Files are read in threads."""
        chunks = self.chunks()
        if not any(isinstance(part, Upload | Base64Upload) for part in self.parts):
            for chunk in chunks:
                yield chunk
            return
        is_last = False
        while not is_last:
            read = await asyncio.to_thread(deque, islice(chunks, _READS_PER_THREAD))
            is_last = len(read) < _READS_PER_THREAD
            while read:
                yield read.popleft()


def _join_small(chunks: Iterable[bytes]) -> Generator[bytes]:
    """Yield chunks, small ones joined, because each is sent by itself."""
    held = b""
    for chunk in chunks:
        if held and len(held) + len(chunk) > _JOINED_BYTES:
            yield held
            held = b""
        held = held + chunk if held else chunk
    if held:
        yield held


def _part_chunks(part: BodyPart) -> Iterator[bytes]:
    match part:
        case bytes():
            yield part
        case AsciiText():
            yield from part.chunks()
        case _:
            yield from _file_chunks(part)


def _file_chunks(part: Upload | Base64Upload) -> Iterator[bytes]:
    upload = part.upload if isinstance(part, Base64Upload) else part
    missing, carry = upload.size, b""
    with upload.open() as stream:
        while missing:
            data = upload.read(stream, missing)
            missing -= len(data)
            if isinstance(part, Upload):
                yield data
                continue
            data = carry + data
            whole = len(data) if not missing else len(data) - len(data) % 3
            carry = data[whole:]
            if whole:
                yield binascii.b2a_base64(data[:whole], newline=False)


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request.

    Attributes:
        method: HTTP method.
        path: Path below the base URL.
        body: Body, if there is one.
        accept: Media type that is accepted as response.
        model: Model that the rate limit counts the request for, if there is one.
        need: Abilities that the request needs of its model.
        max_response_bytes: Largest response body that is accepted, decompressed. Errors have a
            limit of their own.
        audio_seconds: Seconds of audio in the body that are to be transcribed.
        characters: Characters of the body that are to be spoken.
    """

    method: str
    path: str
    body: RequestBody | None = None
    accept: str = "application/json"
    model: str | None = None
    need: ModelNeed | None = None
    max_response_bytes: int = MAX_JSON_RESPONSE_BYTES
    audio_seconds: float = 0.0
    characters: int = 0
