"""Words that a channel only hears of another one are removed; words that both say are kept."""

from collections.abc import Sequence

import pytest

from apertis_audio_tools import Segment, Word
from apertis_audio_tools.audio import SignalLevels
from apertis_audio_tools.pipeline.crosstalk import remove_echoes

QUIET, SOFT, LOUD = 20, 84, 120
"""Levels in half decibels: noise, an echo of -18 dB, and a voice."""


def levels(*parts: Sequence[tuple[float, int]]) -> SignalLevels:
    """Return levels of signals, each given as lengths in seconds and levels."""
    blocks = [
        bytearray(b"".join(bytes([level]) * round(seconds * 50) for seconds, level in signal))
        for signal in parts
    ]
    return SignalLevels(blocks, {})


def said(text: str, start: float, *, has_words: bool = True) -> Segment:
    """Return a segment with a word for each half of a second."""
    texts = text.split()
    words = [
        Word(start=start + at / 2, end=start + at / 2 + 0.5, text=word.strip(".,"))
        for at, word in enumerate(texts)
    ]
    end = words[-1].end
    return Segment(start=start, end=end, text=text, words=tuple(words) if has_words else ())


TURNS = levels([(3, LOUD), (3, SOFT), (2, LOUD)], [(3, SOFT), (3, LOUD), (2, LOUD)])
"""The first speaks for 3 s, the second for 3 s, then both for 2 s."""


@pytest.mark.parametrize("has_words", [True, False])
def test_echoes(has_words: bool) -> None:  # noqa: FBT001
    """The softer repetition goes, also if a word of it was heard wrong, later or earlier."""
    signals = {
        0: [
            said("We meet on Monday at noon.", 0.0, has_words=has_words),
            said("That is fine with me.", 3.2, has_words=has_words),
        ],
        1: [
            said("He meets on Monday at noon.", 0.1, has_words=has_words),
            said("That is fine with me.", 3.0, has_words=has_words),
        ],
    }
    found = remove_echoes(signals, TURNS, 0.0)
    assert [each.text for each in found[0]] == ["We meet on Monday at noon."]
    assert [each.text for each in found[1]] == ["That is fine with me."]


def test_what_both_say() -> None:
    """Words that both say at once are kept, as are softer words that the other one does not say."""
    signals = {
        0: [said("Yes, I do.", 6.0), said("Hm.", 4.0)],
        1: [said("Yes, I do.", 6.0), said("Then we can begin.", 3.0)],
    }
    assert remove_echoes(signals, TURNS, 0.0) == signals


def test_an_echo_within_a_segment() -> None:
    """A segment loses only the words that are an echo, and is divided there."""
    own, echo = "I will ask her now.", "Please do that."
    signals = {
        0: [said(f"{own} {echo}", 0.5)],
        1: [said(echo, 3.0)],
    }
    found = remove_echoes(signals, TURNS, 0.0)
    assert [(each.text, len(each.words)) for each in found[0]] == [(own, 5)]
    assert found[1] == signals[1]


def test_channels_recorded_at_other_levels() -> None:
    """A channel that was recorded 15 dB softer keeps its own words."""
    softer = 30
    quiet = levels(
        [(3, LOUD - softer), (3, SOFT - softer)],
        [(3, SOFT), (3, LOUD)],
    )
    signals = {
        0: [said("We meet on Monday.", 0.5), said("That is fine.", 3.5)],
        1: [said("We meet on Monday.", 0.5), said("That is fine.", 3.5)],
    }
    found = remove_echoes(signals, quiet, 0.0)
    assert [each.text for each in (*found[0], *found[1])] == ["We meet on Monday.", "That is fine."]
