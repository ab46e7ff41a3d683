"""Planning of pieces, over units of any length and size."""

from io import BytesIO
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.cutting.planning import OVERLAP_SECONDS, PieceLimits, assemble_pieces
from apertis_audio_tools.audio.cutting.units import Piece, Unit
from apertis_audio_tools.errors import UnsupportedError
from support.number_track import DISCARDED, RATE, NumberTrack, make_units

LENGTHS = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 60)), min_size=1, max_size=30)
CUTS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=40)


@given(
    LENGTHS,
    st.integers(1, 200),
    st.integers(1_500, 20_000),
    st.floats(3, 500) | st.just(float("inf")),
    CUTS,
    st.integers(0, 100),
)
def test_every_unit_is_in_a_piece(
    lengths: list[tuple[int, int]],
    repeat: int,
    max_bytes: int,
    max_seconds: float,
    cuts: list[tuple[float, bool]],
    head: int,
) -> None:
    """Pieces cover the recording without a gap, keep the limits, and record their overlap."""
    units = make_units(lengths, repeat)
    track = NumberTrack(cuts, head)
    pieces = list(assemble_pieces(zip(units), PieceLimits(max_bytes, max_seconds), track))

    assert [piece.number for piece in pieces] == list(range(len(pieces)))
    assert pieces[0].start == 0
    assert pieces[0].overlap == 0
    assert pieces[-1].end == units[-1].end / RATE
    for before, after in pairwise(pieces):
        assert after.start + after.overlap == pytest.approx(before.end)
        assert before.start < after.start
        assert 0 <= after.overlap <= OVERLAP_SECONDS + 0.13
    for piece, numbers in zip(pieces, track.written, strict=True):
        assert piece.upload.size <= max_bytes
        assert piece.end - piece.start <= max_seconds
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert units[numbers[0]].start / RATE == piece.start
        assert units[numbers[-1]].end / RATE == piece.end


@given(LENGTHS, st.integers(1, 3), CUTS)
def test_pieces_cut_in_pauses_repeat_nothing(
    lengths: list[tuple[int, int]], repeat: int, cuts: list[tuple[float, bool]]
) -> None:
    """If all cuts are in pauses, each unit is in exactly one piece."""
    units = make_units(lengths, repeat * 50)
    track = NumberTrack([(share, True) for share, _ in cuts])
    list(assemble_pieces(zip(units), PieceLimits(3_000), track))
    assert [n for numbers in track.written for n in numbers] == list(range(len(units)))


GAP_SECONDS = 7


def units_around_a_gap() -> list[Unit[int]]:
    """Return 15 s of units, a gap, and 5 s of units."""
    before = make_units([(10, 1)], 150)
    return before + make_units([(10, 1)], 50, before[-1].end + GAP_SECONDS * RATE)


def test_pieces_do_not_overlap_across_a_gap() -> None:
    """The piece after a gap repeats nothing, even if the piece before the gap does."""
    track = NumberTrack([(0.5, False)])
    first, second, third = assemble_pieces(
        zip(units_around_a_gap()), PieceLimits(10_000, 10), track
    )
    assert second.overlap == OVERLAP_SECONDS
    assert second.start + second.overlap == pytest.approx(first.end)
    assert second.end == 15
    assert (third.start, third.end, third.overlap) == (15 + GAP_SECONDS, 20 + GAP_SECONDS, 0)
    assert set(track.written[1]) & set(track.written[2]) == set()


def test_pieces_after_a_gap_do_not_overlap_the_last_piece() -> None:
    """If the remaining units begin after the last piece, nothing is repeated."""
    last = Piece(4, 0, 3, 0, Upload("a", "audio/test", 0, BytesIO))
    units = make_units([(10, 1)], 50, end=5 * RATE)
    (piece,) = assemble_pieces(zip(units), PieceLimits(10_000), NumberTrack(), after=last)
    assert (piece.number, piece.start, piece.overlap) == (5, 5, 0)


def test_overlap_with_the_last_piece_is_recorded() -> None:
    """If the remaining units begin before the end of the last piece, the overlap says so."""
    last = Piece(0, 0, 6, 0, Upload("a", "audio/test", 0, BytesIO))
    units = make_units([(10, 1)], 50, end=5 * RATE)
    (piece,) = assemble_pieces(zip(units), PieceLimits(10_000), NumberTrack(), after=last)
    assert (piece.number, piece.overlap) == (1, 1)


def test_limit_below_a_few_packets_is_refused() -> None:
    """A limit that leaves no choice where to cut is refused, and the begun piece is freed."""
    track = NumberTrack()
    with pytest.raises(UnsupportedError, match="at most 50 bytes"):
        list(assemble_pieces(zip(make_units([(2, 20)], 100)), PieceLimits(50), track))
    assert track.written[-1][-1] == DISCARDED


def test_pieces_are_made_when_requested() -> None:
    """The units of a piece are read when that piece is requested, and no further."""
    remaining = iter(make_units([(100, 100)], 1000))
    pieces = assemble_pieces(zip(remaining), PieceLimits(20_000), NumberTrack())
    next(pieces)
    assert next(remaining).item < 300


def test_closing_early_frees_the_piece_that_was_begun() -> None:
    """Closing the iterator frees what was written of the next piece, and only that."""
    track = NumberTrack()
    pieces = assemble_pieces(zip(make_units([(100, 100)], 1000)), PieceLimits(20_000), track)
    next(pieces)
    pieces.close()
    first, second = track.written
    assert DISCARDED not in first
    assert second == [DISCARDED]


def test_target_length_becomes_a_limit() -> None:
    """A target may be exceeded by a third, at most 30 s, and never beyond the hard limit."""
    assert PieceLimits.from_options(9, None, None) == PieceLimits(9)
    assert PieceLimits.from_options(9, 20, None) == PieceLimits(9, 20)
    assert PieceLimits.from_options(9, None, 30) == PieceLimits(9, 40)
    assert PieceLimits.from_options(9, None, 600) == PieceLimits(9, 630)
    assert PieceLimits.from_options(9, 605, 600) == PieceLimits(9, 605)


@pytest.mark.parametrize(
    ("minutes", "longest"),
    [(6, 180), (20, 180), (60, 180), (80, 240), (100, 300), (101, 300), (600, 300)],
)
def test_default_pieces_last_three_to_five_minutes(minutes: float, longest: float) -> None:
    """A recording is cut into pieces of a twentieth, of no less than 3 and no more than 5 min."""
    window = 30
    assert PieceLimits(9).for_duration(minutes * 60).longest(99) == longest + window


@pytest.mark.parametrize("minutes", [6, 60, 600])
def test_the_first_pieces_grow(minutes: float) -> None:
    """Of as many pieces as are sent at once, each is longer than the one before it."""
    limits = PieceLimits(9).for_duration(minutes * 60)
    shares = [limits.longest(number) / limits.longest(99) for number in range(10)]
    assert shares == pytest.approx([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1])


def test_five_minutes_are_not_cut() -> None:
    """A recording that is not much longer than a piece is one."""
    limits = PieceLimits(9).for_duration(300)
    assert limits.longest(0) == limits.longest(99) == 330


def test_limits_of_the_caller_are_kept() -> None:
    """Default pieces are never longer than the caller's limit."""
    limits = PieceLimits(9, 100).for_duration(36_000)
    assert (limits.max_bytes, limits.longest(99)) == (9, 100)


def test_closing_a_piece_frees_it() -> None:
    """Closing a piece calls the function that frees it."""
    freed: list[str] = []
    upload = Upload("a", "audio/test", 0, BytesIO)
    Piece(0, 0, 1, 0, upload, lambda: freed.append("freed")).close()
    assert freed == ["freed"]
