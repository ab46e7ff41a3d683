"""Chained Ogg files: several logical recordings after one another, each with its own headers."""

from collections.abc import Iterator
from typing import BinaryIO

_READ_BYTES = 1 << 20
_FIRST_PAGE = b"OggS\x00\x02"
"""Bytes at the start of the first page of a stream (RFC 3533, section 6)."""
_PAGE_HEAD, _SEGMENTS = 27, 26
"""Bytes of a page before its segment table, and the position of the number of segments."""


def link_starts(stream: BinaryIO) -> list[int]:
    """Return the positions of the recordings that an Ogg file is chained of."""
    starts: list[int] = []
    head_end = 0
    for position in list(_find_first_pages(stream)):
        if not (size := _page_size(stream, position)):
            continue
        # First pages that touch belong to streams that run side by side, as audio and video do.
        if not starts or position != head_end:
            starts.append(position)
        head_end = position + size
    return starts


def _page_size(stream: BinaryIO, position: int) -> int:
    """Return the size of a page, or 0 if the file ends within its head."""
    stream.seek(position)
    head = stream.read(_PAGE_HEAD)
    if len(head) < _PAGE_HEAD:
        return 0
    table = stream.read(head[_SEGMENTS])
    return len(head) + len(table) + sum(table)


def _find_first_pages(stream: BinaryIO) -> Iterator[int]:
    """Yield the positions of pages that begin a stream."""
    kept, position = b"", 0
    while data := stream.read(_READ_BYTES):
        data = kept + data
        found = data.find(_FIRST_PAGE)
        while found >= 0:
            yield position + found
            found = data.find(_FIRST_PAGE, found + 1)
        kept = data[-len(_FIRST_PAGE) + 1 :]
        position += len(data) - len(kept)
