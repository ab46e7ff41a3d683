"""Hide or refuse the parts of an upload that cost FFmpeg far more memory than their size.

The sandbox needs no tags, and no index that claims more than an upload can hold.
"""

import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

from apertis_audio_tools.sandbox.opening_limits import (
    ImplausibleError,
    OpeningFile,
    has_many_ogg_comments,
    without_flac_comments,
)

_TAG = re.compile(rb"ID3[^\xff][^\xff](.)([\x00-\x7f]{4})", re.DOTALL)
_EMBEDDED_TAG = re.compile(rb"ID3(?=[\x02-\x04][^\xff].[\x00-\x7f]{4}[A-Z0-9]{3})", re.DOTALL)
"""A tag within the audio, as FFmpeg reads them in AAC. By chance it is in no real recording."""
_FOOTER_FLAG = 0x10
_HEAD_BYTES = 10
_MAX_SAMPLES = 2_000_000
"""Samples of an MP4 file that FFmpeg may index, which takes about 36 bytes for each."""
_MAX_EDITS = 20
"""Edits that are read whatever they play."""
_MAX_EDITED = 2.0
"""Times that the edits may play the whole track: FFmpeg indexes each part anew."""
_MAX_BOXES = 500_000
_COUNTS = re.compile(rb"(stsz.{8}|stz2.{8}|trun.{4})(.{4})", re.DOTALL)
_EDITS = re.compile(rb"elst(.)...(.{4})", re.DOTALL)
_MOVIE_RATE = re.compile(rb"mvhd(?:\x00.{11}|\x01.{19})(.{4})", re.DOTALL)
_TRACK_RATE = re.compile(rb"mdhd(?:\x00.{11}|\x01.{19})(.{4})", re.DOTALL)
_TIMES = re.compile(rb"stts.{4}(.{4})", re.DOTALL)
_CHUNKS = re.compile(rb"(?:stco|co64).{4}(.{4})", re.DOTALL)
_RUNS = re.compile(rb"stsc(?=.{8})", re.DOTALL)
_MIN_RUN = 160
"""Uncompressed samples that FFmpeg indexes as one, at least."""
_UNIT_TIMES = re.compile(rb"stts.{4}\x00{3}\x01(.{4})\x00{3}\x01", re.DOTALL)
"""Times of uncompressed samples, which FFmpeg does not index one by one."""
_MP4_KINDS = frozenset(b"ftyp moov moof mdat wide free skip junk pict pnot udta uuid styp".split())
"""Boxes by which FFmpeg recognises the container."""


def screen(file: BinaryIO) -> OpeningFile:
    """Return a file without its tags in ID3 and FLAC.

    Raises:
        ImplausibleError: If it is an MP4 file whose index is compressed or claims too much, or an
            Ogg file with too many tags.
    """
    data = file.read()
    start = 0
    while tag := _TAG.match(data, start):
        flags, sizes = tag[1][0], tag[2]
        size = sizes[0] << 21 | sizes[1] << 14 | sizes[2] << 7 | sizes[3]
        start += size + _HEAD_BYTES * (2 if flags & _FOOTER_FLAG else 1)
    data = without_flac_comments(_EMBEDDED_TAG.sub(bytes(3), data[start:]))
    _require_plausible_index(_mp4_index(data))
    if has_many_ogg_comments(data):
        raise ImplausibleError
    return OpeningFile(data)


def _mp4_index(data: bytes) -> bytes:
    """Return an MP4 file without the content of its boxes of audio; of other files, nothing."""
    kept, kinds, position = [], set[bytes](), 0
    while position + 8 <= len(data):
        kind = data[position + 4 : position + 8]
        size = int.from_bytes(data[position : position + 4])
        if size == 1:
            size = max(int.from_bytes(data[position + 8 : position + 16]), 16)
        elif size == 0:
            size = len(data) - position
        size = size if size >= 8 else 4  # noqa: PLR2004  # FFmpeg searches on behind bad sizes
        if kind != b"mdat":
            kept.append(data[position : position + size])
        kinds.add(kind)
        if len(kept) > _MAX_BOXES:
            raise ImplausibleError
        position += size
    return b"".join(kept) if kinds & _MP4_KINDS else b""


def _require_plausible_index(index: bytes) -> None:
    samples, uncompressed = 0, {match[1] for match in _UNIT_TIMES.finditer(index)}
    for match in _COUNTS.finditer(index):
        if match[2] not in uncompressed:
            samples += int.from_bytes(match[2])
        if samples > _MAX_SAMPLES:
            raise ImplausibleError
    chunks = max((int.from_bytes(match[1]) for match in _CHUNKS.finditer(index)), default=0)
    runs = max(map(_samples_per_chunk, _RUNS.split(index)[1:]), default=0)
    if (
        _edited_tracks(index) > _MAX_EDITED
        or b"cmov" in index
        or chunks * runs > _MAX_SAMPLES * _MIN_RUN
    ):
        raise ImplausibleError


def _edited_tracks(index: bytes) -> float:
    """Return how often long edit lists play the shortest track, at most."""
    longest = 0.0
    for match in _EDITS.finditer(index):
        row = ">Qq4x" if match[1] == b"\1" else ">Ii4x"
        edits = [length for length, start in _rows(row, match[2], index, match.end()) if start >= 0]
        if len(edits) > _MAX_EDITS:
            longest += sum(edits)
    if not longest:
        return 0.0
    movie_rate = min((int.from_bytes(each[1]) for each in _MOVIE_RATE.finditer(index)), default=0)
    rate = max((int.from_bytes(each[1]) for each in _TRACK_RATE.finditer(index)), default=0)
    tables = (_rows(">II", each[1], index, each.end()) for each in _TIMES.finditer(index))
    ticks = min((sum(count * step for count, step in table) for table in tables), default=0)
    return longest * rate / (movie_rate * ticks) if movie_rate and ticks else _MAX_EDITED + 1


def _rows(layout: str, count: bytes, index: bytes, start: int) -> Iterator[tuple[int, ...]]:
    size = struct.calcsize(layout)
    rows = min(int.from_bytes(count), (len(index) - start) // size)
    return struct.iter_unpack(layout, memoryview(index)[start : start + rows * size])


def _samples_per_chunk(table: bytes) -> int:
    """Return the most samples of a chunk in a table behind its name."""
    count = int.from_bytes(table[4:8])
    rows = memoryview(table)[8 : 8 + 12 * min(count, (len(table) - 8) // 12)]
    return max((row[1] for row in struct.iter_unpack(">III", rows)), default=0)
