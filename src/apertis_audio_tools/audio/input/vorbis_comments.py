"""Tags of FLAC and Ogg, which FFmpeg reads all at once (xiph.org/vorbis/doc/v-comment.html)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from apertis_audio_tools.audio.input.id3_tags import end_of_tags
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.errors import RecordingError

_MAX_COST = 500_000_000
"""Number of comments times their bytes, which takes a second. A real file has thirty comments, one
of which may be a picture."""
_COMMENTS, _LAST = 4, 0x80
"""Type of a block of FLAC with comments, and the flag of the last block (RFC 9639, section 8.1)."""
_OGG, _OGG_FLAC = b"OggS", b"\x7fFLAC"
_FIRST_PAGE, _PAGE_HEAD, _SEGMENTS = 2, 27, 26
"""Flag of the first page of a stream, bytes of a page before its segment table, and the position of
the number of segments (RFC 3533, section 6)."""
_FULL_SEGMENT = 255
_MAX_HEADERS = 3
"""Packets of a stream that are headers. FLAC may have more."""
_SEARCHED_BYTES = 1 << 16


def require_few_comments(content: SourceContent) -> None:
    """Raise an error for a FLAC or Ogg file with so many tags that reading them takes minutes.

    Raises:
        RecordingError: If there are so many.
    """
    with content.open() as stream:
        start = end_of_tags(stream)
        stream.seek(start)
        magic = stream.read(4)
        if magic == b"fLaC":
            costs = _flac_costs(stream, start + 4)
        elif magic == _OGG:
            costs = _ogg_costs(stream, start)
        else:
            return
        total = 0
        for cost in costs:
            total += cost
            if total > _MAX_COST:
                raise RecordingError(
                    f"{content.label} has too many tags to be read; remove them, or convert it, "
                    f"for example to mp3."
                )


def _flac_costs(stream: BinaryIO, position: int) -> Iterator[int]:
    """Yield the cost of each block of comments."""
    flags = 0
    while not flags & _LAST:
        stream.seek(position)
        head = stream.read(4)
        if len(head) < 4:  # noqa: PLR2004  # the file ends
            return
        flags, size = head[0], int.from_bytes(head[1:])
        if flags & ~_LAST == _COMMENTS:
            data = stream.read(size)
            yield data.count(b"=") * len(data)
        position += 4 + size


@dataclass(slots=True)
class _OggStream:
    """The headers of a stream as far as they were read."""

    packets: int = 0
    size: int = 0
    comments: int = 0
    is_flac: bool = False


def _ogg_costs(stream: BinaryIO, position: int) -> Iterator[int]:
    """Yield the cost of each part of the headers of each stream."""
    streams: dict[bytes, _OggStream] = {}
    while head := _next_page(stream, position):
        position, page = head
        table = stream.read(page[_SEGMENTS])
        serial = page[14:18]
        if page[5] & _FIRST_PAGE or serial not in streams:
            streams[serial] = _OggStream()
        state = streams[serial]
        body = stream.read(sum(table)) if state.is_flac or state.packets < _MAX_HEADERS else b""
        if body:
            state.is_flac = state.is_flac or body.startswith(_OGG_FLAC)
            yield from _packet_costs(state, table, body)
        position += len(page) + len(table) + sum(table)


def _packet_costs(state: _OggStream, table: bytes, body: bytes) -> Iterator[int]:
    """Yield by how much the cost of each packet on a page grows with the page."""
    at = 0
    for segment in table:
        part = body[at : at + segment]
        at += segment
        before = state.size * state.comments
        state.size += len(part)
        state.comments += part.count(b"=")
        yield state.size * state.comments - before
        if segment < _FULL_SEGMENT:
            state.packets, state.size, state.comments = state.packets + 1, 0, 0


def _next_page(stream: BinaryIO, position: int) -> tuple[int, bytes] | None:
    """Return the next page from a position on: where it is, and its head."""
    while True:
        stream.seek(position)
        head = stream.read(_PAGE_HEAD)
        if head.startswith(_OGG) and len(head) == _PAGE_HEAD:
            return position, head
        data = head + stream.read(_SEARCHED_BYTES)
        if len(data) <= _PAGE_HEAD:
            return None
        found = data.find(_OGG, 1)
        position += found if found > 0 else len(data) - len(_OGG) + 1
