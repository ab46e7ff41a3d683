"""Positions of the samples in uncompressed WAVE files."""

import struct
from dataclasses import dataclass

from apertis_audio_tools.audio.input.frames import has_non_numbers
from apertis_audio_tools.audio.input.riff_chunks import read_head
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.input.tracks import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE, Track

_PCM, _FLOAT, _ALAW, _MULAW = 1, 3, 6, 7
"""Format tags of WAVE (RFC 2361)."""
_CODECS = {
    "pcm_u8": (_PCM, 1),
    "pcm_s16le": (_PCM, 2),
    "pcm_s24le": (_PCM, 3),
    "pcm_s32le": (_PCM, 4),
    "pcm_f32le": (_FLOAT, 4),
    "pcm_f64le": (_FLOAT, 8),
    "pcm_alaw": (_ALAW, 1),
    "pcm_mulaw": (_MULAW, 1),
}
"""The format tag and the bytes of a sample of each codec."""
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_RIFF = b"RIFF"
_SIZE_FIELD = struct.Struct("<I")
_FORM_BYTES = 12
_FORMAT = struct.Struct("<HHIIHH")
_PLAIN_FORMAT_BYTES = frozenset({16, 18})
"""Sizes of a description without extensions."""
_PLAIN_CODECS = {fields: codec for codec, fields in _CODECS.items() if fields[0] != _FLOAT}
"""Codecs by tag and bytes. Samples of floating point have to be read: they may be anything."""
_SYNC_WORDS = (
    b"\x7f\xfe\x80\x01",
    b"\xfe\x7f\x01\x80",
    b"\x1f\xff\xe8\x00",
    b"\xff\x1f\x00\xe8",
    b"\x72\xf8\x1f\x4e",
    b"\xf8\x72\x4e\x1f",
)
"""Bytes with which frames of DTS (ETSI TS 102 114) and bursts of IEC 61937 begin."""
_SEARCHED_BYTES = 1 << 13

_CHECKED_BLOCK, _CHECKED_BLOCKS = 1 << 20, 256
"""Bytes of samples that are checked at once, and how often."""

WAV_HEADER_BYTES = _HEADER.size
MAX_WAV_BYTES = 0xFFFFFFFF
"""Bytes that the sizes in a header can express. Streams have it in place of a size."""


@dataclass(frozen=True, slots=True)
class WavLayout:
    """Positions of the samples of a recording. A frame is one sample of each channel.

    Attributes:
        codec: FFmpeg's name of the format of the samples.
        channels: Number of channels.
        channel_layout: FFmpeg's name of the order of the channels, such as ``stereo``.
        sample_rate: Frames per second.
        start: Position of the first byte.
        frames: Number of frames.
        has_plain_header: Whether every decoder understands its header, which is right.
    """

    codec: str
    channels: int
    channel_layout: str
    sample_rate: int
    start: int
    frames: int
    has_plain_header: bool

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame."""
        return _CODECS[self.codec][1] * self.channels

    @property
    def seconds(self) -> float:
        """Duration of the samples that are really in the file."""
        return self.frames / self.sample_rate

    def header(self, frames: int) -> bytes:
        """Return the header of a WAVE file with a number of frames."""
        tag, width = _CODECS[self.codec]
        size = frames * self.frame_bytes
        bytes_per_second = self.sample_rate * self.frame_bytes
        fields = (
            tag,
            self.channels,
            self.sample_rate,
            bytes_per_second,
            self.frame_bytes,
            width * 8,
        )
        riff_size = _HEADER.size - 8 + size
        return _HEADER.pack(_RIFF, riff_size, b"WAVE", b"fmt ", 16, *fields, b"data", size)


def read_plain_wav(content: SourceContent) -> WavLayout | None:
    """Return where the samples of a plain file with one channel are, or None for any other.

    Plain is a file whose header is right about it, and that holds nothing but samples: DTS and
    AC-3, which some discs have in the place of samples, are known by their first bytes.
    """
    with content.open() as stream:
        form = stream.read(_FORM_BYTES)
        if form[:4] != _RIFF or form[8:] != b"WAVE":
            return None
        before, audio = read_head(stream, content, "little")
        formats = [chunk for chunk in before if chunk.kind == b"fmt "]
        if audio is None or not audio.size or audio.end < content.size or len(formats) != 1:
            return None
        stream.seek(formats[0].start)
        fields = stream.read(_FORMAT.size)
        stream.seek(audio.start)
        first = stream.read(_SEARCHED_BYTES)
    if len(fields) < _FORMAT.size or formats[0].size not in _PLAIN_FORMAT_BYTES:
        return None
    tag, channels, rate, bytes_per_second, width, bits = _FORMAT.unpack(fields)
    codec = _PLAIN_CODECS.get((tag, width))
    is_right = channels == 1 and bits == width * 8 and bytes_per_second == width * rate
    if codec is None or not is_right or not MIN_SAMPLE_RATE <= rate <= MAX_SAMPLE_RATE:
        return None
    if any(word in first for word in _SYNC_WORDS) or audio.start + audio.size != content.size:
        return None
    layout = WavLayout(
        codec, 1, "mono", rate, audio.start, audio.size // width, has_plain_header=True
    )
    return layout if layout.frames else None


def read_wav_layout(track: Track, content: SourceContent) -> WavLayout | None:
    """Return where the samples of a track are, or None if they cannot be cut as bytes.

    The first packet of the track is read.
    """
    codec = track.decoder
    if track.container != "wav" or codec.name not in _CODECS:
        return None
    first = next(track.packets(), None)
    if first is None or first.pos is None:
        return None
    frame_bytes = _CODECS[codec.name][1] * codec.channels
    with content.open() as stream:
        is_riff = stream.read(len(_RIFF)) == _RIFF
        stream.seek(first.pos - _SIZE_FIELD.size)
        (claimed,) = _SIZE_FIELD.unpack(stream.read(_SIZE_FIELD.size))
    # A program that writes a stream cannot know its size, and writes 0 or the largest number.
    size = min(claimed or content.size, content.size - first.pos)
    return WavLayout(
        codec.name,
        codec.channels,
        codec.layout.name,
        codec.sample_rate,
        first.pos,
        size // frame_bytes,
        is_riff and claimed == size,
    )


def are_numbers(layout: WavLayout, content: SourceContent) -> bool:
    """Return whether all samples are numbers, which those of floating point may not be.

    Of large recordings only a part is checked.
    """
    tag, width = _CODECS[layout.codec]
    if tag != _FLOAT:
        return True
    with content.open() as stream:
        stream.seek(layout.start)
        blocks = (stream.read(_CHECKED_BLOCK) for _ in range(_CHECKED_BLOCKS))
        return not any(has_non_numbers(block, width) for block in blocks)
