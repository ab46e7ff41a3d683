"""The arithmetic of pieces, over units of any length and size."""

from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.cutting.pauses import CutPoint
from apertis_audio_tools.audio.cutting.planning import OVERLAP_SECONDS, PieceLimits, assemble_pieces
from apertis_audio_tools.audio.cutting.units import Piece, PieceFile, PieceWriter, Unit
from apertis_audio_tools.errors import UnsupportedError

RATE = 100


class Tally:
    """A piece that remembers which units it was given."""

    def __init__(self, first: Unit, head: int, log: list[list[int]]) -> None:
        self.start = first.start
        self.size = head
        self.numbers: list[int] = []
        log.append(self.numbers)

    def write(self, units: Sequence[Unit]) -> None:
        """Count the units."""
        self.numbers += [unit.item for unit in units]
        self.size += sum(unit.size for unit in units)

    def finish(self) -> PieceFile:
        """Return a file of that size."""
        return PieceFile(self.size, BytesIO, self.discard)

    def discard(self) -> None:
        """Leave a mark."""
        self.numbers.append(-1)


class Cuts:
    """A track that says where to cut, and remembers what was written."""

    rate, file_name, media_type = RATE, "piece", "audio/test"

    def __init__(self, shares: Sequence[tuple[float, bool]], head: int = 0) -> None:
        self._shares = [*shares]
        self._head = head
        self.written: list[list[int]] = []

    def begin(self, before: Sequence[Unit], first: Unit) -> PieceWriter:  # noqa: ARG002  # not needed
        """Begin to count."""
        return Tally(first, self._head, self.written)

    def best_cut(self, units: Sequence[Unit], low: float, high: float) -> CutPoint:
        """The next of the cuts it was made with."""
        assert 0 <= low < high <= (units[-1].end - units[0].start) / RATE
        share, is_pause = self._shares.pop() if self._shares else (0.5, True)
        return CutPoint(low + (high - low) * share, is_pause)


def units(lengths: Sequence[tuple[int, int]], repeat: int) -> list[Unit]:
    found, end = [], 0
    for number, (ticks, size) in enumerate([*lengths] * repeat):
        start, end = end, end + ticks
        found.append(Unit(number, start, end, size))
    return found


LENGTHS = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 60)), min_size=1, max_size=30)
SHARES = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40)


@given(
    LENGTHS,
    st.integers(1, 200),
    st.integers(1_500, 20_000),
    st.floats(3, 500) | st.just(float("inf")),
    SHARES,
    st.integers(0, 100),
)
def test_every_unit_is_in_a_piece(
    lengths: list[tuple[int, int]],
    repeat: int,
    size: int,
    seconds: float,
    shares: list[tuple[float, bool]],
    head: int,
) -> None:
    """Pieces cover the recording without a gap and keep the limits; they repeat what they say."""
    given_units = units(lengths, repeat)
    track = Cuts(shares, head)
    found = list(assemble_pieces(given_units, PieceLimits(size, seconds), track))

    assert [piece.number for piece in found] == list(range(len(found)))
    assert found[0].start == 0
    assert found[0].overlap == 0
    assert found[-1].end == given_units[-1].end / RATE
    for before, after in pairwise(found):
        assert after.start + after.overlap == pytest.approx(before.end)
        assert before.start < after.start
        assert 0 <= after.overlap <= OVERLAP_SECONDS + 0.13
    for piece, numbers in zip(found, track.written, strict=True):
        assert piece.upload.size <= size
        assert piece.end - piece.start <= seconds
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert given_units[numbers[0]].start / RATE == piece.start
        assert given_units[numbers[-1]].end / RATE == piece.end


@given(LENGTHS, st.integers(1, 3), SHARES)
def test_a_pause_is_not_repeated(
    lengths: list[tuple[int, int]], repeat: int, shares: list[tuple[float, bool]]
) -> None:
    """Where all cuts are in pauses, the pieces are the recording and nothing twice."""
    given_units = units(lengths, repeat * 50)
    track = Cuts([(share, True) for share, _ in shares])
    list(assemble_pieces(given_units, PieceLimits(3_000), track))
    assert [n for numbers in track.written for n in numbers] == list(range(len(given_units)))


def test_a_limit_below_a_few_packets_is_refused() -> None:
    """A limit that leaves no choice where to cut is refused, and what was begun is freed."""
    track = Cuts([])
    with pytest.raises(UnsupportedError, match="at most 50 bytes"):
        list(assemble_pieces(units([(2, 20)], 100), PieceLimits(50), track))
    assert track.written[-1][-1] == -1


def test_nothing_is_made_before_it_is_asked_for() -> None:
    """The units of a piece are read when that piece is asked for, and no further."""
    remaining = iter(units([(100, 100)], 1000))
    made = assemble_pieces(remaining, PieceLimits(20_000), Cuts([]))
    next(made)
    assert next(remaining).item < 300


def test_closing_early_frees_the_piece_that_was_begun() -> None:
    """Closing the iterator frees what was written of the next piece, and only that."""
    track = Cuts([])
    made = assemble_pieces(units([(100, 100)], 1000), PieceLimits(20_000), track)
    next(made)
    made.close()
    first, second = track.written
    assert -1 not in first
    assert second == [-1]


def test_wishes_become_limits() -> None:
    """A wished length may be exceeded by a third, at most 30 s, and never beyond the hard limit."""
    assert PieceLimits.of(9, None, None) == PieceLimits(9)
    assert PieceLimits.of(9, 20, None) == PieceLimits(9, 20)
    assert PieceLimits.of(9, None, 30) == PieceLimits(9, 40)
    assert PieceLimits.of(9, None, 600) == PieceLimits(9, 630)
    assert PieceLimits.of(9, 605, 600) == PieceLimits(9, 605)


def test_a_piece_is_closed_once_sent() -> None:
    """Closing a piece calls what frees it."""
    freed: list[str] = []
    upload = Upload("a", "audio/test", 0, BytesIO)
    Piece(0, 0, 1, 0, upload, lambda: freed.append("freed")).close()
    assert freed == ["freed"]
