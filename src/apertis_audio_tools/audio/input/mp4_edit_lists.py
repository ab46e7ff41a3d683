"""Edit lists of mp4 files: which part of the samples is played, and which is hidden."""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_FIRST = b"ftyp"
"""The box that mp4 files begin with."""
_MOST_BOXES = 1_000
"""Side by side; more than any file has, and each is read by itself."""
_MOST_BYTES = 36
"""Of a box, as far as it is looked at."""
_PRIMING = frozenset({1_024, 2_048, 2_112})
"""Samples that AAC encoders put in front: those of FFmpeg, of Fraunhofer, of Apple."""
_PADDING = 2_048
"""Samples that they add at most, to fill the last frame."""


class _Box(NamedTuple):
    """Where the content of a box is."""

    start: int
    end: int


def duration_without_priming(stream: BinaryIO, size: int) -> float | None:
    """How long the sound is, if all that is hidden of it is what the encoder of AAC put around it.

    Args:
        stream: An mp4 file, or anything else; read here and there.
        size: Bytes of it.
    """
    stream.seek(0)
    if stream.read(8)[4:] != _FIRST:
        return None
    movie = _box(stream, _Box(0, size), b"moov")
    if movie is None:
        return None
    rate, _ = _clock(_content(stream, movie, b"mvhd"))
    tracks = [*_boxes(stream, movie, b"trak")]
    sounds = [each for each in tracks if _content(stream, each, b"mdia", b"hdlr")[8:12] == b"soun"]
    played = [_played(stream, each, rate) for each in sounds]
    return max(played) / rate if all(played) and played else None


def _played(stream: BinaryIO, track: _Box, movie_rate: int) -> int:
    """How long a track is in units of its movie; 0 if more is hidden."""
    rate, duration = _clock(_content(stream, track, b"mdia", b"mdhd"))
    edits = _content(stream, track, b"edts", b"elst")
    layout = ">QqHH" if edits[:1] == b"\x01" else ">IiHH"
    if edits[4:8] != b"\0\0\0\1" or len(edits) < 8 + struct.calcsize(layout) or not movie_rate:
        return 0
    played, start, *speed = struct.unpack_from(layout, edits, 8)
    hidden = duration - start - played * rate // movie_rate
    is_plain = speed == [1, 0] and start in _PRIMING and abs(hidden) <= _PADDING
    return int(played) if is_plain else 0


def _clock(head: bytes) -> tuple[int, int]:
    """Units per second and the duration in them, of a movie or of a track; 0 where unknown."""
    layout, at = (">IQ", 20) if head[:1] == b"\x01" else (">II", 12)
    if len(head) < at + struct.calcsize(layout):
        return 0, 0
    rate, duration = struct.unpack_from(layout, head, at)
    return rate, duration


def _content(stream: BinaryIO, within: _Box, *path: bytes) -> bytes:
    """How the content of a box begins; nothing where there is none."""
    found = _box(stream, within, *path)
    if found is None:
        return b""
    stream.seek(found.start)
    return stream.read(min(found.end - found.start, _MOST_BYTES))


def _box(stream: BinaryIO, within: _Box, *path: bytes) -> _Box | None:
    found: _Box | None = within
    for kind in path:
        found = next(_boxes(stream, found, kind), None) if found else None
    return found


def _boxes(stream: BinaryIO, within: _Box, kind: bytes) -> Iterator[_Box]:
    """The boxes of a kind that lie directly in another (ISO/IEC 14496-12, section 4.2)."""
    position = within.start
    for _ in range(_MOST_BOXES):
        stream.seek(position)
        head = stream.read(16)
        size, skipped = int.from_bytes(head[:4]), 8
        if size == 1:
            size, skipped = int.from_bytes(head[8:]), 16
        elif size == 0:
            size = within.end - position
        if len(head) < skipped or size < skipped or position + size > within.end:
            return
        if head[4:8] == kind:
            yield _Box(position + skipped, position + size)
        position += size
