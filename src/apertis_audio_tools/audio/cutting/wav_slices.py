"""Pieces of uncompressed recordings: a header of ours and a range of their bytes."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import Any

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.packet import Packet

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.cutting.cut_search import find_cut
from apertis_audio_tools.audio.cutting.pauses import CutPoint
from apertis_audio_tools.audio.cutting.planning import (
    WINDOW_SECONDS,
    Piece,
    PieceLimits,
    find_split,
)
from apertis_audio_tools.audio.cutting.writers import piece_file_name
from apertis_audio_tools.audio.input.byte_ranges import byte_range
from apertis_audio_tools.audio.input.packets import best_stream, read_packets
from apertis_audio_tools.audio.input.probing import Recording, open_container
from apertis_audio_tools.errors import RecordingError, UnsupportedError

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
"""The format tag and the bytes of a sample."""
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_SIZE_FIELD = 4
_MOST = 0xFFFFFFFF - _HEADER.size
"""Bytes of samples that a WAVE file can have."""
_SHORTEST = 1.0
"""Seconds, below which a limit on the size of a piece makes no sense."""


@dataclass(frozen=True, slots=True)
class SampleLayout:
    """Where the samples of a recording are.

    Attributes:
        codec: FFmpeg's name of their coding.
        channels: In each frame.
        name: FFmpeg's name of how they are arranged, such as ``stereo``.
        sample_rate: Frames per second.
        start: The byte at which they begin.
        frames: How many there are.
    """

    codec: str
    channels: int
    name: str
    sample_rate: int
    start: int
    frames: int

    @property
    def block(self) -> int:
        """Bytes of a frame."""
        return _CODECS[self.codec][1] * self.channels

    def header(self, frames: int) -> bytes:
        """The head of a WAVE file of so many frames."""
        tag, width = _CODECS[self.codec]
        size = frames * self.block
        bytes_per_second = self.sample_rate * self.block
        shape = (tag, self.channels, self.sample_rate, bytes_per_second, self.block, width * 8)
        riff = _HEADER.size - 8 + size
        return _HEADER.pack(b"RIFF", riff, b"WAVE", b"fmt ", 16, *shape, b"data", size)


def can_slice(recording: Recording) -> bool:
    """Whether its samples are bytes that can be taken apart as they are."""
    return recording.container == "wav" and recording.codec in _CODECS


def slice_pieces(recording: Recording, limits: PieceLimits) -> Iterator[Piece]:
    """The recording in pieces, each a range of its bytes.

    Raises:
        RecordingError: It cannot be read.
        UnsupportedError: The limits are too tight.
    """
    layout = sample_layout(recording)
    most = _most_frames(layout, limits)
    begin, end, number = 0, 0, 0
    while end < layout.frames:
        overlap = end - begin
        if layout.frames - begin <= most:
            end = following = layout.frames
        else:
            end, following = _split(recording, layout, begin, begin + most)
        rate = layout.sample_rate
        upload = _upload(recording, layout, begin, end)
        yield Piece(number, begin / rate, end / rate, overlap / rate, upload)
        begin, number = following, number + 1


def sample_seconds(recording: Recording) -> float:
    """How long the samples last that are really there."""
    layout = sample_layout(recording)
    return layout.frames / layout.sample_rate


def sample_layout(recording: Recording) -> SampleLayout:
    """Where its samples are, whatever sizes its header claims.

    Raises:
        RecordingError: It cannot be read, or holds nothing.
    """
    content = recording.content
    with open_container(content) as container:
        stream = best_stream(container)
        codec = stream.codec_context
        first = next(read_packets(container, stream), None)
        if first is None or first.pos is None:
            raise RecordingError(f"{recording.label} holds no sound: there is not a sample in it.")
        shape = (codec.name, codec.channels, codec.layout.name, codec.sample_rate, first.pos)
        block, start = _CODECS[codec.name][1] * codec.channels, first.pos
    with content.open() as file:
        file.seek(start - _SIZE_FIELD)
        (said,) = struct.unpack("<I", file.read(_SIZE_FIELD))
    # Who writes a stream cannot know its size, and says 0 or the most there can be.
    size = min(said or content.size, content.size - start)
    return SampleLayout(*shape, size // block)


def _most_frames(layout: SampleLayout, limits: PieceLimits) -> int:
    """Frames that fit into a piece."""
    frames = (min(limits.size, _MOST) - _HEADER.size) // layout.block
    if limits.seconds != inf:
        frames = min(frames, int(limits.seconds * layout.sample_rate))
    if frames < min(_SHORTEST * layout.sample_rate, layout.frames):
        raise UnsupportedError(
            f"Pieces of at most {limits.size} bytes and {limits.seconds:g} s are too small to cut "
            f"this recording into; allow more."
        )
    return frames


def _split(recording: Recording, layout: SampleLayout, begin: int, end: int) -> tuple[int, int]:
    rate = layout.sample_rate
    origin = max(begin, end - int(WINDOW_SECONDS * rate))

    def find(low: float, high: float) -> CutPoint:
        return find_cut(_frames(recording, layout, origin, end), low, high)

    return find_split(begin, end, rate, find, origin)


def _frames(
    recording: Recording, layout: SampleLayout, begin: int, end: int
) -> Iterator[AudioFrame]:
    """The sound of a range of frames, a second at a time."""
    codec: Any = AudioCodecContext.create(layout.codec, "r")
    codec.sample_rate = layout.sample_rate
    codec.layout = layout.name
    with recording.content.open() as file:
        file.seek(layout.start + begin * layout.block)
        for at in range(begin, end, layout.sample_rate):
            data = file.read(min(layout.sample_rate, end - at) * layout.block)
            for frame in codec.decode(Packet(data)) if data else ():
                frame.pts = None
                yield frame


def _upload(recording: Recording, layout: SampleLayout, begin: int, end: int) -> Upload:
    header = layout.header(end - begin)
    start, size = layout.start + begin * layout.block, (end - begin) * layout.block
    opened = byte_range(recording.content, start, size, header)
    name = piece_file_name(recording.label, "wav")
    return Upload(name, "audio/wav", len(header) + size, opened)
