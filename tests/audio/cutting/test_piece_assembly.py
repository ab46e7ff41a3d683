"""Units are assembled into pieces at exact limits, batch by batch."""

from collections.abc import Iterator
from itertools import pairwise
from math import inf

import pytest

from apertis_audio_tools.audio.cutting.pauses import CutPoint
from apertis_audio_tools.audio.cutting.planning import (
    PieceLimits,
    SplitPoint,
    assemble_pieces,
    find_split,
)
from apertis_audio_tools.audio.cutting.units import Piece, Unit
from apertis_audio_tools.errors import UnsupportedError
from support.number_track import DISCARDED, RATE, NumberTrack, make_units

NO_PAUSE = [(0.5, False)] * 99


def assemble(
    track: NumberTrack, max_bytes: int, max_seconds: float = inf, *, count: int
) -> list[Piece]:
    """Return the pieces of units of 1 s and 1 byte."""
    units = make_units([(RATE, 1)], count)
    return list(assemble_pieces(zip(units), PieceLimits(max_bytes, max_seconds), track))


@pytest.mark.parametrize(
    ("seconds", "origin", "low", "high", "overlap"),
    [
        (600, 539.5, 540, 599.5, 2),
        (80, 19.5, 40, 79.5, 2),
        (6, 0, 3, 5.5, 1.5),
        (2, 0, 1, 1.75, 0.5),
    ],
)
def test_window_of_a_cut(
    seconds: int, origin: float, low: float, high: float, overlap: float
) -> None:
    """A cut is in the last minute or half of a piece, and repeats up to 2 s or a quarter of it."""
    searched: list[tuple[float, ...]] = []

    def find(*ticks: int) -> CutPoint:
        searched.append(tuple((tick - 1000) / RATE for tick in ticks))
        return CutPoint(0.0, is_pause=False)

    split = find_split(1000, 1000 + seconds * RATE, RATE, find)
    assert searched[-1] == (origin, low, high)
    assert split == SplitPoint(1000 + round(low * RATE), 1000 + round((low - overlap) * RATE))


@pytest.mark.parametrize("searches", [1, 2])
def test_middle_of_the_window_is_searched_first(searches: int) -> None:
    """Only eight seconds in the middle of the window are heard if they have a clear pause."""
    searched: list[tuple[float, ...]] = []

    def find(*ticks: int) -> CutPoint:
        searched.append(tuple(tick / RATE for tick in ticks))
        return CutPoint(4.0, is_pause=True, is_clear=len(searched) == searches)

    split = find_split(0, 600 * RATE, RATE, find)
    assert searched == [(565.25, 565.75, 573.75), (539.5, 540, 599.5)][:searches]
    assert split.end == split.begin == round((searched[-1][0] + 4.0) * RATE)


def test_no_units() -> None:
    """No units are no pieces."""
    assert list(assemble_pieces([], PieceLimits(9), NumberTrack())) == []


def test_exact_limits() -> None:
    """A recording that has exactly the size and duration of the limits is one piece."""
    assert len(assemble(NumberTrack(), 100, 100.0, count=100)) == 1
    assert len(assemble(NumberTrack(), 99, 100.0, count=100)) == 2
    assert len(assemble(NumberTrack(), 100, 99.0, count=100)) == 2
    assert len(assemble(NumberTrack(head=1), 100, 100.0, count=100)) == 2


def test_fewest_units_of_a_piece() -> None:
    """Eight units leave a choice where to cut; seven do not."""
    assert len(assemble(NumberTrack(), 8, count=9)) == 2
    with pytest.raises(UnsupportedError, match="at most 7 bytes"):
        assemble(NumberTrack(), 7, count=9)


def test_units_are_written_in_batches() -> None:
    """Units that are too far back to be cut are written, ten seconds or more at a time."""
    track = NumberTrack()
    (piece,) = assemble(track, 1000, count=1000)
    assert track.written == [list(range(1000))]
    assert (piece.upload.size, piece.end) == (1000, 1000.0)
    *batches, rest = track.seconds
    assert len(batches) < 90
    assert max(batches) <= 12
    assert 62 <= rest <= 75


@pytest.mark.parametrize(("max_bytes", "max_seconds"), [(1000, inf), (10**6, 1000)])
def test_units_far_from_a_limit_are_written_early(max_bytes: int, max_seconds: float) -> None:
    """All but twenty seconds are written while the piece cannot end soon, and a minute is kept."""
    track = NumberTrack()
    units = iter(make_units([(RATE, 1)], 5000))
    read = list[int]()

    def runs() -> Iterator[tuple[Unit[int]]]:
        for unit in units:
            read.append(round(unit.end / RATE - sum(track.seconds)))
            yield (unit,)

    next(assemble_pieces(runs(), PieceLimits(max_bytes, max_seconds), track))
    assert max(read[:600]) <= 22
    assert read[-1] >= 62


def test_long_pieces() -> None:
    """Pieces written in batches are cut within the last minute; a second more is decoded."""
    track = NumberTrack(NO_PAUSE, head=5)
    pieces = assemble(track, 300, count=1000)
    assert track.windows == [9.0, 61.0] * (len(pieces) - 1)
    for before, after in pairwise(pieces):
        assert before.upload.size <= 300
        assert before.end - before.start == pytest.approx(295 - 30, abs=1.01)
        assert after.start == before.end - 2.0
    assert [n for numbers in track.written for n in numbers[2:]][-1] == 999
    assert [numbers[0] for numbers in track.written] == [int(each.start) for each in pieces]


def test_units_before_a_piece() -> None:
    """A track gets the kept units before each piece, to start a decoder; none at the start."""
    track = NumberTrack(NO_PAUSE)
    assemble(track, 50, count=100)
    first, second, *_ = track.before
    assert first == []
    assert second == list(range(track.written[1][0]))


def test_no_units_before_a_gap() -> None:
    """A track gets no units from before a gap."""
    track = NumberTrack()
    units = make_units([(RATE, 1)], 9)
    list(assemble_pieces(zip(units + make_units([(RATE, 1)], 9, 5000)), PieceLimits(99), track))
    assert track.before == [[], []]


def test_files_of_pieces() -> None:
    """A piece has the name, type, size and content of its file, and frees it when closed."""
    track = NumberTrack()
    (piece,) = assemble(track, 99, count=9)
    assert (piece.upload.name, piece.upload.media_type, piece.upload.size) == (
        *("piece", "audio/test", 9),
    )
    with piece.upload.open() as file:
        assert file.read() == b""
    piece.close()
    assert track.written[0][-1] == DISCARDED


def test_every_piece_ends_after_it_begins() -> None:
    """A piece never begins with the first unit of the previous one, however long that unit is."""
    units = make_units([(90, 1), *[(1, 1)] * 8], 1)
    track = NumberTrack([(0.0, False)])
    assert len(list(assemble_pieces(zip(units), PieceLimits(8), track))) == 2
    assert track.written == [[0], [1, 2, 3, 4, 5, 6, 7, 8]]
