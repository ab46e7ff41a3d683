"""Limits on the tags of an upload: FFmpeg compares each tag with all before it."""

import re
import time
from io import BytesIO

_MAX_SECONDS = 1.0
"""Processor time for opening an upload."""
_EBML, _FLAC = b"\x1a\x45\xdf\xa3", b"fLaC"
_MATROSKA_ENTRIES = (b"\x45\xa3", b"\x73\xc4")
"""Identifiers of the name of a tag, and of a chapter."""
_MAX_MATROSKA_ENTRIES = 3_000
_OGG_PAGE = re.compile(rb"OggS\0.{21}(.)", re.DOTALL)
_MAX_OGG_COST = 500_000_000
"""Number of comments times their bytes."""
_HEADER_PACKETS, _FLAC_HEADER_PACKETS = 3, 64
_COMMENTS, _PADDING, _LAST = 4, 1, 0x80
"""Types of blocks of FLAC, and the flag of the last one."""
_MAX_FLAC_COMMENT_BYTES = 1 << 16


class ImplausibleError(Exception):
    """The index of an upload claims more than the upload can hold, or there are too many tags."""


class OpeningFile(BytesIO):
    """An upload that ends when opening it has cost too much. `finish_opening` lifts the limit."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._is_matroska = data.startswith(_EBML)
        self._entries = 0
        self._end: float | None = time.thread_time() + _MAX_SECONDS
        self._is_exceeded = False

    def read(self, size: int | None = -1, /) -> bytes:
        """Return bytes, or none if opening the upload has cost too much."""
        data = super().read(size)
        if self._end is None:
            return data
        if self._is_matroska:
            self._entries += sum(map(data.count, _MATROSKA_ENTRIES))
        if time.thread_time() > self._end or self._entries > _MAX_MATROSKA_ENTRIES:
            self._is_exceeded = True
        return b"" if self._is_exceeded else data

    def finish_opening(self) -> None:
        """Lift the limit.

        Raises:
            ImplausibleError: If opening the upload has cost too much.
        """
        self._end = None
        if self._is_exceeded:
            raise ImplausibleError


def without_flac_comments(data: bytes) -> bytes:
    """Return an upload whose comments of FLAC are padding if there are many."""
    if not data.startswith(_FLAC):
        return data
    changed, position, kind, size = bytearray(data), len(_FLAC), 0, 0
    while not kind & _LAST and position < len(data):
        kind = data[position]
        block = int.from_bytes(data[position + 1 : position + 4])
        if kind & ~_LAST == _COMMENTS:
            changed[position] = _PADDING | kind & _LAST
            size += block
        position += 4 + block
    return bytes(changed) if size > _MAX_FLAC_COMMENT_BYTES else data


def has_many_ogg_comments(data: bytes) -> bool:
    """Return whether the headers of the streams of an Ogg file have too many comments."""
    cost = 0
    packets = dict[bytes, tuple[int, int, int, int]]()
    for page in _OGG_PAGE.finditer(data):
        position, serial = page.start(), data[page.start() + 14 : page.start() + 18]
        if data[position + 5] & 2 or serial not in packets:
            is_flac = data.startswith(b"\x7fFLAC", page.end() + page[1][0])
            packets[serial] = (0, 0, 0, _FLAC_HEADER_PACKETS if is_flac else _HEADER_PACKETS)
        number, size, comments, headers = packets[serial]
        at = page.end() + page[1][0]
        for segment in data[page.end() : at] if number < headers else b"":
            size, comments = size + segment, comments + data.count(b"=", at, at + segment)
            at += segment
            if segment < 255:  # noqa: PLR2004  # the packet ends
                number, cost, size, comments = number + 1, cost + size * comments, 0, 0
        packets[serial] = (number, size, comments, headers)
        if cost > _MAX_OGG_COST:
            return True
    return cost + sum(size * comments for _, size, comments, _ in packets.values()) > _MAX_OGG_COST
