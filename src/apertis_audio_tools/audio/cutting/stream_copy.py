"""Pieces made of the packets of a recording as they are: exact, fast, and without loss."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from av.audio.stream import AudioStream
from av.container import InputContainer

from apertis_audio_tools.audio.cutting.cut_search import find_cut
from apertis_audio_tools.audio.cutting.pauses import CutPoint
from apertis_audio_tools.audio.cutting.planning import (
    Piece,
    PieceLimits,
    PieceWriter,
    Unit,
    assemble_pieces,
)
from apertis_audio_tools.audio.cutting.writers import (
    ContainerWriter,
    PacketWriter,
    RangeWriter,
    piece_file_name,
)
from apertis_audio_tools.audio.input.packets import (
    best_stream,
    codec_name,
    decode_packets,
    read_packets,
)
from apertis_audio_tools.audio.input.probing import Recording, open_container
from apertis_audio_tools.audio.timing.gaps import TIMESTAMPED_CONTAINERS, until_gap
from apertis_audio_tools.audio.timing.packet_durations import packet_clock


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the packets of a codec go.

    Attributes:
        suffix: The extension of the file.
        media_type: Such as ``audio/mp4``.
        muxer: FFmpeg's name for the container; none where the file is the packets.
        per_packet: Bytes that a packet takes besides its own, at most.
    """

    suffix: str
    media_type: str
    muxer: str = ""
    per_packet: int = 0


_TARGETS = {
    "mp3": _Target("mp3", "audio/mpeg"),
    "mp2": _Target("mpga", "audio/mpeg"),
    "aac": _Target("m4a", "audio/mp4", "ipod", 10),
    "opus": _Target("ogg", "audio/ogg", "ogg", 3),
    "vorbis": _Target("ogg", "audio/ogg", "ogg", 3),
}
_HEAD = 4_096
"""Bytes of a container that are neither packets nor what the decoder is told, at most."""
_LACED = 255
"""Bytes of a packet for each of which Ogg takes one more."""

_OPUS_RATE, _OPUS_SETTLES = 48_000, 0.08
"""Hz, and the seconds an Opus decoder needs before what it says is right (RFC 7845, 4.6)."""
_PRE_SKIP, _OPUS_HEAD = 10, 19
"""Where OpusHead has the samples to skip, and its least size (RFC 7845, section 5.1)."""


def copy_pieces(recording: Recording, limits: PieceLimits) -> Iterator[Piece]:
    """The recording in pieces, without decoding more than the last minute of each.

    Raises:
        TimeGapError: Something is missing, and was not reached by the pieces before.
        RecordingError: It cannot be read.
        UnsupportedError: The limits are too tight.
    """
    with open_container(recording.content) as container:
        track = _Copying(recording, container)
        yield from assemble_pieces(track.units(), limits, track)


def can_copy(stream: AudioStream) -> bool:
    """Whether the packets of a stream can be cut apart without being coded anew."""
    codec, told = codec_name(stream), stream.codec_context.extradata or b""
    return codec in _TARGETS and (codec != "opus" or len(told) >= _OPUS_HEAD)


class _Copying:
    """A track whose units are packets."""

    def __init__(self, recording: Recording, container: InputContainer) -> None:
        stream = best_stream(container)
        self._content = recording.content
        self._stream = stream
        self._codec = codec_name(stream)
        self._target = _TARGETS[self._codec]
        self._name = piece_file_name(recording.label, self._target.suffix)
        self._in_place = not self._target.muxer and recording.container == self._codec
        self._clock, found = packet_clock(stream, self._codec, read_packets(container, stream))
        is_stamped = recording.container in TIMESTAMPED_CONTAINERS
        self._timed = until_gap(found, self._clock) if is_stamped else self._clock.timed(found)
        self._extradata = stream.codec_context.extradata or b""
        self.rate = self._clock.rate

    def units(self) -> Iterator[Unit]:
        """All packets, with the bytes that the piece grows by."""
        return self._ranges() if self._in_place else self._parts()

    def _ranges(self) -> Iterator[Unit]:
        """Together with what lies between a packet and the one before."""
        reached: int | None = None
        for packet, start, end in self._timed:
            size, upto = packet.size, packet.pos + packet.size
            if reached is not None:
                size = upto - reached
            reached = upto
            yield Unit(packet, start, end, size)

    def _parts(self) -> Iterator[Unit]:
        """Together with what the container adds."""
        added, laced = self._target.per_packet, self._target.muxer == "ogg"
        for packet, start, end in self._timed:
            size = packet.size
            yield Unit(packet, start, end, size + added + (size // _LACED if laced else 0))

    def best_cut(self, units: Sequence[Unit], low: float, high: float) -> CutPoint:
        """Listens to the units."""
        codec = self._stream.codec_context
        codec.flush_buffers()
        return find_cut(decode_packets(codec, (unit.item for unit in units)), low, high)

    def begin(self, before: Sequence[Unit], first: Unit) -> PieceWriter:
        """A piece from a packet on, preceded by those that its decoder needs."""
        target = self._target
        if self._in_place:
            return RangeWriter(self._content, self._name, target.media_type, first)
        if not target.muxer:
            return PacketWriter(self._name, target.media_type, first)
        if self._codec == "opus":
            return self._opus(before, first)
        if self._codec == "vorbis":
            return self._vorbis(before, first)
        return self._muxed(first.start, zero=first.start)

    def _opus(self, before: Sequence[Unit], first: Unit) -> PieceWriter:
        """Some packets more, which the head says to skip: then the first is right at once."""
        settling = first.start - _OPUS_SETTLES * self.rate
        lead = [unit for unit in before if unit.end > settling]
        head = bytearray(self._extradata)
        skipped = (first.start - lead[0].start) * _OPUS_RATE // self.rate if lead else None
        if skipped is not None:
            struct.pack_into("<H", head, _PRE_SKIP, skipped)
        (skipped,) = struct.unpack_from("<H", head, _PRE_SKIP)
        written = lead[0].start if lead else first.start
        start = written + skipped * self.rate // _OPUS_RATE
        return self._muxed(start, written - self._clock.origin, lead, bytes(head))

    def _vorbis(self, before: Sequence[Unit], first: Unit) -> PieceWriter:
        """One packet more, as the first that a decoder gets yields nothing."""
        start = first.start if before else first.end
        return self._muxed(start, start, before[-1:])

    def _muxed(
        self, start: int, zero: int, lead: Sequence[Unit] = (), extradata: bytes | None = None
    ) -> PieceWriter:
        draft = ContainerWriter(
            self._stream,
            muxer=self._target.muxer,
            name=self._name,
            media_type=self._target.media_type,
            start=start,
            zero=zero,
            rate=self.rate,
            size=_HEAD + len(self._extradata) * 2,
            extradata=extradata,
        )
        draft.write(lead)
        return draft
