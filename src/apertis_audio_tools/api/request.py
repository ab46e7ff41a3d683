"""What crosses the wire, as values: requests, the bodies they stream, answers."""

import asyncio
import binascii
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from apertis_audio_tools.errors import RecordingError

READ_BYTES = 3 * 64 * 1024
"""Bytes read at once: a multiple of 3, so that base64 pieces join without padding."""


@dataclass(frozen=True, slots=True)
class Upload:
    """Audio to be sent, as often as needed, from where it begins.

    Attributes:
        name: The file name the service sees; its extension matches the content.
        media_type: Such as ``audio/mpeg``.
        size: Bytes.
        open: Gives a fresh stream of exactly those bytes.
    """

    name: str
    media_type: str
    size: int
    open: Callable[[], BinaryIO] = field(repr=False)

    def read(self, stream: BinaryIO, missing: int) -> bytes:
        """Up to `READ_BYTES` of the `missing` bytes; fails when the file shrank meanwhile."""
        try:
            data = stream.read(min(READ_BYTES, missing))
        except (OSError, ValueError) as error:
            raise RecordingError(f"{self.name} cannot be read any more: {error}.") from error
        if not data:
            raise RecordingError(f"{self.name} became shorter while it was being sent; send again.")
        return data


@dataclass(frozen=True, slots=True)
class Base64Upload:
    """An upload that travels inside JSON."""

    upload: Upload

    @property
    def size(self) -> int:
        """Characters of the base64 text."""
        return 4 * ((self.upload.size + 2) // 3)


@dataclass(frozen=True, slots=True)
class AsciiText:
    """A long text, such as base64 a caller already holds, sent without copying it as a whole."""

    text: str = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return len(self.text)

    def chunks(self) -> Iterator[bytes]:
        """Slices of the text."""
        for start in range(0, len(self.text), READ_BYTES):
            yield self.text[start : start + READ_BYTES].encode("ascii")


BodyPart = bytes | AsciiText | Upload | Base64Upload


@dataclass(frozen=True, slots=True)
class RequestBody:
    """A request body streamed from its parts, never held as a whole."""

    media_type: str
    parts: tuple[BodyPart, ...] = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes on the wire."""
        return sum(len(part) if isinstance(part, bytes) else part.size for part in self.parts)

    def chunks(self) -> Generator[bytes]:
        """The bytes in order, read as they are asked for."""
        for part in self.parts:
            yield from _part_chunks(part)

    async def achunks(self) -> AsyncGenerator[bytes]:
        """The same bytes, with files read off the event loop."""
        for part in self.parts:
            chunks = _part_chunks(part)
            if isinstance(part, Upload | Base64Upload):
                while chunk := await asyncio.to_thread(next, chunks, b""):
                    yield chunk
            else:
                for chunk in chunks:
                    yield chunk


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
    """One request: where to, with what body, and for which model, if any."""

    method: str
    path: str
    body: RequestBody | None = None
    accept: str = "application/json"
    model: str | None = None
