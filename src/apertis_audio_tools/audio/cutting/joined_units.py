"""Join the units of a track that lie in some spans, and know exactly where each of them was."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic

from apertis_audio_tools.audio.cutting.time_maps import TimeMap
from apertis_audio_tools.audio.cutting.units import Item, Piece, Unit


@dataclass(slots=True)
class JoinedUnits(Generic[Item]):
    """The units of a track that lie in some spans, joined without those between them.

    Attributes:
        units: All units, in order.
        spans: Ticks between which units are kept, in order; a unit at an edge is kept whole.
    """

    units: Iterable[Unit[Item]]
    spans: Sequence[tuple[int, int]]
    _joined: list[int] = field(default_factory=list)
    _original: list[int] = field(default_factory=list)

    def __iter__(self) -> Iterator[Unit[Item]]:
        """Yield the units that are kept, each beginning where the one before ends."""
        end, last = 0, None
        spans = iter(self.spans)
        span = next(spans, None)
        for unit in self.units:
            while span is not None and span[1] <= unit.start:
                span = next(spans, None)
            if span is None:
                return
            if unit.end <= span[0]:
                continue
            if unit.start != last:
                self._joined.append(end)
                self._original.append(unit.start)
            start, end, last = end, end + unit.end - unit.start, unit.end
            yield unit._replace(start=start, end=end)

    def place(self, piece: Piece, rate: int) -> Piece:
        """Return a piece of the joined units with times of the recording, and the map to them."""
        start, end = round(piece.start * rate), round(piece.end * rate)
        time_map = self._map_between(start, end, rate)
        last = len(time_map.joined) - 1
        overlap_end = time_map.original_time(time_map.part_at(piece.overlap), piece.overlap)
        return replace(
            piece,
            start=time_map.original[0],
            end=time_map.original_time(last, time_map.seconds),
            overlap=overlap_end - time_map.original[0] if piece.overlap else 0.0,
            time_map=time_map,
        )

    def _map_between(self, start: int, end: int, rate: int) -> TimeMap:
        first = max(bisect_right(self._joined, start) - 1, 0)
        last = max(bisect_right(self._joined, end - 1), first + 1)
        joined, original = self._joined[first:last], self._original[first:last]
        original[0] += start - joined[0]
        joined[0] = start
        return TimeMap(
            tuple((each - start) / rate for each in joined),
            tuple(each / rate for each in original),
            (end - start) / rate,
        )
