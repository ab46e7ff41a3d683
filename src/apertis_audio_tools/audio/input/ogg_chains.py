"""Chained Ogg files: several logical recordings after one another, each with its own headers."""

from collections.abc import Iterator
from typing import BinaryIO

from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.errors import RecordingError

_READ_BYTES = 1 << 20
_FIRST_PAGE = b"OggS\x00\x02"
"""Bytes at the start of the first page of a stream (RFC 3533, section 6)."""
_PAGE_HEAD, _SEGMENTS = 27, 26
"""Bytes of a page before its segment table, and the position of the number of segments."""
_MAX_LINKS = 1_000
"""More than days of internet radio have. Each has to be opened by itself."""


def chain_links(content: SourceContent) -> tuple[SourceContent, ...]:
    """Return the recordings that an Ogg file is chained of, in nearly all cases only itself.

    Raises:
        RecordingError: If there are more than any real file has.
    """
    starts: list[int] = []
    head_end = 0
    with content.open() as stream:
        for position in list(_find_first_pages(stream)):
            if not (size := _page_size(stream, position)):
                continue
            # First pages that touch belong to streams that run side by side, as audio and video do.
            if not starts or position != head_end:
                starts.append(position)
            head_end = position + size
    if len(starts) > _MAX_LINKS:
        raise RecordingError(
            f"{content.label} is a chain of more than {_MAX_LINKS} recordings; "
            f"send them one by one."
        )
    if len(starts) < 2:  # noqa: PLR2004  # a chain has two links
        return (content,)
    ends = [*starts[1:], content.size]
    return tuple(
        content.window(start, end - start) for start, end in zip(starts, ends, strict=True)
    )


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
