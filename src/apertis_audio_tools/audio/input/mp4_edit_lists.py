"""Edit lists of MP4 files, which select the samples that are played, and sample descriptions."""

import struct
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO, NamedTuple

_FIRST_BOX = b"ftyp"
_MAX_BOXES = 1_000
"""Boxes side by side that are read; more than any file has."""
_MAX_BOX_BYTES = 36
"""Bytes of a box that are read."""
_MAX_DESCRIPTIONS_BYTES = 1 << 16
_PRIMING_SAMPLES = frozenset({1_024, 2_048, 2_112})
"""Samples that the AAC encoders of FFmpeg, Fraunhofer and Apple put in front."""
_MAX_PADDING_SAMPLES = 2_048
"""Samples that encoders add at most to fill the last frame."""


class _Box(NamedTuple):
    """Positions at which the content of a box begins and ends."""

    start: int
    end: int


def duration_without_priming(stream: BinaryIO, size: int) -> float | None:
    """Return the seconds of audio if its edit list hides only the priming of an AAC encoder.

    For every other file, including other containers, it is None.
    """
    stream.seek(0)
    if stream.read(8)[4:] != _FIRST_BOX:
        return None
    movie = _find_box(stream, _Box(0, size), b"moov")
    if movie is None:
        return None
    rate, _ = _read_time_scale(_read_box(stream, movie, b"mvhd"))
    durations = [_played_duration(stream, track, rate) for track in _audio_tracks(stream, movie)]
    return max(durations) / rate if durations and all(durations) else None


def sample_codecs(stream: BinaryIO, size: int, index: int) -> tuple[str, ...]:
    """Return the codec of each description of the samples of an audio track; most have one.

    `index` is that of the track among the audio tracks of an MP4 file.
    """
    movie = _find_box(stream, _Box(0, size), b"moov")
    track = next(islice(_audio_tracks(stream, movie), index, None), None) if movie else None
    box = _find_box(stream, track, b"mdia", b"minf", b"stbl", b"stsd") if track else None
    if box is None:
        return ()
    stream.seek(box.start)
    data = stream.read(min(box.end - box.start, _MAX_DESCRIPTIONS_BYTES))
    position, found = 8, list[str]()
    while len(head := data[position : position + 8]) == 8 and len(found) < _MAX_BOXES:  # noqa: PLR2004  # size and kind
        found.append(head[4:].decode("ascii", "replace"))
        position += max(int.from_bytes(head[:4]), 8)
    return tuple(found)


def _audio_tracks(stream: BinaryIO, movie: _Box) -> Iterator[_Box]:
    for track in _boxes(stream, movie, b"trak"):
        if _read_box(stream, track, b"mdia", b"hdlr")[8:12] == b"soun":
            yield track


def _played_duration(stream: BinaryIO, track: _Box, movie_rate: int) -> int:
    """Return the duration of a track in units of its movie, or 0 if more is hidden."""
    rate, duration = _read_time_scale(_read_box(stream, track, b"mdia", b"mdhd"))
    edits = _read_box(stream, track, b"edts", b"elst")
    layout = ">QqHH" if edits[:1] == b"\x01" else ">IiHH"
    if edits[4:8] != b"\0\0\0\1" or len(edits) < 8 + struct.calcsize(layout) or not movie_rate:
        return 0
    played, start, *speed = struct.unpack_from(layout, edits, 8)
    padding = duration - start - played * rate // movie_rate
    is_plain = (
        speed == [1, 0] and start in _PRIMING_SAMPLES and abs(padding) <= _MAX_PADDING_SAMPLES
    )
    return int(played) if is_plain else 0


def _read_time_scale(head: bytes) -> tuple[int, int]:
    """Return the units per second and the duration of a movie or track, 0 where unknown."""
    layout, at = (">IQ", 20) if head[:1] == b"\x01" else (">II", 12)
    if len(head) < at + struct.calcsize(layout):
        return 0, 0
    rate, duration = struct.unpack_from(layout, head, at)
    return rate, duration


def _read_box(stream: BinaryIO, parent: _Box, *path: bytes) -> bytes:
    """Return the first bytes of a box, or none if there is no such box."""
    box = _find_box(stream, parent, *path)
    if box is None:
        return b""
    stream.seek(box.start)
    return stream.read(min(box.end - box.start, _MAX_BOX_BYTES))


def _find_box(stream: BinaryIO, parent: _Box, *path: bytes) -> _Box | None:
    box: _Box | None = parent
    for kind in path:
        box = next(_boxes(stream, box, kind), None) if box else None
    return box


def _boxes(stream: BinaryIO, parent: _Box, kind: bytes) -> Iterator[_Box]:
    """Yield the boxes of a kind that lie directly in another (ISO/IEC 14496-12, section 4.2)."""
    position = parent.start
    for _ in range(_MAX_BOXES):
        stream.seek(position)
        head = stream.read(16)
        size, head_size = int.from_bytes(head[:4]), 8
        if size == 1:
            size, head_size = int.from_bytes(head[8:]), 16
        elif size == 0:
            size = parent.end - position
        if len(head) < head_size or size < head_size or position + size > parent.end:
            return
        if head[4:8] == kind:
            yield _Box(position + head_size, position + size)
        position += size
