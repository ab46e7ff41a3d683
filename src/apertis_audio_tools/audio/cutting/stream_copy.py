"""Make pieces of the packets of a recording, unchanged: exact, fast, and without loss."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice

from apertis_audio_tools.audio.cutting.pauses import CutPoint, find_cut_point
from apertis_audio_tools.audio.cutting.planning import PieceLimits, assemble_pieces
from apertis_audio_tools.audio.cutting.units import Piece, PieceWriter, Unit
from apertis_audio_tools.audio.cutting.writers import (
    ContainerWriter,
    PacketUnit,
    PacketWriter,
    RangeWriter,
    piece_file_name,
)
from apertis_audio_tools.audio.input.frame_headers import FormatChangeError, FormatCheck
from apertis_audio_tools.audio.input.frames import decode_packets
from apertis_audio_tools.audio.input.probing import Recording
from apertis_audio_tools.audio.input.tracks import Packet, Track, open_track
from apertis_audio_tools.audio.timing.gaps import Timeline
from apertis_audio_tools.audio.timing.packet_durations import OPUS_RATE, packet_clock


@dataclass(frozen=True, slots=True)
class _Target:
    """The file that the packets of a codec are written to.

    Attributes:
        suffix: Extension of the file.
        media_type: Media type, such as ``audio/mp4``.
        muxer: FFmpeg's name of the container; empty if the file consists of packets only.
        bytes_per_packet: Bytes that a packet takes besides its own, at most.
    """

    suffix: str
    media_type: str
    muxer: str = ""
    bytes_per_packet: int = 0


_TARGETS = {
    "mp3": _Target("mp3", "audio/mpeg"),
    "mp2": _Target("mpga", "audio/mpeg"),
    "aac": _Target("m4a", "audio/mp4", "ipod", 10),
    "opus": _Target("ogg", "audio/ogg", "ogg", 3),
    "vorbis": _Target("ogg", "audio/ogg", "ogg", 3),
}
_RUN_PACKETS = 100
"""Packets that are looked at together, which takes much less time than one by one."""
_HEAD_BYTES = 4_096
"""Bytes of a container that are neither packets nor headers of the codec, at most."""
_LACING_BYTES = 255
"""Bytes of a packet for each of which Ogg takes one more."""
_OPUS_SETTLING_SECONDS = 0.08
"""Seconds an Opus decoder needs before its output is right (RFC 7845, section 4.6)."""
_PRE_SKIP = 10
"""Position of the samples to skip in OpusHead (RFC 7845, section 5.1)."""


class NotCopyableError(Exception):
    """The rest of a recording cannot be copied.

    Attributes:
        begin: Seconds at which the piece begins that cannot be made.
    """

    def __init__(self, begin: float) -> None:
        super().__init__()
        self.begin = begin


def copy_pieces(recording: Recording, limits: PieceLimits) -> Iterator[Piece]:
    """Yield the recording in pieces, and decode no more than the last minute of each.

    Missing audio and a change of its format raise `NotCopyableError`. The pieces before do not
    reach them.
    """
    with open_track(recording.content, recording.tracks[0].index) as track:
        copied = _CopiedTrack(recording, track)
        try:
            yield from assemble_pieces(copied.runs(), limits, copied)
        except FormatChangeError as error:
            raise NotCopyableError(copied.begun / copied.rate) from error


class _CopiedTrack:
    """A track whose units are packets."""

    def __init__(self, recording: Recording, track: Track) -> None:
        self._content = recording.content
        self._track = track
        self._lost = recording.lost
        self._target = _TARGETS[track.codec]
        self.file_name = piece_file_name(recording.label, self._target.suffix)
        self.media_type = self._target.media_type
        self._is_in_place = not self._target.muxer and track.container == track.codec
        self._position = 0
        self._clock, self._packets = packet_clock(track)
        self._format = FormatCheck(track.codec)
        self._timeline = Timeline(track.container)
        self._extradata = track.extradata
        self.rate = self._clock.rate
        self.begun = 0

    def runs(self) -> Iterator[Sequence[PacketUnit]]:
        """Yield all packets in runs, with the bytes that the piece grows by.

        Raises:
            FormatChangeError: Before the first packet that cannot be copied.
        """
        end, duration, rate = self._clock.origin, self._clock.duration, self.rate
        while packets := list(islice(self._packets, _RUN_PACKETS)):
            durations = [*map(duration, packets)]
            sizes = [packet.size for packet in packets]
            holes, count = self._format.holes, self._format.count_same(packets)
            if self._format.holes > holes:
                self._lost.add(end / rate, 0.0)
            lengths = [ticks / rate for ticks in durations]
            count = min(count, self._timeline.count_before_gap(packets, lengths))
            if self._is_in_place:
                count = min(count, self._count_adjacent(packets, sizes))
            edges = [*accumulate(durations[:count], initial=end)]
            if count:
                yield [*map(Unit, packets, edges, edges[1:], self._written_sizes(sizes))]
            if count < len(packets):
                raise FormatChangeError
            end = edges[-1]

    def _count_adjacent(self, packets: Sequence[Packet], sizes: Sequence[int]) -> int:
        """Return how many of the next packets there are before something else in the file."""
        found = [packet.pos for packet in packets]
        *expected, self._position = accumulate(sizes, initial=self._position or found[0])
        if found == expected:
            return len(packets)
        return next(at for at, position in enumerate(found) if position != expected[at])

    def _written_sizes(self, sizes: list[int]) -> list[int]:
        """Return the bytes that packets take in a piece, at most."""
        if not self._target.muxer:
            return sizes
        added, lacing = self._target.bytes_per_packet, self._target.muxer == "ogg"
        return [size + added + (size // _LACING_BYTES if lacing else 0) for size in sizes]

    def best_cut(self, units: Sequence[PacketUnit], low: float, high: float) -> CutPoint:
        """Decode the units to find the best place to cut."""
        decoder = self._track.decoder
        decoder.flush_buffers()
        return find_cut_point(decode_packets(decoder, (unit.item for unit in units)), low, high)

    def begin(self, before: Sequence[PacketUnit], first: PacketUnit) -> PieceWriter[Packet]:
        """Begin a piece with a packet, preceded by those that its decoder needs."""
        self.begun = first.start
        if self._is_in_place:
            return RangeWriter(self._content, first)
        if not self._target.muxer:
            return PacketWriter(first)
        if self._track.codec == "opus":
            return self._begin_opus(before, first)
        if self._track.codec == "vorbis":
            return self._begin_vorbis(before, first)
        return self._begin_muxed(first.start, zero=first.start)

    def _begin_opus(self, before: Sequence[PacketUnit], first: PacketUnit) -> PieceWriter[Packet]:
        """Write some more packets, which the header says to skip, so that the first is right."""
        settling = first.start - _OPUS_SETTLING_SECONDS * self.rate
        lead = [unit for unit in before if unit.end > settling]
        head = bytearray(self._extradata)
        if lead:
            pre_skip = (first.start - lead[0].start) * OPUS_RATE // self.rate
            struct.pack_into("<H", head, _PRE_SKIP, pre_skip)
        (pre_skip,) = struct.unpack_from("<H", head, _PRE_SKIP)
        written = lead[0].start if lead else first.start
        start = written + pre_skip * self.rate // OPUS_RATE
        return self._begin_muxed(start, written - self._clock.origin, lead, bytes(head))

    def _begin_vorbis(self, before: Sequence[PacketUnit], first: PacketUnit) -> PieceWriter[Packet]:
        """Write one packet more, because a decoder returns nothing for its first."""
        start = first.start if before else first.end
        return self._begin_muxed(start, start, before[-1:])

    def _begin_muxed(
        self,
        start: int,
        zero: int,
        lead: Sequence[PacketUnit] = (),
        extradata: bytes | None = None,
    ) -> PieceWriter[Packet]:
        writer = ContainerWriter(
            self._track.stream,
            self._target.muxer,
            start=start,
            zero=zero,
            rate=self.rate,
            size=_HEAD_BYTES + len(self._extradata) * 2,
            extradata=extradata,
        )
        writer.write(lead)
        return writer
