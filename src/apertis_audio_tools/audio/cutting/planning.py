"""Where one piece ends and the next begins: arithmetic over units of sound, whatever they are.

A unit is a packet, or a block of samples: something with a span on the recording's time line and a
size. The last minute of units is kept back; when the next unit would not fit any more, the piece
ends in a pause of that minute, and what comes after the pause begins the next piece. Where units
do not follow one another, a piece ends too.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from math import inf
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.cutting.pauses import CutPoint
from apertis_audio_tools.errors import UnsupportedError

WINDOW_SECONDS = 60.0
"""Where a pause is looked for before a limit, unless the piece is too short for that."""
OVERLAP_SECONDS = 2.0
"""How much is repeated where nobody pauses: longer than a word, so that one of both is whole."""
_KEPT_SECONDS = WINDOW_SECONDS + OVERLAP_SECONDS + 1
_BATCH_SECONDS = 10.0
"""Units that are too far back to be cut any more are written so many seconds at a time."""
_TAIL_SECONDS = 0.5
"""What is left after a cut, at least: services refuse less than 0.1 s."""
_FEWEST = 8
"""Units in a piece, below which there is no choice where to cut it."""
_SPREAD = 1 / 3
"""How far from the wished length a pause may be, as a share of it."""
_AT_ONCE = 8
"""How many pieces clients send at once, unless they are told otherwise."""
_SHORTEST_SHARE, _LONGEST_SHARE = 300.0, 900.0
"""Seconds, around the ten minutes that the Apertis Audio API reference suggests."""


@dataclass(frozen=True, slots=True)
class PieceLimits:
    """How much a piece may be.

    Attributes:
        size: Bytes.
        seconds: The longest it may last.
    """

    size: int
    seconds: float = inf

    @classmethod
    def of(
        cls, max_bytes: int, max_seconds: float | None, target_seconds: float | None
    ) -> "PieceLimits":
        """The limits that a caller's wishes come to."""
        longest = inf if max_seconds is None else max_seconds
        if target_seconds is not None:
            spread = min(target_seconds * _SPREAD, WINDOW_SECONDS / 2)
            longest = min(longest, target_seconds + spread)
        return cls(max_bytes, longest)

    def shared(self, duration: float) -> "PieceLimits":
        """The same for a recording that has to be cut: its pieces are to keep all workers busy.

        It depends on nothing but the recording, so that the pieces of today are kept for tomorrow.

        Args:
            duration: Of the recording, in seconds.
        """
        share = min(max(duration / _AT_ONCE, _SHORTEST_SHARE), _LONGEST_SHARE)
        return replace(self, seconds=min(self.seconds, share + WINDOW_SECONDS / 2))


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a recording, fit to be sent by itself.

    Attributes:
        number: Counted from 0.
        start: Seconds on the recording's time line (0 is the first sample that a player plays)
            at which the first sample of the piece is. Some codecs begin with a few milliseconds
            that players skip: the first piece may start as far before 0.
        end: Seconds at which the piece ends.
        overlap: Seconds at its start that repeat the end of the piece before.
        upload: What to send.
    """

    number: int
    start: float
    end: float
    overlap: float
    upload: Upload
    _free: Callable[[], None] = field(default=lambda: None, repr=False, compare=False)

    def close(self) -> None:
        """Give back the disk space it takes; it cannot be sent any more."""
        self._free()


class Unit(NamedTuple):
    """The smallest thing that is not cut: a span in ticks, and the bytes it takes at most."""

    item: Any
    start: int
    end: int
    size: int


_START, _END, _SIZE = attrgetter("start"), attrgetter("end"), attrgetter("size")


class PieceWriter(Protocol):
    """A piece that is being written."""

    @property
    def start(self) -> int:
        """The tick of its first sample."""

    @property
    def size(self) -> int:
        """Bytes, were it finished now."""

    def write(self, units: Sequence[Unit], /) -> None:
        """Append units."""

    def finish(self) -> tuple[Upload, Callable[[], None]]:
        """What to send, and what frees it."""

    def discard(self) -> None:
        """Free what was written."""


class CuttableTrack(Protocol):
    """A stream of sound that can be cut between its units."""

    @property
    def rate(self) -> float:
        """Ticks per second."""

    def begin(self, before: Sequence[Unit], first: Unit, /) -> PieceWriter:
        """A new piece that begins with a unit; those before it may help its decoder to start."""

    def best_cut(self, units: Sequence[Unit], low: float, high: float, /) -> CutPoint:
        """The best place between two times; all in seconds from where the units begin."""


class SplitPoint(NamedTuple):
    """Ticks at which one piece ends and the next begins: earlier, where they overlap."""

    end: int
    begin: int


def find_split(
    begin: int, end: int, rate: float, find: Callable[[float, float], CutPoint], origin: int
) -> SplitPoint:
    """Where to end a piece that may last from `begin` to `end`, all in ticks.

    Args:
        begin: Where the piece begins.
        end: Where it has to end at the latest.
        rate: Ticks per second.
        find: Gives the best cut between two times, in seconds from `origin`.
        origin: From where `find` counts.
    """
    longest = (end - begin) / rate
    last = (end - origin) / rate
    low = last - min(WINDOW_SECONDS, longest / 2)
    high = last - min(_TAIL_SECONDS, longest / 8)
    cut = find(low, high)
    at = origin + round(min(max(cut.at, low), high) * rate)
    return SplitPoint(
        at, at if cut.is_pause else at - round(min(OVERLAP_SECONDS, longest / 4) * rate)
    )


class _Assembly:
    """Units on their way into pieces."""

    _draft: PieceWriter
    _waiting: list[Unit]
    _room: int
    _latest: float
    _full: float

    def __init__(
        self, limits: PieceLimits, track: CuttableTrack, number: int, overlap: int
    ) -> None:
        self._limits = limits
        self._track = track
        self._number = number
        self._overlap = overlap

    def pieces(self, first: Unit, units: Iterable[Unit]) -> Generator[Piece]:
        self._begin((), first)
        reached = first.start
        try:
            for unit in chain((first,), units):
                if unit.start > reached:
                    yield self._end_at_gap(unit)
                reached = unit.end
                while unit.size > self._room or reached > self._latest:
                    yield self._cut()
                self._waiting.append(unit)
                self._room -= unit.size
                if reached > self._full:
                    self._settle(reached)
            last = self._finished(self._waiting, reached)
        except BaseException:
            self._draft.discard()
            raise
        yield last

    def _begin(self, before: Sequence[Unit], first: Unit, waiting: Sequence[Unit] = ()) -> None:
        """A new piece, to which some units belong already."""
        self._draft = self._track.begin(before, first)
        self._latest = self._draft.start + self._limits.seconds * self._track.rate
        self._room = self._limits.size - self._draft.size - sum(map(_SIZE, waiting))
        self._keep(list(waiting), first)

    def _keep(self, waiting: list[Unit], first: Unit) -> None:
        self._waiting = waiting
        self._full = first.start + (_KEPT_SECONDS + _BATCH_SECONDS) * self._track.rate

    def _settle(self, end: int) -> None:
        """Write what is too far back to be cut any more."""
        at = bisect_right(self._waiting, end - _KEPT_SECONDS * self._track.rate, key=_END)
        settled, waiting = self._waiting[:at], self._waiting[at:]
        self._room += self._draft.size + sum(map(_SIZE, settled))
        self._draft.write(settled)
        self._room -= self._draft.size
        self._keep(waiting, waiting[0])

    def _cut(self) -> Piece:
        units = self._waiting
        if len(units) < _FEWEST:
            raise UnsupportedError(
                f"Pieces of at most {self._limits.size} bytes and {self._limits.seconds:g} s are "
                f"too small to cut this recording into; allow more."
            )
        end, begin = self._split(units)
        piece = self._finished(units[:end], units[end].start)
        self._overlap = units[end].start - units[begin].start
        self._begin(units[:begin], units[begin], units[begin:])
        return piece

    def _end_at_gap(self, after: Unit) -> Piece:
        """Nothing is known of the time between, so that nothing is sent of it."""
        piece = self._finished(self._waiting, self._waiting[-1].end)
        self._overlap = 0
        self._begin((), after)
        return piece

    def _split(self, units: Sequence[Unit]) -> tuple[int, int]:
        """Which unit is the first not in this piece, and which the first in the next."""
        heard = units[-1].end - WINDOW_SECONDS * self._track.rate
        window = units[bisect_left(units, heard, key=_START) :]
        origin = window[0].start

        def find(low: float, high: float) -> CutPoint:
            return self._track.best_cut(window, low, high)

        found = find_split(self._draft.start, units[-1].end, self._track.rate, find, origin)
        end = _nearest(units, found.end)
        return end, end if found.begin == found.end else min(_nearest(units, found.begin), end)

    def _finished(self, units: Sequence[Unit], end: int) -> Piece:
        self._draft.write(units)
        start, rate = self._draft.start, self._track.rate
        upload, free = self._draft.finish()
        number, self._number = self._number, self._number + 1
        return Piece(number, start / rate, end / rate, self._overlap / rate, upload, free)


def assemble_pieces(
    units: Iterable[Unit], limits: PieceLimits, track: CuttableTrack, *, after: Piece | None = None
) -> Generator[Piece]:
    """The units as pieces within the limits, each made when it is asked for.

    Args:
        units: What is left to be cut.
        limits: How much a piece may be.
        track: Where the units come from.
        after: The last piece that was made already; the units may begin before its end.

    Raises:
        UnsupportedError: The limits are too tight to cut anywhere.
    """
    remaining = iter(units)
    first = next(remaining, None)
    if first is None:
        return
    if after is None:
        number, overlap = 0, 0
    else:
        number, overlap = after.number + 1, max(round(after.end * track.rate) - first.start, 0)
    yield from _Assembly(limits, track, number, overlap).pieces(first, remaining)


def _nearest(units: Sequence[Unit], tick: int) -> int:
    """The unit that begins nearest to a tick; never the first."""
    return min(range(1, len(units)), key=lambda at: abs(units[at].start - tick))
