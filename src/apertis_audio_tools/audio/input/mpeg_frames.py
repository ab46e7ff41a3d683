"""Walk over the frames of an mp3 file by their headers, without FFmpeg (ISO 11172-3, ISO 13818-3).

A file whose frames follow each other to its end holds nothing else: no tag in between, no change of
format, nothing behind the audio. Its length is known to the sample. FFmpeg need not read it, which
takes ten times as long and gives the interpreter's lock away for each frame.
"""

from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

_READ_BYTES = 3 << 15
"""Bytes that are read at once; the system hands out the memory of larger reads page by page."""
_HEAD_BYTES = 4
_MIN_FRAMES = 4
"""Frames of which a file has to consist; fewer may be something else."""
_RATES = (44_100, 48_000, 32_000)
_LAYER_III = 0x02
_MPEG_1, _MPEG_25, _RESERVED = 0x18, 0x00, 0x08
_BIT_RATES_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
_BIT_RATES_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
"""Kilobits per second of MPEG 1 and 2; 0 for those that a header does not tell."""
_MONO = 3
_ID3V1, _ID3V1_BYTES = b"TAG", 128

_INFO_NAMES = b"Xing", b"Info"
_INFO_BYTES = 192
_COUNT, _SIZE, _TABLE, _QUALITY = 1, 2, 4, 8
_FIELD_SIZES = {_COUNT: 4, _SIZE: 4, _TABLE: 100, _QUALITY: 4}
"""Bytes of each field behind the name and the flags (http://gabriel.mp3-tech.org/mp3infotag.html)."""
_WRITERS = b"LAME", b"Lavf", b"Lavc"
_DELAY_AT, _DECODER_DELAY = 21, 529
"""Position of the encoder's delay behind the fields, and the samples that decoders add to it."""
_MAX_MISCOUNT = 2
"""Frames that writers count or do not count: the header itself, and the last one."""


@dataclass(frozen=True, slots=True)
class MpegFrames:
    """The frames that an mp3 file consists of.

    Attributes:
        count: Number of frames with audio.
        sample_rate: Sample rate in Hz.
        channels: Number of channels.
        frame_samples: Samples of a frame.
        skipped: Samples at the beginning that players skip.
    """

    count: int
    sample_rate: int
    channels: int
    frame_samples: int
    skipped: int

    @property
    def stamped_seconds(self) -> float:
        """Seconds of all frames."""
        return self.count * self.frame_samples / self.sample_rate

    @property
    def played_seconds(self) -> float:
        """Seconds from the first sample that is played to the last."""
        return (self.count * self.frame_samples - self.skipped) / self.sample_rate


class _Format(NamedTuple):
    """The fields that the headers of all frames of a file have in common."""

    version: int
    sample_rate: int
    is_mono: bool


@dataclass(frozen=True, slots=True)
class _Info:
    """The header that a first frame without audio holds."""

    count: int
    skipped: int


def walk_frames(stream: BinaryIO, start: int, size: int) -> MpegFrames | None:
    """Return the frames of a file, or None if it does not consist of mp3 frames alone.

    One ID3v1 tag at the end is allowed, as are the tags in front.

    Args:
        stream: The file.
        start: Position behind the tags in front.
        size: Bytes of the file.
    """
    stream.seek(start)
    head = stream.read(_INFO_BYTES)
    form = _read_format(head)
    if form is None:
        return None
    stream.seek(-_ID3V1_BYTES, 2) if size > _ID3V1_BYTES else stream.seek(0)
    end = size - _ID3V1_BYTES if stream.read(len(_ID3V1)) == _ID3V1 else size
    count = _count_frames(stream, start, end, form)
    info = _read_info(head, form)
    if info is not None:
        count -= 1
        if abs(info.count - count) > _MAX_MISCOUNT:
            return None
    if count < _MIN_FRAMES:
        return None
    samples = 1152 if form.version == _MPEG_1 else 576
    channels = 1 if form.is_mono else 2
    return MpegFrames(count, form.sample_rate, channels, samples, info.skipped if info else 0)


def _count_frames(stream: BinaryIO, start: int, end: int, form: _Format) -> int:
    """Return the number of frames between two positions, or 0 if there is anything else."""
    sizes = dict[bytes, int]()
    count, position, data = 0, 0, b""
    stream.seek(start)
    left = end - start
    while left:
        read = stream.read(min(left, _READ_BYTES))
        if not read:
            return 0
        left -= len(read)
        data, position = data[position:] + read, max(position - len(data), 0)
        last = len(data) - _HEAD_BYTES
        while position <= last:
            head = data[position : position + _HEAD_BYTES]
            try:
                position += sizes[head]
            except KeyError:
                sizes[head] = size = _frame_size(head, form)
                if not size:
                    return 0
                position += size
            count += 1
    return count if position == len(data) else 0


def _read_format(head: bytes) -> _Format | None:
    """Return the format that the header of a frame of layer III tells, or None if it is none."""
    if len(head) < _HEAD_BYTES or head[0] != 0xFF or head[1] & 0xE6 != 0xE0 | _LAYER_III:  # noqa: PLR2004  # sync word
        return None
    version, rate = head[1] & 0x18, head[2] >> 2 & 3
    if version == _RESERVED or rate == len(_RATES):
        return None
    divisor = 1 if version == _MPEG_1 else 4 if version == _MPEG_25 else 2
    return _Format(version, _RATES[rate] // divisor, head[3] >> 6 == _MONO)


def _frame_size(head: bytes, form: _Format) -> int:
    """Return the bytes of a frame, or 0 if its header is none of the format."""
    if _read_format(head) != form:
        return 0
    is_first = form.version == _MPEG_1
    bit_rate = (_BIT_RATES_1 if is_first else _BIT_RATES_2)[head[2] >> 4]
    padding = head[2] >> 1 & 1
    return bit_rate and (144_000 if is_first else 72_000) * bit_rate // form.sample_rate + padding


def _read_info(head: bytes, form: _Format) -> _Info | None:
    """Return what the header in a first frame says, or None if there is no such header.

    One that does not know the number of frames says 0, which is never right.
    """
    is_first = form.version == _MPEG_1
    at = _HEAD_BYTES + ((17 if form.is_mono else 32) if is_first else (9 if form.is_mono else 17))
    if head[36:40] == b"VBRI":
        return _Info(int.from_bytes(head[50:54]), 0)
    if head[at : at + 4] not in _INFO_NAMES:
        return None
    flags = head[at + 7]
    count = int.from_bytes(head[at + 8 : at + 12]) if flags & _COUNT else 0
    at += 8 + sum(size for flag, size in _FIELD_SIZES.items() if flags & flag)
    skipped = 0
    if head[at : at + 4] in _WRITERS:
        delays = int.from_bytes(head[at + _DELAY_AT : at + _DELAY_AT + 3])
        skipped = (delays >> 12) + _DECODER_DELAY
    return _Info(count, skipped)
