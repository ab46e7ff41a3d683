"""Positions of the samples in uncompressed WAVE files."""

import struct
from dataclasses import dataclass

from apertis_audio_tools.audio.input.frames import has_non_numbers
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.input.tracks import Track

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
