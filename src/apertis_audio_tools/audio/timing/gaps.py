"""Where time stamps jump: sound that was lost, or not sent because nobody spoke.

Decoders play on as if nothing were missing, so what comes later would be placed too early.
"""

from collections.abc import Iterable, Iterator

from apertis_audio_tools.audio.input.packets import Packet
from apertis_audio_tools.audio.timing.packet_durations import PacketClock

TIMESTAMPED_CONTAINERS = frozenset(
    {"asf", "flv", "matroska", "mp4", "mpeg", "mpegts", "ogg", "webm"}
)
"""Containers that say when a packet is to be heard; in the others each follows the one before."""

MIN_GAP_SECONDS = 0.2
"""Less is how containers round, and where players and recorders disagree about clocks."""
_MOST_SECONDS = 24 * 3600.0
"""More is no gap but damage, or a stamp of another clock."""


class TimeGapError(Exception):
    """The time stamps jump over something."""


class Timeline:
    """Compares when packets are to be heard with how much was heard so far.

    Attributes:
        seconds: Heard so far, and missing.
        missing: Seconds of it that are missing.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.missing = 0.0
        self._told = 0.0
        self._zero: float | None = None

    def hear(self, seconds: float) -> None:
        """So much more was heard."""
        self.seconds += seconds

    def watched(self, packets: Iterable[Packet]) -> Iterator[Packet]:
        """The packets; what is missing before each is added when it is asked for."""
        unit = 0.0
        for packet in packets:
            if (stamp := packet.pts) is not None:
                unit = unit or float(packet.time_base)  # a fraction, too slow to ask each for it
                if self._zero is None:
                    self._zero = stamp * unit
                late = stamp * unit - self._zero - self.seconds
                if not -MIN_GAP_SECONDS <= late <= MIN_GAP_SECONDS:
                    self._jump(late, self._zero)
            yield packet

    def newly_missing(self) -> float:
        """Seconds missing since this was last asked."""
        told, self._told = self._told, self.missing
        return self.missing - told

    def _jump(self, late: float, zero: float) -> None:
        """A gap, or stamps that count from elsewhere from now on."""
        if 0 < late <= _MOST_SECONDS:
            self.seconds += late
            self.missing += late
        else:
            self._zero = zero + late


def until_gap(packets: Iterable[Packet], clock: PacketClock) -> Iterator[tuple[Packet, int, int]]:
    """Packets, with the ticks at which they begin and end, as long as nothing is missing.

    Args:
        packets: From the first one on, with time stamps.
        clock: Of their stream.

    Raises:
        TimeGapError: Something is missing before the next one.
    """
    timeline = Timeline()
    for packet, start, end in clock.timed(timeline.watched(packets)):
        if timeline.missing:
            raise TimeGapError
        yield packet, start, end
        timeline.hear((end - start) / clock.rate)
