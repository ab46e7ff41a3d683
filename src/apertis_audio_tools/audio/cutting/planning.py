"""Decide where one piece ends and the next begins: arithmetic over the units of a track.

A unit is a packet, or a block of samples: something with a span on the recording's time line and a
size. The last minute of units is kept back. When the next unit would not fit any more, the piece
ends in a pause of that minute, and what comes after the pause begins the next piece. A piece also
ends where units do not follow one another.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
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
_FIRST_SECONDS = 8.0
"""Seconds in the middle of the window that are searched first. Most have a clear pause, and to
decode a minute takes seven times as long."""
_LEAD_SECONDS = 0.5
"""Seconds before a search that are decoded as well: units rarely begin where a search does."""
_HEARD_SECONDS = WINDOW_SECONDS + _LEAD_SECONDS
_KEPT_SECONDS = _HEARD_SECONDS + OVERLAP_SECONDS
_BATCH_SECONDS = 10.0
"""Seconds of units written at a time, once they are too far back to be cut any more."""
_MAX_BIT_RATE_RISE = 4
"""Bit rate of what follows, by that of the piece so far. If it rises more, a shorter window is
searched."""
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
    begin: int, end: int, rate: float, find: Callable[[int, int, int], CutPoint]
) -> SplitPoint:
    """Return where to end a piece that may last from `begin` to `end`, all in ticks.

    Args:
        begin: Tick at which the piece begins.
        end: Tick at which it has to end at the latest.
        rate: Ticks per second.
        find: Function that hears a piece from a tick on, and returns the best cut between two later
            ones, in seconds from the first.
    """
    longest = (end - begin) / rate
    first = end - round(min(WINDOW_SECONDS, longest / 2) * rate)
    last = end - round(min(_MIN_TAIL_SECONDS, longest / 8) * rate)
    for origin, low, high in _searches(
        max(begin, end - round(_HEARD_SECONDS * rate)), first, last, rate
    ):
        cut = find(origin, low, high)
        if cut.is_clear:
            break
    at = min(max(origin + round(cut.seconds * rate), low), high)
    overlap = 0 if cut.is_pause else round(min(OVERLAP_SECONDS, longest / 4) * rate)
    return SplitPoint(at, at - overlap)


def _searches(origin: int, first: int, last: int, rate: float) -> Iterator[tuple[int, int, int]]:
    """Yield the arguments of the searches that are made until one finds a clear pause."""
    middle, half = (first + last) // 2, round(_FIRST_SECONDS / 2 * rate)
    if last - first > 4 * half:
        yield middle - half - round(_LEAD_SECONDS * rate), middle - half, middle + half
    yield origin, first, last


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

    def pieces(
        self, first: Sequence[Unit[Item]], runs: Iterable[Sequence[Unit[Item]]]
    ) -> Generator[Piece]:
        self._begin((), first[0])
        end = first[0].start
        try:
            for run in chain((first,), runs):
                if run[0].start > end:
                    yield self._end_at_gap(run[0])
                end = run[-1].end
                yield from self._add(run)
                if end > self._settle_after:
                    self._settle(end)
            last = self._finish(self._kept, end)
        except BaseException:
            self._writer.discard()
            raise
        yield last

    def _add(self, run: Sequence[Unit[Item]]) -> Generator[Piece]:
        """Add units, and yield the pieces that end before them or between them."""
        size, end = sum(map(_SIZE, run)), run[-1].end
        if len(run) > 1 and (size > self._free_bytes or end > self._latest_end):
            for unit in run:
                yield from self._add((unit,))
            return
        while size > self._free_bytes or end > self._latest_end:
            yield self._cut()
        self._kept += run
        self._free_bytes -= size

    def _begin(
        self, before: Sequence[Unit[Item]], first: Unit[Item], kept: Sequence[Unit[Item]] = ()
    ) -> None:
        """Begin a piece, to which some units belong already."""
        self._writer = self._track.begin(before, first)
        longest = self._limits.longest(self._number)
        self._latest_end = self._writer.start + longest * self._track.rate
        self._free_bytes = self._limits.max_bytes - self._writer.size - sum(map(_SIZE, kept))
        self._kept = list(kept)
        self._settle_after = first.start + 2 * _BATCH_SECONDS * self._track.rate

    def _settle(self, end: int) -> None:
        """Write the units that are too far back to be cut any more."""
        rate = self._track.rate
        kept_seconds = _KEPT_SECONDS if self._is_near_limit(end) else _BATCH_SECONDS
        at = bisect_right(self._kept, end - kept_seconds * rate, key=_END)
        self._settle_after = end + _BATCH_SECONDS * rate
        if at:
            settled, self._kept = self._kept[:at], self._kept[at:]
            self._free_bytes += self._writer.size + sum(map(_SIZE, settled))
            self._writer.write(settled)
            self._free_bytes -= self._writer.size

    def _is_near_limit(self, end: int) -> bool:
        """Return whether the piece may have to be cut before there are enough units for that.

        Packets written at once are still in the caches of the processor, which saves a tenth.
        """
        ahead = (_KEPT_SECONDS + _BATCH_SECONDS) * self._track.rate
        used = self._limits.max_bytes - self._free_bytes
        usual = used * ahead / max(end - self._writer.start, 1)
        return end + ahead > self._latest_end or self._free_bytes < usual * _MAX_BIT_RATE_RISE

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
        rate = self._track.rate

        def find(origin: int, low: int, high: int) -> CutPoint:
            start = bisect_right(units, origin, key=_END)
            heard = units[start : bisect_left(units, high, key=_START)]
            zero = heard[0].start
            cut = self._track.best_cut(heard, (low - zero) / rate, (high - zero) / rate)
            return cut._replace(seconds=cut.seconds + (zero - origin) / rate)

        split = find_split(self._writer.start, units[-1].end, rate, find)
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
    runs: Iterable[Sequence[Unit[Item]]],
    limits: PieceLimits,
    track: CuttableTrack[Item],
    *,
    after: Piece | None = None,
) -> Generator[Piece]:
    """Yield units as pieces within the limits, each made when it is requested.

    Args:
        runs: The units, in runs without gaps. Long runs take less time.
        limits: Limits of the pieces.
        track: The track of the units.
        after: Last piece that was made already. The units may begin before its end.
    """
    remaining = iter(runs)
    first = next(remaining, None)
    if first is None:
        return
    number, overlap = 0, 0
    if after is not None:
        number, overlap = after.number + 1, max(round(after.end * track.rate) - first[0].start, 0)
    yield from _PieceAssembler(limits, track, number, overlap).pieces(first, remaining)


def _nearest(units: Sequence[Unit[Item]], tick: int) -> int:
    """Return the index of the unit that begins nearest to a tick, but never of the first one."""
    return min(range(1, len(units)), key=lambda at: abs(units[at].start - tick))
