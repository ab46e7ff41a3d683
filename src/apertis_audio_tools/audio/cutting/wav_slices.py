"""Make pieces of uncompressed recordings: a new header and a range of their bytes."""

from collections.abc import Iterator
from math import inf
from typing import cast

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.packet import Packet

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.cutting.pauses import CutPoint, find_cut_point
from apertis_audio_tools.audio.cutting.planning import PieceLimits, SplitPoint, find_split
from apertis_audio_tools.audio.cutting.units import Piece
from apertis_audio_tools.audio.cutting.writers import piece_file_name
from apertis_audio_tools.audio.input.probing import Recording
from apertis_audio_tools.audio.input.wav_layout import MAX_WAV_BYTES, WAV_HEADER_BYTES, WavLayout

_MIN_PIECE_SECONDS = 1.0
"""Seconds, below which a limit on the size of a piece makes no sense."""


def slice_pieces(recording: Recording, layout: WavLayout, limits: PieceLimits) -> Iterator[Piece]:
    """Yield the recording in pieces, each a range of its bytes."""
    rate = layout.sample_rate
    begin, end, number = 0, 0, 0
    while end < layout.frames:
        overlap = end - begin
        split = SplitPoint(layout.frames, layout.frames)
        max_frames = _max_frames(layout, limits, number)
        if layout.frames - begin > max_frames:
            split = _split(recording, layout, begin, begin + max_frames)
        end = split.end
        upload = _upload(recording, layout, begin, end)
        yield Piece(number, begin / rate, end / rate, overlap / rate, upload)
        begin, number = split.begin, number + 1


def _max_frames(layout: WavLayout, limits: PieceLimits, number: int) -> int:
    """Return the frames that fit into a piece, by its number."""
    frames = (min(limits.max_bytes, MAX_WAV_BYTES) - WAV_HEADER_BYTES) // layout.frame_bytes
    longest = limits.longest(number)
    if longest != inf:
        frames = min(frames, int(longest * layout.sample_rate))
    if frames < min(_MIN_PIECE_SECONDS * layout.sample_rate, layout.frames):
        raise limits.too_small_error()
    return frames


def _split(recording: Recording, layout: WavLayout, begin: int, end: int) -> SplitPoint:
    rate = layout.sample_rate

    def find(origin: int, low: int, high: int) -> CutPoint:
        frames = _read_frames(recording, layout, origin, high)
        return find_cut_point(frames, (low - origin) / rate, (high - origin) / rate)

    return find_split(begin, end, rate, find)


def _read_frames(
    recording: Recording, layout: WavLayout, begin: int, end: int
) -> Iterator[AudioFrame]:
    """Yield the audio between two frames, a second at a time."""
    decoder = cast("AudioCodecContext", AudioCodecContext.create(layout.codec, "r"))
    decoder.sample_rate = layout.sample_rate
    decoder.layout = layout.channel_layout
    with recording.content.open() as stream:
        stream.seek(layout.start + begin * layout.frame_bytes)
        for at in range(begin, end, layout.sample_rate):
            data = stream.read(min(layout.sample_rate, end - at) * layout.frame_bytes)
            for frame in decoder.decode(Packet(data)) if data else ():
                frame.pts = None
                yield frame


def _upload(recording: Recording, layout: WavLayout, begin: int, end: int) -> Upload:
    start, size = layout.start + begin * layout.frame_bytes, (end - begin) * layout.frame_bytes
    window = recording.content.window(start, size, layout.header(end - begin))
    return Upload(piece_file_name(recording.label, "wav"), "audio/wav", window.size, window.open)
