"""Decide where one piece ends and the next begins: arithmetic over the units of a track.

A unit is a packet, or a block of samples: something with a span on the recording's time line and a
size. The last minute of units is kept back. When the next unit would not fit any more, the piece
ends in a pause of that minute, and what comes after the pause begins the next piece. A piece also
ends where units do not follow one another.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import inf
from operator import attrgetter
from typing import Generic, NamedTuple

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.cutting.pauses import CutPoint
from apertis_audio_tools.audio.cutting.units import CuttableTrack, Item, Piece, PieceWriter, Unit
from apertis_audio_tools.errors import UnsupportedError

WINDOW_SECONDS = 60.0
"""Seconds before a limit in which a pause is looked for, unless the piece is too short for that."""
OVERLAP_SECONDS = 2.0
"""Seconds repeated where there is no pause: longer than a word, so that one piece has it whole."""
_LEAD_SECONDS = 1.0
"""Seconds before the window that are decoded as well: units rarely begin where a window does."""
_KEPT_SECONDS = WINDOW_SECONDS + OVERLAP_SECONDS + _LEAD_SECONDS
_BATCH_SECONDS = 10.0
"""Seconds of units written at a time, once they are too far back to be cut any more."""
_MIN_TAIL_SECONDS = 0.5
"""Seconds that are left after a cut. Services refuse less than 0.1 s."""
_MIN_UNITS = 8
"""Units in a piece, below which there is no choice where to cut it."""
_TARGET_TOLERANCE = 1 / 3
"""Distance of a pause from the target length of a piece, as a share of that length."""
_DEFAULT_CONCURRENCY = 8
"""Pieces that clients send at once by default."""
_MIN_SHARE_SECONDS, _MAX_SHARE_SECONDS = 180.0, 300.0
"""Default length of pieces. Shorter ones are sent sooner, and the last response comes sooner; of
longer ones there are fewer, each of which takes a cut and a request."""
_DEFAULT_PIECES = 20
"""Pieces of a recording, as far as these lengths allow."""


@dataclass(frozen=True, slots=True)
class PieceLimits:
    """Largest size of a piece in bytes, and its longest duration in seconds.

    If they are growing, the first pieces are shorter.
    """

    max_bytes: int
    max_seconds: float = inf
    is_growing: bool = False

    @classmethod
    def from_options(
        cls, max_bytes: int, max_seconds: float | None, target_seconds: float | None
    ) -> "PieceLimits":
        """Return the limits that follow from the options of a request."""
        longest = inf if max_seconds is None else max_seconds
        if target_seconds is not None:
            tolerance = min(target_seconds * _TARGET_TOLERANCE, WINDOW_SECONDS / 2)
            longest = min(longest, target_seconds + tolerance)
        return cls(max_bytes, longest)

    def for_duration(self, duration: float) -> "PieceLimits":
        """Return the limits for a recording that has to be cut, so that its pieces go out at once.

        The first pieces are shorter, so that the first request is sent soon, and so that uploads
        do not all end, and leave the line idle, at the same time. The limits depend on nothing but
        the duration in seconds, so that the pieces are found in a cache later.
        """
        share = min(max(duration / _DEFAULT_PIECES, _MIN_SHARE_SECONDS), _MAX_SHARE_SECONDS)
        is_growing = duration > _MAX_SHARE_SECONDS
        longest = (share if is_growing else _MAX_SHARE_SECONDS) + WINDOW_SECONDS / 2
        return replace(self, max_seconds=min(self.max_seconds, longest), is_growing=is_growing)

    def longest(self, number: int) -> float:
        """Return the longest duration of a piece in seconds, by its number."""
        if not self.is_growing:
            return self.max_seconds
        return self.max_seconds * min((number + 2) / (_DEFAULT_CONCURRENCY + 2), 1.0)

    def too_small_error(self) -> UnsupportedError:
        """Return the error for limits that leave no choice where to cut."""
        return UnsupportedError(
            f"Pieces of at most {self.max_bytes} bytes and {self.max_seconds:g} s are too small to "
            "cut this recording into; use a larger piece_seconds or a shorter prompt."
        )


_START, _END, _SIZE = attrgetter("start"), attrgetter("end"), attrgetter("size")


class SplitPoint(NamedTuple):
    """The tick at which a piece ends, and the tick at which the next begins.

    The second is earlier if the pieces overlap.
    """

    end: int
    begin: int


def find_split(
    begin: int, end: int, rate: float, find: Callable[[float, float], CutPoint], origin: int
) -> SplitPoint:
    """Return where to end a piece that may last from `begin` to `end`, all in ticks.

    Args:
        begin: Tick at which the piece begins.
        end: Tick at which it has to end at the latest.
        rate: Ticks per second.
        find: Function that returns the best cut between two times, in seconds from `origin`.
        origin: Tick from which `find` counts.
    """
    longest = (end - begin) / rate
    last = (end - origin) / rate
    low = last - min(WINDOW_SECONDS, longest / 2)
    high = last - min(_MIN_TAIL_SECONDS, longest / 8)
    cut = find(low, high)
    at = origin + round(min(max(cut.seconds, low), high) * rate)
    overlap = 0 if cut.is_pause else round(min(OVERLAP_SECONDS, longest / 4) * rate)
    return SplitPoint(at, at - overlap)


class _PieceAssembler(Generic[Item]):
    """Assembler of the units of a track into pieces."""

    _writer: PieceWriter[Item]
    _kept: list[Unit[Item]]

    def __init__(
        self, limits: PieceLimits, track: CuttableTrack[Item], number: int, overlap: int
    ) -> None:
        self._limits = limits
        self._track = track
        self._number = number
        self._overlap = overlap

    def pieces(self, first: Unit[Item], units: Iterable[Unit[Item]]) -> Generator[Piece]:
        self._begin((), first)
        end = first.start
        try:
            for unit in chain((first,), units):
                if unit.start > end:
                    yield self._end_at_gap(unit)
                end = unit.end
                while unit.size > self._free_bytes or end > self._latest_end:
                    yield self._cut()
                self._kept.append(unit)
                self._free_bytes -= unit.size
                if end > self._settle_after:
                    self._settle(end)
            last = self._finish(self._kept, end)
        except BaseException:
            self._writer.discard()
            raise
        yield last

    def _begin(
        self, before: Sequence[Unit[Item]], first: Unit[Item], kept: Sequence[Unit[Item]] = ()
    ) -> None:
        """Begin a piece, to which some units belong already."""
        self._writer = self._track.begin(before, first)
        longest = self._limits.longest(self._number)
        self._latest_end = self._writer.start + longest * self._track.rate
        self._free_bytes = self._limits.max_bytes - self._writer.size - sum(map(_SIZE, kept))
        self._keep(list(kept), first)

    def _keep(self, kept: list[Unit[Item]], first: Unit[Item]) -> None:
        self._kept = kept
        self._settle_after = first.start + (_KEPT_SECONDS + _BATCH_SECONDS) * self._track.rate

    def _settle(self, end: int) -> None:
        """Write the units that are too far back to be cut any more."""
        at = bisect_right(self._kept, end - _KEPT_SECONDS * self._track.rate, key=_END)
        settled, kept = self._kept[:at], self._kept[at:]
        self._free_bytes += self._writer.size + sum(map(_SIZE, settled))
        self._writer.write(settled)
        self._free_bytes -= self._writer.size
        self._keep(kept, kept[0])

    def _cut(self) -> Piece:
        units = self._kept
        if len(units) < _MIN_UNITS:
            raise self._limits.too_small_error()
        end, begin = self._split(units)
        piece = self._finish(units[:end], units[end].start)
        self._overlap = units[end].start - units[begin].start
        self._begin(units[:begin], units[begin], units[begin:])
        return piece

    def _end_at_gap(self, after: Unit[Item]) -> Piece:
        """End the piece before a gap, of which nothing is sent, and begin one after it."""
        piece = self._finish(self._kept, self._kept[-1].end)
        self._overlap = 0
        self._begin((), after)
        return piece

    def _split(self, units: Sequence[Unit[Item]]) -> tuple[int, int]:
        """Return the index of the first unit that is not in this piece, and of the next's first."""
        first = units[-1].end - (WINDOW_SECONDS + _LEAD_SECONDS) * self._track.rate
        window = units[bisect_left(units, first, key=_START) :]

        def find(low: float, high: float) -> CutPoint:
            return self._track.best_cut(window, low, high)

        split = find_split(
            self._writer.start, units[-1].end, self._track.rate, find, window[0].start
        )
        end = _nearest(units, split.end)
        return end, end if split.begin == split.end else min(_nearest(units, split.begin), end)

    def _finish(self, units: Sequence[Unit[Item]], end: int) -> Piece:
        self._writer.write(units)
        rate = self._track.rate
        start = min(self._writer.start, end)  # a header may skip more than there is
        size, opener, free = self._writer.finish()
        upload = Upload(self._track.file_name, self._track.media_type, size, opener)
        number, self._number = self._number, self._number + 1
        return Piece(number, start / rate, end / rate, self._overlap / rate, upload, free)


def assemble_pieces(
    units: Iterable[Unit[Item]],
    limits: PieceLimits,
    track: CuttableTrack[Item],
    *,
    after: Piece | None = None,
) -> Generator[Piece]:
    """Yield the units as pieces within the limits, each made when it is requested.

    `after` is the last piece that was made already. The units may begin before its end.
    """
    remaining = iter(units)
    first = next(remaining, None)
    if first is None:
        return
    number, overlap = 0, 0
    if after is not None:
        number, overlap = after.number + 1, max(round(after.end * track.rate) - first.start, 0)
    yield from _PieceAssembler(limits, track, number, overlap).pieces(first, remaining)


def _nearest(units: Sequence[Unit[Item]], tick: int) -> int:
    """Return the index of the unit that begins nearest to a tick, but never of the first one."""
    return min(range(1, len(units)), key=lambda at: abs(units[at].start - tick))
