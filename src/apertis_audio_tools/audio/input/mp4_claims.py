"""Check the number of samples that an MP4 file claims against its bytes.

FFmpeg allocates some 36 bytes for each sample that the index of a file claims, before it reads any
(ISO/IEC 14496-12, section 8).
"""

import struct
import sys
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.errors import RecordingError

_PROBED_BYTES = 1 << 20
"""Bytes in which FFmpeg searches boxes."""
_KINDS = frozenset(
    b"ftyp moov mdat pnot udta moof wide free junk pict ediw skip uuid prfl styp".split()
)
"""Boxes by which FFmpeg recognises the container."""
_CONTAINERS = frozenset(
    b"moov trak mdia minf stbl dinf edts mvex moof traf mfra udta meta ilst tref gmhd tapt wave "
    b"sinf schi wide clip iprp".split()
)
_MAX_DEPTH = 12
_MAX_BOXES = 500_000
"""Boxes that are read. Days of live streams have fewer."""
_MIN_LIMIT = 1_000_000
_MIN_SAMPLE_BYTES = 12
"""Bytes of a compressed sample at least, on average, with all that describes it."""
_PLAIN_EDITS = 2
"""Edits of a track that is merely delayed and has its priming cut off."""
_MAX_EDITED_SAMPLES = 4_000_000
"""Samples that FFmpeg may enter into its index for edits that play parts several times."""
_MIN_RUN = 160
"""Uncompressed samples that FFmpeg handles as one, at least."""
_COMPRESSED_INDEX = frozenset({b"cmov", b"cmvd"})
_CLAIMS = frozenset(b"trun stsz stz2 stco co64 stsc stts elst hdlr mvhd mdhd".split())
"""Boxes that are read, wherever they are."""


class _Box(NamedTuple):
    """The kind of a box and its content."""

    kind: bytes
    data: memoryview

    def number(self, at: int) -> int:
        """Return the number of 32 bits at a position, or 0 if the box is too short."""
        return int.from_bytes(self.data[at : at + 4]) if len(self.data) >= at + 4 else 0


def require_plausible_samples(content: SourceContent) -> None:
    """Raise an error for an MP4 file whose index claims more samples than its bytes can hold.

    Raises:
        RecordingError: If the index claims too much, is compressed, or has too many boxes.
    """
    limit = max(_MIN_LIMIT, content.size // _MIN_SAMPLE_BYTES)
    claims = _Claims()
    with content.open() as stream:
        if not _is_mp4(stream):
            return
        for number, box in enumerate(_index_boxes(stream, content.size)):
            if box.kind in _COMPRESSED_INDEX:
                raise RecordingError(f"{content.label} has a compressed index; save it again.")
            if number > _MAX_BOXES:
                raise RecordingError(f"{content.label} has more than {_MAX_BOXES} boxes.")
            claims.add(box)
    claims.end_track()
    if claims.edited > max(_MAX_EDITED_SAMPLES, claims.samples):
        raise RecordingError(f"{content.label} has too many edits; export it without its edits.")
    if claims.samples > limit or claims.uncompressed > limit * _MIN_RUN:
        raise RecordingError(
            f"{content.label} claims to have more samples than its {content.size} bytes can hold."
        )


class _Claims:
    """Samples claimed by the boxes that were added.

    Attributes:
        samples: Samples that FFmpeg handles one by one.
        uncompressed: Samples that FFmpeg handles in runs.
        edited: Samples that the edits of tracks with many of them play.
    """

    def __init__(self) -> None:
        self.samples = self.uncompressed = self.edited = 0
        self._movie_rates = list[int]()
        self._begin_track()

    def _begin_track(self) -> None:
        self._sizes = self._chunks = self._chunk_samples = 0
        self._handlers = set[bytes]()
        self._are_unit_times = list[bool]()
        self._edits = list[int]()
        self._rates, self._durations = list[int](), list[int]()

    def add(self, box: _Box) -> None:
        """Add the claims of a box."""
        if box.kind == b"trak":
            self.end_track()
        elif box.kind == b"trun":
            self.samples += box.number(4)
        elif box.kind in {b"stsz", b"stz2"}:
            self._sizes = max(self._sizes, box.number(8))
        elif box.kind in {b"stco", b"co64"}:
            self._chunks = max(self._chunks, min(box.number(4), len(box.data) // 4))
        elif box.kind == b"elst":
            self._edits += _durations_of_edits(box)
        elif box.kind == b"stsc":
            runs = box.data[8 : 8 + 12 * min(box.number(4), len(box.data) // 12)]
            counts = memoryview(bytes(runs[: len(runs) // 12 * 12])).cast("I")[1::3]
            self._chunk_samples = max([self._chunk_samples, *map(_swapped, set(counts))])
        elif box.kind == b"stts":
            self._are_unit_times.append(box.number(4) == 1 and box.number(12) == 1)
            self._durations.append(sum(count * ticks for count, ticks in _rows(box, ">II")))
        elif box.kind in {b"mvhd", b"mdhd"}:
            rates = self._movie_rates if box.kind == b"mvhd" else self._rates
            rates.append(box.number(20 if bytes(box.data[:1]) == b"\1" else 12))
        elif box.kind == b"hdlr":
            self._handlers.add(bytes(box.data[8:12]))

    def end_track(self) -> None:
        """Count the samples of a track whose boxes were all added."""
        is_audio = b"soun" in self._handlers and b"vide" not in self._handlers
        if is_audio and self._are_unit_times and all(self._are_unit_times):
            self.uncompressed += self._chunks * self._chunk_samples
        else:
            self.samples += self._sizes
            self.edited += self._edited_samples()
        self._begin_track()

    def _edited_samples(self) -> int:
        """Return the samples that the edits play, at most: each as often as it is played."""
        if len(self._edits) <= _PLAIN_EDITS:
            return 0
        # Where boxes contradict each other, those count by which the edits last longest.
        movie_rate, rate = min(self._movie_rates, default=0), max(self._rates, default=0)
        duration = min(self._durations, default=0)
        whole = self._sizes * len(self._edits)
        if not movie_rate or not rate or not duration:
            return whole
        # One more for each edit, because it may begin and end within a sample.
        played = sum(min(edit * rate / movie_rate / duration, 1.0) for edit in self._edits)
        return min(round(played * self._sizes) + len(self._edits), whole)


def _rows(box: _Box, layout: str) -> Iterator[tuple[int, ...]]:
    """Yield the rows of a table behind the number of them."""
    size = struct.calcsize(layout)
    count = min(box.number(4), max(len(box.data) - 8, 0) // size)
    return struct.iter_unpack(layout, box.data[8 : 8 + count * size])


def _durations_of_edits(box: _Box) -> list[int]:
    """Return the durations of the edits that play something, in units of the movie."""
    rows = _rows(box, ">Qq4x" if bytes(box.data[:1]) == b"\1" else ">Ii4x")
    return [duration for duration, start in rows if start >= 0]


def _swapped(number: int) -> int:
    return int.from_bytes(number.to_bytes(4, sys.byteorder))


def _is_mp4(stream: BinaryIO) -> bool:
    """Return whether FFmpeg may take a file for MP4: it searches boxes, whatever comes first."""
    position = 0
    while position + 8 <= _PROBED_BYTES:
        stream.seek(position)
        head = stream.read(16)
        if head[4:8] in _KINDS:
            return True
        size = int.from_bytes(head[:4])
        if size == 1:
            size = max(int.from_bytes(head[8:]), 16)
        elif size == 0:
            return False
        position += size if size >= 8 else 4  # noqa: PLR2004  # the head of a box
    return False


def _index_boxes(stream: BinaryIO, size: int) -> Iterator[_Box]:
    """Yield all boxes of a file, one after the other, without content that is not of an index."""
    position = 0
    while position < size:
        stream.seek(position)
        head = stream.read(16)
        kind, box_size, head_size = box_head(head, size - position)
        if not head_size:
            return
        if kind not in _CONTAINERS | _CLAIMS | _COMPRESSED_INDEX:
            yield _Box(kind, memoryview(b""))
        else:
            stream.seek(position + head_size)
            data = stream.read(min(box_size, size - position) - head_size)
            yield from _nested(kind, memoryview(data), 0)
        position += box_size


def _nested(kind: bytes, data: memoryview, depth: int) -> Iterator[_Box]:
    yield _Box(kind, data)
    if kind not in _CONTAINERS or depth > _MAX_DEPTH:
        return
    position = 0
    if kind == b"meta":
        position = max(bytes(data[:64]).find(b"hdlr") - 4, 0)
    while position + 8 <= len(data):
        head = bytes(data[position : position + 16])
        child, size, head_size = box_head(head, len(data) - position)
        if not head_size:
            return
        end = min(position + size, len(data))
        yield from _nested(child, data[position + head_size : end], depth + 1)
        position = end


def box_head(head: bytes, left: int) -> tuple[bytes, int, int]:
    """Return the kind and size of a box and the size of its head, which is 0 at the end."""
    size, head_size = int.from_bytes(head[:4]), 8
    if size == 1:
        size, head_size = int.from_bytes(head[8:16]), 16
    elif size == 0:
        size = left
    return head[4:8], size, head_size if size >= head_size and len(head) >= head_size else 0
