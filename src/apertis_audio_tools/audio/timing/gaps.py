"""Gaps: time stamps that jump over audio that was lost, or not sent during silence.

Decoders continue as if nothing were missing, so that everything later would be placed too early.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from apertis_audio_tools.audio.input.tracks import Packet

TIMESTAMPED_CONTAINERS = frozenset(
    {"asf", "flv", "matroska", "mp4", "mpeg", "mpegts", "ogg", "webm"}
)
"""Containers with a time stamp for each packet. In others each packet follows the one before."""

MIN_GAP_SECONDS = 0.2
"""Shorter jumps come from rounding in containers and from clocks that differ."""
_MAX_GAP_SECONDS = 24 * 3600.0
"""Longer jumps come from damage, or from a clock that was set."""


class Timeline:
    """The time line of a recording: compares time stamps with how much audio there was so far.

    Attributes:
        seconds: Seconds so far, including what is missing.
        missing: Seconds of them that are missing.
    """

    def __init__(self) -> None:
        self.seconds: float = 0.0
        self.missing: float = 0.0
        self._taken = 0.0
        self._zero: float | None = None

    def advance(self, seconds: float) -> None:
        """Move on by seconds of audio."""
        self.seconds += seconds

    def watch(self, packets: Iterable[Packet]) -> Iterator[Packet]:
        """Yield packets, after adding what is missing before each of them."""
        unit = 0.0
        for packet in packets:
            if (stamp := packet.pts) is not None:
                unit = unit or float(packet.time_base)  # reading the fraction each time is slow
                if self._zero is None:
                    self._zero = stamp * unit
                delay = stamp * unit - self._zero - self.seconds
                if not -MIN_GAP_SECONDS <= delay <= MIN_GAP_SECONDS:
                    self._jump(delay, self._zero)
            yield packet

    def count_before_gap(self, packets: Sequence[Packet], lengths: Sequence[float]) -> int:
        """Move on by packets of some seconds each, and return how many there are before a gap."""
        if self._are_on_time(packets, lengths):
            self.advance(sum(lengths))
            return len(packets)
        for at, (_, seconds) in enumerate(zip(self.watch(packets), lengths, strict=True)):
            if self.missing:
                return at
            self.advance(seconds)
        return len(packets)

    def _are_on_time(self, packets: Sequence[Packet], lengths: Sequence[float]) -> bool:
        """Return whether all packets have time stamps, and none of these jumps."""
        stamps = [packet.pts for packet in packets]
        if self._zero is None or None in stamps:
            return False
        unit = float(packets[0].time_base)
        starts = accumulate(lengths, initial=self._zero + self.seconds)
        delays: list[float] = [
            stamp * unit - start for stamp, start in zip(stamps, starts, strict=False)
        ]
        return min(delays) >= -MIN_GAP_SECONDS and max(delays) <= MIN_GAP_SECONDS

    def take_missing(self) -> float:
        """Return the seconds that are missing since the last call."""
        taken, self._taken = self._taken, self.missing
        return self.missing - taken

    def _jump(self, delay: float, zero: float) -> None:
        """Add a gap, or count time stamps from elsewhere from now on."""
        if 0 < delay <= _MAX_GAP_SECONDS:
            self.seconds += delay
            self.missing += delay
        else:
            self._zero = zero + delay
