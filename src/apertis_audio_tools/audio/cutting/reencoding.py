"""Make pieces of decoded audio, for recordings whose own bytes or packets cannot be cut."""

import functools
from collections.abc import Iterator, Sequence
from itertools import dropwhile, groupby
from typing import cast

from av.audio.frame import AudioFrame

from apertis_audio_tools.audio.cutting.encoding import (
    SAMPLE_RATE,
    Encoding,
    audio_limits,
    encode_later,
    pcm_frames,
)
from apertis_audio_tools.audio.cutting.joined_units import JoinedUnits
from apertis_audio_tools.audio.cutting.pauses import CutPoint, find_cut_point
from apertis_audio_tools.audio.cutting.planning import PieceLimits, assemble_pieces
from apertis_audio_tools.audio.cutting.units import Piece, PieceFile, PieceWriter, Unit
from apertis_audio_tools.audio.cutting.writers import PieceSpool
from apertis_audio_tools.audio.input.frames import resample_mono
from apertis_audio_tools.audio.input.probing import Recording
from apertis_audio_tools.audio.input.wav_layout import WavLayout
from apertis_audio_tools.audio.timing.decoding import Gap, decode_recording

PcmUnit = Unit[memoryview]

_LAYOUT = WavLayout("pcm_s16le", 1, "mono", SAMPLE_RATE, 0, 0, has_plain_header=True)
_SAMPLE_BYTES = 2
_BLOCK_BYTES = 640 * _SAMPLE_BYTES
"""Bytes of a unit: 40 ms."""


def reencode_pieces(
    recording: Recording,
    limits: PieceLimits,
    encoding: Encoding,
    *,
    begin: float = 0.0,
    after: Piece | None = None,
) -> Iterator[Piece]:
    """Yield the recording in pieces at 16 kHz in one channel, decoded as it is read.

    If only parts of it are voiced, these are joined.

    `begin` is the second at which they begin, and `after` the last piece that was made already.
    """
    track = _DecodedTrack()
    limits = audio_limits(limits, encoding)
    units = track.units(decode_recording(recording, SAMPLE_RATE))
    first = round(begin * SAMPLE_RATE)
    units = dropwhile(lambda unit: unit.end <= first, units)
    if recording.voiced is None:
        pieces: Iterator[Piece] = assemble_pieces(zip(units), limits, track, after=after)
    else:
        spans = [tuple(round(each * SAMPLE_RATE) for each in span) for span in recording.voiced]
        joined = JoinedUnits(units, cast("list[tuple[int, int]]", spans))
        pieces = (
            joined.place(piece, SAMPLE_RATE)
            for piece in assemble_pieces(zip(joined), limits, track)
        )
    for piece in pieces:
        frames = functools.partial(pcm_frames, piece.upload, _LAYOUT)
        yield encode_later(piece, recording.label, encoding, frames)


class _DecodedTrack:
    """A track whose units are blocks of 16-bit samples."""

    rate = SAMPLE_RATE
    file_name, media_type = "samples", "application/octet-stream"

    def units(self, decoded: Iterator[AudioFrame | Gap]) -> Iterator[PcmUnit]:
        """Yield all blocks."""
        end = 0
        for is_gap, items in groupby(decoded, lambda item: isinstance(item, Gap)):
            if is_gap:
                end += round(sum(cast("Iterator[Gap]", items)) * SAMPLE_RATE)
                continue
            frames = cast("Iterator[AudioFrame]", items)
            for frame in resample_mono(frames, SAMPLE_RATE, frame_size=SAMPLE_RATE):
                data = memoryview(bytes(frame.planes[0]))[: frame.samples * _SAMPLE_BYTES]
                for at in range(0, len(data), _BLOCK_BYTES):
                    block = data[at : at + _BLOCK_BYTES]
                    start, end = end, end + len(block) // _SAMPLE_BYTES
                    yield Unit(block, start, end, len(block))

    def best_cut(self, units: Sequence[PcmUnit], low: float, high: float) -> CutPoint:
        """Find the best place to cut in the blocks."""
        samples = b"".join(unit.item for unit in units)
        frame = AudioFrame("s16", "mono", len(samples) // _SAMPLE_BYTES)
        frame.planes[0].update(samples.ljust(frame.planes[0].buffer_size, b"\0"))
        frame.sample_rate = SAMPLE_RATE
        return find_cut_point([frame], low, high)

    def begin(self, _: Sequence[PcmUnit], first: PcmUnit) -> PieceWriter[memoryview]:
        """Begin a piece with a block, which does not depend on those before it."""
        return _PcmWriter(first.start)


class _PcmWriter:
    """Samples of a piece, to be encoded when it is sent."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.size = 0
        self._spool = PieceSpool()

    def write(self, units: Sequence[PcmUnit]) -> None:
        """Append blocks."""
        self._spool.file.writelines(unit.item for unit in units)
        self.size += sum(unit.size for unit in units)

    def finish(self) -> PieceFile:
        """Return the samples."""
        return self._spool.finish()

    def discard(self) -> None:
        """Free the disk space."""
        self._spool.close()
