"""Spans with a voice are found on each signal, and joined with an exact map of their times."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from apertis_audio_tools import UnsupportedError
from apertis_audio_tools.audio import SignalLevels, find_voiced_spans, measure_levels, probe
from apertis_audio_tools.audio.cutting.joined_units import JoinedUnits
from apertis_audio_tools.audio.cutting.pieces import cut_pieces
from apertis_audio_tools.audio.cutting.units import Unit
from apertis_audio_tools.audio.input.signals import split_signals
from support.channel_recordings import beacons, write_channels
from support.meeting_recordings import decode_mono, piece_bytes

VOICE, NOISE = 120, 30
"""Levels in half decibels."""
TURNS = [(0, 2, 6), (1, 7, 12), (0, 11, 15), (1, 18, 24), (0, 30, 36), (1, 40, 42), (0, 50, 52)]
"""Signal, start and end of each turn in seconds; two of them overlap."""
SECONDS = 60


def levels(
    echo: int, *, gains: tuple[int, int] = (0, 0), turns: Sequence[tuple[int, int, int]] = TURNS
) -> SignalLevels:
    """Return levels of two signals; `echo` and `gains` are in half decibels."""
    dice = random.Random(1)
    blocks = [[NOISE + gain] * (50 * SECONDS) for gain in gains]
    for signal, start, end in turns:
        for at in range(50 * start, 50 * end):
            voice = VOICE - dice.randrange(40)
            for own, level in ((signal, voice), (1 - signal, voice - echo)):
                blocks[own][at] = max(blocks[own][at], level + gains[own])
    return SignalLevels([bytearray(map(int, each)) for each in blocks], {})


def spoken(signal: int, turns: Sequence[tuple[int, int, int]] = TURNS) -> list[tuple[float, float]]:
    return [(start, end) for own, start, end in turns if own == signal]


@pytest.mark.parametrize("echo", [24, 36, 200], ids=["12 dB", "18 dB", "none"])
@pytest.mark.parametrize("gains", [(0, 0), (-30, 0), (20, -20)], ids=str)
def test_spans(echo: int, gains: tuple[int, int]) -> None:
    """Each signal has its own turns with a little around them, however it was recorded."""
    for signal, spans in enumerate(find_voiced_spans(levels(echo, gains=gains))):
        expected = spoken(signal)
        assert len(spans) == len(expected)
        for (start, end), (first, last) in zip(spans, expected, strict=True):
            assert first - 0.41 <= start <= first
            assert last <= end <= last + 0.41


def test_an_echo_that_is_too_loud() -> None:
    """If an echo is nearly as loud as the voice, everything is sent on both signals."""
    first, second = find_voiced_spans(levels(8))
    assert first == second


def test_only_one_speaks() -> None:
    """A signal with nothing but the echo of the other one has no spans."""
    turns = [(0, start, start + 5) for start in range(0, 60, 10)]
    first, second = find_voiced_spans(levels(36, turns=turns))
    assert len(first) == len(turns)
    assert second == ()


def test_sound_all_the_time() -> None:
    """A signal that is as loud all the time is sent as it is, and a silent one not at all."""
    steady = SignalLevels([bytearray([100] * 3000), bytearray(3000)], {})
    assert find_voiced_spans(steady) == [((0, 60.0),), ()]


def test_joined_units() -> None:
    """Each tick of the joined units is mapped to the tick at which it was, for every piece."""
    dice = random.Random(2)
    units, tick = list[Unit[int]](), 0
    for number in range(300):
        tick += dice.choice([0, 0, 0, 700])  # a gap
        units.append(Unit(number, tick, tick := tick + dice.randint(1, 40), 1))
    spans = [(at, at + dice.randint(1, 500)) for at in range(0, tick, 900)]
    joined = JoinedUnits(units, spans)
    kept = list(joined)
    assert [each.start for each in kept[1:]] == [each.end for each in kept[:-1]]
    inside = [u for u in units if any(u.start < end and start < u.end for start, end in spans)]
    assert [each.item for each in kept] == [each.item for each in inside]
    for first in range(0, len(kept) - 5, 7):
        last = min(first + dice.randint(1, 60), len(kept) - 1)
        start, end = kept[first].start, kept[last].end
        time_map = joined._map_between(start, end, 1)
        assert time_map.seconds == end - start
        for each in kept[first : last + 1]:
            part = time_map.part_at(each.start - start)
            assert time_map.original_time(part, each.start - start) == units[each.item].start
            assert time_map.original_time(part, each.end - start) == units[each.item].end


def test_pieces_hold_what_their_maps_say() -> None:
    """The audio of a piece is that of the recording at the times of its map, to the sample."""
    channels = [beacons(*range(12)), beacons(*[None] * 12)]
    recording = split_signals(probe(write_channels(channels)), "channels")[0]
    recording = replace(recording, voiced=((0.5, 3.0), (8.1, 8.3), (9.0, 15.7), (20.0, 23.9)))
    pieces = list(cut_pieces(recording, max_bytes=10**8, target_seconds=6))
    assert len(pieces) > 1
    for piece in pieces:
        sent = decode_mono(piece_bytes(piece))
        assert piece.time_map is not None
        assert piece.seconds == pytest.approx(len(sent) / 16_000, abs=1e-6)
        for part, (begin, end) in _parts(piece.time_map.joined, piece.seconds):
            first = round(piece.time_map.original[part] * 16_000)
            own = sent[round(begin * 16_000) : round(end * 16_000)]
            assert abs(own - channels[0][first : first + len(own)]).max() <= 1


def _parts(starts: Sequence[float], end: float) -> Iterator[tuple[int, tuple[float, float]]]:
    yield from enumerate(zip(starts, (*starts[1:], end), strict=True))


def test_levels_of_a_recording() -> None:
    """Levels are those of the channels, and opposite or softer copies are recognised."""
    voice, other = beacons(1, None, 2), beacons(None, 3, None)
    recording = probe(write_channels([voice, other, -(voice // 3)]))
    found = measure_levels(recording, split_signals(recording, "channels"))
    assert found.copies == {2: 0}
    assert found.excess(1, 0, 0.75, 1.2) > 30
    assert found.excess(0, 1, 2.75, 3.2) > 30
    assert [len(each) for each in found.blocks] == [300] * 3


def test_a_recording_that_claims_years(monkeypatch: pytest.MonkeyPatch) -> None:
    """Levels of more than 100 hours are not measured."""
    monkeypatch.setattr("apertis_audio_tools.audio.cutting.signal_levels._MAX_SECONDS", 5.0)
    recording = probe(write_channels([beacons(1, 2, 3), beacons(None, None, 4)]))
    with pytest.raises(UnsupportedError, match="this one is longer"):
        measure_levels(recording, split_signals(recording, "channels"))
