"""Estimate when each sentence of a text was spoken, from the pauses between its words."""

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, repeat
from math import inf
from typing import NamedTuple

from apertis_audio_tools.text.sentences import split_sentences, split_text

_MIN_SENTENCE_PAUSE = 0.18
"""Seconds of a pause between sentences, at least."""
_LONG_PAUSE = 0.9
"""Seconds; longer pauses are no better places for the end of a sentence."""
_PAUSE_REWARD = 3.5
_PLAIN_PAUSE = 0.3
"""Seconds of a pause that is as likely within a sentence as between two."""
_UNPAUSED_COST = 2.0
"""Cost of two sentences without a pause between them."""
_MAX_SKIPPED = 3
"""Boundaries in a row that have no place of their own."""
_SHORTEST = 1e-6
_SEARCH_SECONDS = 12.0
"""Largest distance of a pause from the place that the letters alone give to a sentence."""
_MAX_CANDIDATES, _MAX_STEPS = 24, 1_500_000
"""Pauses that are compared for the end of a sentence, and pairs of them in a piece, at most."""
_DEVIATION, _DEVIATION_SHARE = 0.25, 0.12
"""Standard deviation of the length of a sentence: seconds, and share of its expected length."""
_PART_SECONDS = 8.0
"""Seconds of the parts of a sentence that lasts more than twice as long."""
_PART_CHARACTERS = 20
"""Characters of such parts at least, so that no word is cut where few words fill much time."""
_WIDE, _DIGIT = 3, 4
"""Number of letters that an ideograph or a syllable, and a digit, are as long as."""


class EstimatedText(NamedTuple):
    """A sentence, and its estimated start and end in seconds."""

    start: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class SpeechTime:
    """The time of a piece that is spoken, without its pauses.

    Attributes:
        seconds: Length of the piece.
        pauses: Start and end of each pause, in order.
    """

    seconds: float
    pauses: Sequence[tuple[float, float]]
    _starts: Sequence[float]
    _spoken: Sequence[float]

    @classmethod
    def between(cls, seconds: float, pauses: Sequence[tuple[float, float]]) -> "SpeechTime":
        """Return the spoken time between pauses; all of the piece if nothing else is left."""
        silent = sum(end - start for start, end in pauses)
        pauses = pauses if silent < seconds else ()
        quiet = accumulate((end - start for start, end in pauses), initial=0.0)
        starts = [start for start, _ in pauses]
        spoken = [start - before for start, before in zip(starts, quiet, strict=False)]
        return cls(seconds, pauses, starts, spoken)

    def beginning(self) -> "_Boundary":
        """Return the boundary before the first word."""
        start = self.time_after(0.0)
        return _Boundary(0.0, start, 0.0, 0.0)

    def ending(self) -> "_Boundary":
        """Return the boundary behind the last word."""
        end = self.seconds
        if self.pauses and self.pauses[-1][1] >= end:
            end = self.pauses[-1][0]
        return _Boundary(end, self.seconds, self.spoken_until(self.seconds), 0.0)

    def spoken_until(self, time: float) -> float:
        """Return the seconds of speech before a time."""
        number = bisect_right(self._starts, time)
        if not number:
            return time
        return self._spoken[number - 1] + max(0.0, time - self.pauses[number - 1][1])

    def time_after(self, spoken: float) -> float:
        """Return the first time before which some seconds are spoken, behind a pause there."""
        number = bisect_right(self._spoken, spoken)
        if not number:
            return min(spoken, self.seconds)
        end = self.pauses[number - 1][1]
        return min(end + spoken - self._spoken[number - 1], self.seconds)


class _Boundary(NamedTuple):
    """A place between two sentences: the end of one, the start of the next, the speech before it.

    `cost` is how unlikely it is that a sentence ends there.
    """

    end: float
    start: float
    spoken: float
    cost: float


def estimate_times(
    text: str, seconds: float, pauses: Sequence[tuple[float, float]]
) -> list[EstimatedText]:
    """Return the sentences of a text with the times at which they were probably spoken.

    Letters are spread over the time that is spoken, and sentences end in pauses nearby: of all ways
    to place them, in the one in which their lengths are as expected and long pauses are between
    them. Times are in order and within the piece.

    Args:
        text: Text of the piece, in any language.
        seconds: Length of the piece.
        pauses: Start and end of each pause in the piece, in order.
    """
    sentences = list(split_sentences(text))
    letters = list(accumulate((_count_letters(each) for each in sentences), initial=0))
    speech = SpeechTime.between(seconds, pauses)
    boundaries = _place_boundaries(letters, speech)
    placed = list[EstimatedText]()
    for sentence, before, after in zip(sentences, boundaries, boundaries[1:], strict=False):
        placed += _divide(EstimatedText(before.start, after.end, sentence), speech)
    return placed


def _count_letters(text: str) -> int:
    """Return how long a text takes to say, as a number of letters of an alphabet, at least 1."""
    return max(sum(map(spoken_letters, text)), 1)


@cache
def spoken_letters(character: str) -> int:
    """Return how long a character takes to say, as a number of letters of an alphabet."""
    category = unicodedata.category(character)[0]
    if category == "N":
        return _DIGIT
    is_wide = unicodedata.east_asian_width(character) in "WF"
    return (_WIDE if is_wide else 1) if category == "L" else 0


def _place_boundaries(letters: Sequence[int], speech: SpeechTime) -> list[_Boundary]:
    """Return the boundaries before the first sentence, between all, and behind the last.

    Args:
        letters: Letters before each boundary, from 0 to all.
        speech: The time that is spoken.
    """
    total = speech.spoken_until(speech.seconds)
    expected = [total * count / max(letters[-1], 1) for count in letters]
    ways: list[dict[_Boundary, _Way]] = [{speech.beginning(): _Way(0.0, None, None)}]
    count = int(min(_MAX_CANDIDATES, (_MAX_STEPS / (1 + _MAX_SKIPPED) / len(letters)) ** 0.5))
    for number in range(1, len(letters)):
        is_last = number == len(letters) - 1
        candidates = [speech.ending()] if is_last else _candidates(expected[number], count, speech)
        ways.append({each: _best_way(each, number, ways, expected) for each in candidates})
    return _follow(ways, expected, speech)


class _Way(NamedTuple):
    """The best way to a boundary: its cost, and the boundary before it with a place of its own."""

    cost: float
    number: int | None
    boundary: _Boundary | None


def _candidates(expected: float, count: int, speech: SpeechTime) -> list[_Boundary]:
    """Return the pauses near where the letters alone place a boundary, and that place itself."""
    plain = speech.time_after(expected)
    middle = bisect_left(speech.pauses, (plain,))
    first = max(bisect_left(speech.pauses, (plain - _SEARCH_SECONDS,)), middle - count // 2)
    last = min(bisect_right(speech.pauses, (plain + _SEARCH_SECONDS,)), middle + count // 2)
    pauses = [speech.pauses[at] for at in range(first, last)]
    return [
        _Boundary(start, end, speech.spoken_until(start), _pause_cost(end - start))
        for start, end in pauses
        if end - start >= _MIN_SENTENCE_PAUSE
    ] + [_Boundary(plain, plain, expected, _UNPAUSED_COST)]


def _pause_cost(seconds: float) -> float:
    return _PAUSE_REWARD * (_PLAIN_PAUSE - min(seconds, _LONG_PAUSE))


def _best_way(
    boundary: _Boundary,
    number: int,
    ways: Sequence[dict[_Boundary, _Way]],
    expected: Sequence[float],
) -> _Way:
    """Return the cheapest way to a boundary over those before it, of which some may be skipped."""
    best = _Way(inf, None, None)
    for previous in range(max(0, number - 1 - _MAX_SKIPPED), number):
        length = expected[number] - expected[previous]
        deviation = _DEVIATION + _DEVIATION_SHARE * length
        skipped = _UNPAUSED_COST * (number - previous - 1) + boundary.cost
        for before, way in ways[previous].items():
            error = (boundary.spoken - before.spoken - length) / deviation
            cost = way.cost + skipped + error * error / 2
            if cost < best.cost and before.start <= boundary.end:
                best = _Way(cost, previous, before)
    return best


def _follow(
    ways: Sequence[dict[_Boundary, _Way]], expected: Sequence[float], speech: SpeechTime
) -> list[_Boundary]:
    """Return the boundaries of the best way; those it skips are spread by their letters."""
    number, boundary = len(ways) - 1, next(iter(ways[-1]))
    boundaries = [boundary]
    while number:
        _, previous, before = ways[number][boundary]
        if previous is None or before is None:  # only the beginning has nothing before it
            break
        share = (boundary.spoken - before.spoken) / max(
            expected[number] - expected[previous], _SHORTEST
        )
        for skipped in range(number - 1, previous, -1):
            spoken = before.spoken + share * (expected[skipped] - expected[previous])
            time = min(max(speech.time_after(spoken), before.start), boundaries[-1].end)
            boundaries.append(_Boundary(time, time, spoken, 0.0))
        boundaries.append(before)
        number, boundary = previous, before
    return boundaries[::-1]


def _divide(sentence: EstimatedText, speech: SpeechTime) -> Iterator[EstimatedText]:
    """Yield a sentence; a very long one in parts that end with a clause or a word."""
    first, last = speech.spoken_until(sentence.start), speech.spoken_until(sentence.end)
    length, seconds = len(sentence.text), sentence.end - sentence.start
    if seconds <= 2 * _PART_SECONDS:
        yield sentence
        return
    size = max(_PART_CHARACTERS, int(length * _PART_SECONDS / seconds))
    parts = list(split_text(sentence.text, repeat(size), 2 * size))
    starts = [speech.time_after(first + (last - first) * part.start / length) for part in parts]
    bounds = [
        sentence.start,
        *(min(max(each, sentence.start), sentence.end) for each in starts[1:]),
    ]
    for part, start, end in zip(parts, bounds, [*bounds[1:], sentence.end], strict=True):
        yield EstimatedText(start, end, part.text)
