"""Pieces coded anew: what cannot be cut as it is, and what is to become smaller."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain, dropwhile, groupby
from typing import Any

import av
from av.audio.frame import AudioFrame

from apertis_audio_tools.audio.cutting.cut_search import find_cut
from apertis_audio_tools.audio.cutting.pauses import CutPoint
from apertis_audio_tools.audio.cutting.planning import (
    OVERLAP_SECONDS,
    Piece,
    PieceLimits,
    PieceWriter,
    Unit,
    assemble_pieces,
)
from apertis_audio_tools.audio.cutting.writers import FinishedPiece, piece_file_name
from apertis_audio_tools.audio.input.byte_ranges import UploadSpool
from apertis_audio_tools.audio.input.packets import Packet, resample_mono
from apertis_audio_tools.audio.input.probing import Recording
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.timing.decoding import Gap, decode_recording

_SAMPLE_RATE = 16_000
"""Hz: what the models hear at, and the service's own advice."""
_BLOCK = 640
"""Samples of a unit: 40 ms."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """How sound is coded anew, at 16 kHz in one channel.

    Attributes:
        encoder: FFmpeg's name of it.
        container: FFmpeg's name of it.
        suffix: The extension of the file.
        media_type: Such as ``audio/mpeg``.
        sample_format: What the encoder takes.
        bit_rate: Bits per second; 0 for lossless.
        most: Bits per second that it takes at most.
        options: Of the encoder.
    """

    encoder: str
    container: str
    suffix: str
    media_type: str
    sample_format: str
    bit_rate: int
    most: int
    options: dict[str, str] = field(default_factory=dict)


LOSSLESS = Encoding("flac", "flac", "flac", "audio/flac", "s16", 0, 272_000)
CLEAR = Encoding(
    "libmp3lame", "mp3", "mp3", "audio/mpeg", "s16p", 64_000, 66_000, {"compression_level": "7"}
)
"""For what is lossy already: nothing more is to get lost that a model could hear."""
SMALL = {
    "mp3": Encoding(
        "libmp3lame", "mp3", "mp3", "audio/mpeg", "s16p", 32_000, 34_000, {"compression_level": "7"}
    ),
    "opus": Encoding(
        "libopus",
        "ogg",
        "ogg",
        "audio/ogg",
        "s16",
        24_000,
        64_000,
        {"application": "voip", "compression_level": "0"},
    ),
}
"""No measurable loss to a recogniser, at a good speed of encoding (measured)."""
_OVERHEAD = 16_384
"""Bytes of headers, tables, and of what encoders hold back, at most."""
_PER_PACKET = 4


def reencode_pieces(
    recording: Recording,
    contents: Sequence[SourceContent],
    limits: PieceLimits,
    encoding: Encoding,
    *,
    after: Piece | None = None,
) -> Iterator[Piece]:
    """The recording in pieces, decoded and encoded as it is read.

    Args:
        recording: What it is.
        contents: Its bytes, or those of the parts it is chained of.
        limits: How much a piece may be.
        encoding: How.
        after: The last piece that was made already, if any was.

    Raises:
        RecordingError: It cannot be decoded.
        UnsupportedError: The limits are too tight.
    """
    track = _Reencoding(encoding, piece_file_name(recording.label, encoding.suffix))
    sound = chain.from_iterable(map(decode_recording, contents))
    units = track.units(sound)
    if after is not None:
        repeated = min(OVERLAP_SECONDS, (after.end - after.start) / 4)
        begin = round((after.end - repeated) * track.rate)
        units = dropwhile(lambda unit: unit.start < begin, units)
    return assemble_pieces(units, limits, track, after=after)


class _Reencoding:
    """A track whose units are blocks of samples."""

    rate = _SAMPLE_RATE

    def __init__(self, encoding: Encoding, name: str) -> None:
        self._encoding = encoding
        self._name = name

    def units(self, sound: Iterator[AudioFrame | Gap]) -> Iterator[Unit]:
        """All blocks; each is as large as it may become."""
        size = self._encoding.most / 8 / _SAMPLE_RATE
        end = 0
        items: Any
        for is_gap, items in groupby(sound, _is_gap):
            if is_gap:
                end += round(sum(items) * _SAMPLE_RATE)
            for frame in () if is_gap else self._blocks(items):
                start, end = end, end + frame.samples
                yield Unit(frame, start, end, int(frame.samples * size) + 1)

    def _blocks(self, frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
        form = self._encoding.sample_format
        return resample_mono(frames, _SAMPLE_RATE, sample_format=form, frame_size=_BLOCK)

    def best_cut(self, units: Sequence[Unit], low: float, high: float) -> CutPoint:
        """Listens to the blocks."""
        return find_cut(map(_unstamped, units), low, high)

    def begin(self, before: Sequence[Unit], first: Unit) -> PieceWriter:  # noqa: ARG002  # not needed
        """A piece from a block on."""
        return _EncodedDraft(self._encoding, self._name, first.start)


def _is_gap(item: AudioFrame | Gap) -> bool:
    return isinstance(item, Gap)


def _unstamped(unit: Unit) -> AudioFrame:
    frame: AudioFrame = unit.item
    frame.pts = None
    return frame


class _EncodedDraft:
    """A piece that is being encoded."""

    def __init__(self, encoding: Encoding, name: str, start: int) -> None:
        self.start = start
        self.size = _OVERHEAD
        self._name = name
        self._media_type = encoding.media_type
        self._spool = UploadSpool()
        self._container = av.open(self._spool.file, "w", format=encoding.container)
        options = dict(encoding.options)
        if encoding.bit_rate:
            options["b"] = str(encoding.bit_rate)
        self._stream: Any = self._container.add_stream(
            encoding.encoder, rate=_SAMPLE_RATE, layout="mono", options=options
        )

    def write(self, units: Sequence[Unit]) -> None:
        """Encode blocks."""
        for unit in units:
            frame: AudioFrame = unit.item
            frame.pts = unit.start - self.start
            frame.time_base = Fraction(1, _SAMPLE_RATE)
            self._mux(self._stream.encode(frame))

    def finish(self) -> FinishedPiece:
        """The file."""
        self._mux(self._stream.encode(None))
        self._container.close()
        return self._spool.upload(self._name, self._media_type), self._spool.close

    def discard(self) -> None:
        """Give the disk space back."""
        self._container.close()
        self._spool.close()

    def _mux(self, packets: list[Packet]) -> None:
        for packet in packets:
            self.size += packet.size + _PER_PACKET
            self._container.mux_one(packet)
