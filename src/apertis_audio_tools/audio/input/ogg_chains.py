"""Ogg files that are several after one another, each with a head of its own."""

from collections.abc import Iterator
from dataclasses import replace

from apertis_audio_tools.audio.input.byte_ranges import byte_range
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.errors import RecordingError

_READ_BYTES = 1 << 20
_FIRST_PAGE = b"OggS\x00\x02"
"""How the first page of a stream begins (RFC 3533, section 6)."""
_PAGE_HEAD, _SEGMENTS = 27, 26
"""Bytes of a page before its table of segments, and where their number is."""


_MOST_LINKS = 1_000
"""More than days of internet radio have; each has to be opened by itself."""


def chain_links(content: SourceContent) -> list[SourceContent]:
    """The files a chained Ogg file consists of; nearly always it is only the one.

    Raises:
        RecordingError: They are too many to be true.
    """
    starts: list[int] = []
    head_end = 0
    for position, size in _first_pages(content):
        # First pages that touch belong to streams that run side by side, as sound and picture do.
        if not starts or position != head_end:
            starts.append(position)
        head_end = position + size
    if len(starts) > _MOST_LINKS:
        raise RecordingError(
            f"{content.label} is a chain of more than {_MOST_LINKS} recordings; "
            f"send them one by one."
        )
    if len(starts) < 2:  # noqa: PLR2004  # a chain has two links
        return [content]
    ends = [*starts[1:], content.size]
    return [
        replace(content, size=end - start, open=byte_range(content, start, end - start))
        for start, end in zip(starts, ends, strict=True)
    ]


def _first_pages(content: SourceContent) -> Iterator[tuple[int, int]]:
    """Where pages are that begin a stream, and how large."""
    with content.open() as file:
        for position in list(_occurrences(content)):
            file.seek(position)
            head = file.read(_PAGE_HEAD)
            if len(head) == _PAGE_HEAD:
                table = file.read(head[_SEGMENTS])
                yield position, len(head) + len(table) + sum(table)


def _occurrences(content: SourceContent) -> Iterator[int]:
    kept, position = b"", 0
    with content.open() as file:
        while data := file.read(_READ_BYTES):
            data = kept + data
            found = data.find(_FIRST_PAGE)
            while found >= 0:
                yield position + found
                found = data.find(_FIRST_PAGE, found + 1)
            kept = data[-len(_FIRST_PAGE) + 1 :]
            position += len(data) - len(kept)
