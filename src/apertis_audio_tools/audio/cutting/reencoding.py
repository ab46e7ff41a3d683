"""Make re-encoded pieces: of recordings that cannot be cut otherwise, or are to be smaller."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import dropwhile, groupby
from typing import Literal, cast

import av
from av.audio.frame import AudioFrame

from apertis_audio_tools.audio.cutting.joined_units import JoinedUnits
from apertis_audio_tools.audio.cutting.pauses import CutPoint, find_cut_point
from apertis_audio_tools.audio.cutting.planning import PieceLimits, assemble_pieces
from apertis_audio_tools.audio.cutting.units import Piece, PieceFile, PieceWriter, Unit
from apertis_audio_tools.audio.cutting.writers import PieceSpool, piece_file_name
from apertis_audio_tools.audio.input.frames import resample_mono
from apertis_audio_tools.audio.input.probing import Recording
from apertis_audio_tools.audio.input.tracks import Packet
from apertis_audio_tools.audio.timing.decoding import Gap, decode_recording

FrameUnit = Unit[AudioFrame]

_SAMPLE_RATE = 16_000
"""Hz. The models work at this rate, and the service advises it."""
_BLOCK_SAMPLES = 640
"""Samples of a unit: 40 ms."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """A way to re-encode audio, at 16 kHz in one channel.

    Attributes:
        encoder: FFmpeg's name of the encoder.
        container: FFmpeg's name of the container, which is also the extension of the file.
        media_type: Media type, such as ``audio/mpeg``.
        sample_format: Format of the samples that the encoder accepts.
        bit_rate: Bits per second; 0 for lossless.
        max_bit_rate: Bits per second that it takes at most.
        options: Options of the encoder.
    """

    encoder: Literal["flac", "libmp3lame", "libopus"]
    container: str
    media_type: str
    sample_format: str
    bit_rate: int
    max_bit_rate: int
    options: dict[str, str] = field(default_factory=dict)


FLAC = Encoding("flac", "flac", "audio/flac", "s16", 0, 272_000)
"""Without loss: the models work at this rate, and hear nothing beyond 16 bits."""
MP3_32_KBIT = Encoding(
    "libmp3lame", "mp3", "audio/mpeg", "s16p", 32_000, 34_000, {"compression_level": "7"}
)
OPUS_24_KBIT = Encoding(
    "libopus",
    "ogg",
    "audio/ogg",
    "s16",
    24_000,
    64_000,
    {"application": "voip", "compression_level": "0"},
)
"""For slow lines, like `MP3_32_KBIT`. Recognition was measured to be as good, at a high speed."""
_OVERHEAD_BYTES = 16_384
"""Bytes of headers, tables, and of what encoders hold back, at most."""
_BYTES_PER_PACKET = 4


def reencode_pieces(
    recording: Recording,
    limits: PieceLimits,
    encoding: Encoding,
    *,
    begin: float = 0.0,
    after: Piece | None = None,
) -> Iterator[Piece]:
    """Return the recording in pieces, decoded and encoded as it is read.

    If only parts of it are voiced, these are joined.

    `begin` is the second at which they begin, and `after` the last piece that was made already.
    """
    track = _ReencodedTrack(encoding, recording.label)
    units = track.units(decode_recording(recording, _SAMPLE_RATE))
    first = round(begin * track.rate)
    units = dropwhile(lambda unit: unit.end <= first, units)
    if recording.voiced is None:
        return assemble_pieces(zip(units), limits, track, after=after)
    rate = track.rate
    spans = [(round(start * rate), round(end * rate)) for start, end in recording.voiced]
    joined = JoinedUnits(units, spans)
    pieces = assemble_pieces(zip(joined), limits, track)
    return (joined.place(piece, rate) for piece in pieces)


class _ReencodedTrack:
    """A track whose units are blocks of samples."""

    rate = _SAMPLE_RATE

    def __init__(self, encoding: Encoding, label: str) -> None:
        self._encoding = encoding
        self.file_name = piece_file_name(label, encoding.container)
        self.media_type = encoding.media_type

    def units(self, decoded: Iterator[AudioFrame | Gap]) -> Iterator[FrameUnit]:
        """Yield all blocks, each with the most bytes that it may become."""
        bytes_per_sample = self._encoding.max_bit_rate / 8 / _SAMPLE_RATE
        end = 0
        for is_gap, items in groupby(decoded, lambda item: isinstance(item, Gap)):
            if is_gap:
                end += round(sum(cast("Iterator[Gap]", items)) * _SAMPLE_RATE)
                continue
            blocks = resample_mono(
                cast("Iterator[AudioFrame]", items),
                _SAMPLE_RATE,
                sample_format=self._encoding.sample_format,
                frame_size=_BLOCK_SAMPLES,
            )
            for frame in blocks:
                start, end = end, end + frame.samples
                yield Unit(frame, start, end, int(frame.samples * bytes_per_sample) + 1)

    def best_cut(self, units: Sequence[FrameUnit], low: float, high: float) -> CutPoint:
        """Find the best place to cut in the blocks."""
        return find_cut_point(map(_unstamped_frame, units), low, high)

    def begin(self, _: Sequence[FrameUnit], first: FrameUnit) -> PieceWriter[AudioFrame]:
        """Begin a piece with a block, which does not depend on those before it."""
        return _EncodedPieceWriter(self._encoding, first.start)


def _unstamped_frame(unit: FrameUnit) -> AudioFrame:
    frame = unit.item
    frame.pts = None
    return frame


class _EncodedPieceWriter:
    """A piece that is being encoded."""

    def __init__(self, encoding: Encoding, start: int) -> None:
        self.start = start
        self.size = _OVERHEAD_BYTES
        self._spool = PieceSpool()
        self._muxer = av.open(self._spool.file, "w", format=encoding.container)
        options = dict(encoding.options)
        if encoding.bit_rate:
            options["b"] = str(encoding.bit_rate)
        self._stream = self._muxer.add_stream(
            encoding.encoder, rate=_SAMPLE_RATE, layout="mono", options=options
        )

    def write(self, units: Sequence[FrameUnit]) -> None:
        """Encode blocks."""
        for unit in units:
            frame = unit.item
            frame.pts = unit.start - self.start
            frame.time_base = Fraction(1, _SAMPLE_RATE)
            self._mux(self._stream.encode(frame))

    def finish(self) -> PieceFile:
        """Return the file."""
        self._mux(self._stream.encode(None))
        self._muxer.close()
        return self._spool.finish()

    def discard(self) -> None:
        """Free the disk space."""
        self._muxer.close()
        self._spool.close()

    def _mux(self, packets: list[Packet]) -> None:
        for packet in packets:
            self.size += packet.size + _BYTES_PER_PACKET
            self._muxer.mux_one(packet)
