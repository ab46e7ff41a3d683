"""Gaps: time stamps that jump over audio that was lost, or not sent during silence.

Decoders continue as if nothing were missing, so that everything later would be placed too early.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from apertis_audio_tools.audio.input.tracks import Packet

_STAMPED_CONTAINERS = frozenset({"asf", "flv", "matroska", "mp4", "mpeg", "mpegts", "ogg", "webm"})
"""Containers with a time stamp for each packet. In others each packet follows the one before."""

_MIN_GAP_SECONDS = 0.2
"""Shorter jumps come from rounding in containers and from clocks that differ."""
_TRANSPORT_CONTAINERS = frozenset({"mpeg", "mpegts"})
"""Containers with exact time stamps, which are made to be sent: each packet may be lost."""
_MIN_LOSS_SECONDS = 0.02
"""Less than a packet of their codecs."""
_MAX_JITTER_SECONDS = 0.005
"""Seconds by which exact time stamps go back at most. Those that do are of clocks that differ."""
_MAX_GAP_SECONDS = 24 * 3600.0
"""Longer jumps come from damage, or from a clock that was set."""


def has_time_stamps(container: str) -> bool:
    """Return whether a container has a time stamp for each packet."""
    return container in _STAMPED_CONTAINERS


class Timeline:
    """The time line of a recording: compares time stamps with how much audio there was so far.

    Attributes:
        seconds: Seconds so far, including what is missing.
        missing: Seconds of them that are missing.
    """

    def __init__(self, container: str) -> None:
        self.seconds: float = 0.0
        self.missing: float = 0.0
        self._taken = 0.0
        self._zero: float | None = None
        self._has_stamps = has_time_stamps(container)
        is_sent = container in _TRANSPORT_CONTAINERS
        self._tolerance = _MIN_LOSS_SECONDS if is_sent else _MIN_GAP_SECONDS
        self._least_tolerance = _MIN_LOSS_SECONDS
        self._delay = 0.0

    @property
    def is_silent(self) -> bool:
        """True if there was no audio so far."""
        return self.seconds == self.missing

    def skip(self, seconds: float) -> None:
        """Move on by seconds that are missing."""
        self.seconds += seconds
        self.missing += seconds

    def advance(self, seconds: float) -> None:
        """Move on by seconds of audio."""
        self.seconds += seconds

    def watch(self, packets: Iterable[Packet]) -> Iterator[Packet]:
        """Yield packets, after adding what is missing before each of them."""
        return self._watch(iter(packets)) if self._has_stamps else iter(packets)

    def _watch(self, packets: Iterator[Packet]) -> Iterator[Packet]:
        unit = 0.0
        packet = next(packets, None)
        while packet is not None:
            after = next(packets, None)
            if (stamp := packet.pts) is not None:
                unit = unit or float(packet.time_base)  # reading the fraction each time is slow
                if self._zero is None:
                    self._zero = stamp * unit
                delay = stamp * unit - self._zero - self.seconds
                if -self._tolerance <= delay <= self._tolerance:
                    self._compare(delay)
                elif self._is_confirmed(delay, packet, after):
                    self._compare(delay)
                    self._jump(delay, self._zero)
            yield packet
            packet = after

    def count_before_gap(self, packets: Sequence[Packet], lengths: Sequence[float]) -> int:
        """Move on by packets of some seconds each, and return how many there are before a gap."""
        if not self._has_stamps or self._are_on_time(packets, lengths):
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
        return min(delays) >= -self._tolerance and max(delays) <= self._tolerance

    def take_missing(self) -> float:
        """Return the seconds that are missing since the last call."""
        taken, self._taken = self._taken, self.missing
        return self.missing - taken

    def _is_confirmed(self, delay: float, packet: Packet, after: Packet | None) -> bool:
        """Return whether the packet after one that is late by a delay is late as well.

        If it is not, a single time stamp is wrong.
        """
        if after is None or after.pts is None:
            return True
        step = after.pts - packet.pts - (packet.duration or 0)
        next_delay = delay + float(step * packet.time_base)
        return next_delay > self._tolerance if delay > 0 else next_delay < -self._tolerance

    def _compare(self, delay: float) -> None:
        """Tolerate more from now on if time stamps go back."""
        if delay < self._delay - _MAX_JITTER_SECONDS:
            self._tolerance = self._least_tolerance = _MIN_GAP_SECONDS
        self._delay = delay

    def _jump(self, delay: float, zero: float) -> None:
        """Add a gap, or count time stamps from elsewhere from now on."""
        self._delay = 0.0
        if 0 < delay <= _MAX_GAP_SECONDS:
            self.skip(delay)
            self._tolerance = self._least_tolerance  # where one was lost, others may be
        else:
            self._zero = zero + delay
