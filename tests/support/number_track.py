"""A track of numbers, to test how pieces are planned without any audio."""

from collections.abc import Sequence
from io import BytesIO

from apertis_audio_tools.audio.cutting.pauses import CutPoint
from apertis_audio_tools.audio.cutting.units import PieceFile, PieceWriter, Unit

RATE = 100
"""Ticks per second."""
DISCARDED = -1


class NumberWriter:
    """A piece that records the numbers of its units."""

    def __init__(
        self, first: Unit[int], head: int, written: list[list[int]], seconds: list[float]
    ) -> None:
        self.start = first.start
        self.size = head
        self.numbers: list[int] = []
        self.seconds = seconds
        written.append(self.numbers)

    def write(self, units: Sequence[Unit[int]]) -> None:
        """Append the numbers of the units."""
        self.numbers += [unit.item for unit in units]
        self.size += sum(unit.size for unit in units)
        self.seconds.append((units[-1].end - units[0].start) / RATE if units else 0.0)

    def finish(self) -> PieceFile:
        """Return a file of that size."""
        return PieceFile(self.size, BytesIO, self.discard)

    def discard(self) -> None:
        """Leave a mark."""
        self.numbers.append(DISCARDED)


class NumberTrack:
    """A track that is cut at given units, and records what is written.

    Attributes:
        written: Numbers of the units of each piece; the last one is -1 if it was discarded.
        seconds: Length of the units of each write.
        before: Numbers of the units before each piece.
        windows: Length of the units in which each cut was looked for, in seconds.
    """

    rate, file_name, media_type = RATE, "piece", "audio/test"

    def __init__(self, cuts: Sequence[tuple[float, bool]] = (), head: int = 0) -> None:
        self._cuts = [*cuts]
        self._head = head
        self.written: list[list[int]] = []
        self.seconds: list[float] = []
        self.before: list[list[int]] = []
        self.windows: list[float] = []

    def begin(self, before: Sequence[Unit[int]], first: Unit[int]) -> PieceWriter[int]:
        """Begin a piece."""
        self.before.append([unit.item for unit in before])
        return NumberWriter(first, self._head, self.written, self.seconds)

    def best_cut(self, units: Sequence[Unit[int]], low: float, high: float) -> CutPoint:
        """Return the next of the given cuts, or a pause in the middle."""
        self.windows.append((units[-1].end - units[0].start) / RATE)
        assert 0 <= low < high <= self.windows[-1]
        share, is_pause = self._cuts.pop() if self._cuts else (0.5, True)
        return CutPoint(low + (high - low) * share, is_pause)


def make_units(lengths: Sequence[tuple[int, int]], repeat: int, end: int = 0) -> list[Unit[int]]:
    """Return units that follow one another, with the given ticks and sizes."""
    units = []
    for number, (ticks, size) in enumerate([*lengths] * repeat):
        start, end = end, end + ticks
        units.append(Unit(number, start, end, size))
    return units
