"""What two pieces both heard, where they overlap, is kept once.

The words at the end of the piece before and at the beginning of the piece after are laid side by
side so that as many as possible agree. Next to the cuts, each piece may have heard half a word, or
a wrong one: of the words that agree, the first half is taken from the piece before, the second
half from the piece after, and what lies beyond them at the cuts goes.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import dropwhile, product
from typing import NamedTuple

from apertis_audio_tools.results import Segment
from apertis_audio_tools.text.passages import UNSPACED_SCRIPT

_MARKS = "\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
"""Vowels and accents that belong to a word, and are no letters to Python."""
_LETTER = f"(?:(?!{UNSPACED_SCRIPT.pattern})[\\w{_MARKS}])"
_WORD = re.compile(
    f"(?={UNSPACED_SCRIPT.pattern})\\w|{_LETTER}+(?:['’]{_LETTER}+)*"  # noqa: RUF001  # typographic
)
_WORDS_PER_SECOND = 10
"""More than anyone says, in characters of Chinese too."""
_MOST_MISHEARD = 2
"""Words at a cut that may be wrong."""
_LEAST_EVIDENCE = 5
"""Bytes of UTF-8 that have to agree before words at a cut are taken for wrong: a Chinese character
says as much as three Latin letters."""
_SLACK_SECONDS = 0.25
"""By how much the time of one word may differ between the pieces, and the mean, at most."""


_TELLING_SECONDS = 1.0
"""Times that may be farther off do not tell which of several equal words was meant."""


class _Word(NamedTuple):
    """A word, its place in the text of its segment, and when it was said, about."""

    text: str
    segment: Segment
    place: int
    is_first: bool
    time: float
    slack: float


class _Match(NamedTuple):
    """How many words agree, and how many beyond them at either cut do not."""

    score: float
    agreed: int
    misheard_before: int
    misheard_after: int


Pair = tuple[list[Segment], list[Segment]]


def merge_overlap(before: list[Segment], after: list[Segment], start: float, end: float) -> Pair:
    """Both without what the other has.

    Args:
        before: What was said in the piece before, with the times of the recording.
        after: What was said in the piece after, likewise.
        start: Where the overlap begins, which is where the piece after does.
        end: Where it ends. A phrase that is repeated later than that is safe.
    """
    most = round((end - start) * _WORDS_PER_SECOND) + 2 * _MOST_MISHEARD
    slack = min(_SLACK_SECONDS, (end - start) / 4)
    heard = _last([each for each in before if each.end > start], most, slack)
    again = _first([each for each in after if each.start < end], most, slack)
    match = _best(heard, again)
    if match is None:
        return before, after
    last, first = _cut(heard, again, match)
    return list(_until(before, last)), list(_since(after, first))


def _best(heard: Sequence[_Word], again: Sequence[_Word]) -> _Match | None:
    """The end of one laid upon the beginning of the other."""
    few = range(_MOST_MISHEARD + 1)
    found = (
        match
        for before, after in product(few, few)
        for agreed in range(1, min(len(heard) - before, len(again) - after) + 1)
        if (match := _match(heard, again, agreed, before, after))
    )
    return max(found, key=lambda match: (match.score, -sum(match[2:])), default=None)


def _cut(heard: Sequence[_Word], again: Sequence[_Word], match: _Match) -> tuple[_Word, _Word]:
    """Where the one ends and the other goes on: between segments, else half-way."""
    begin = len(heard) - match.misheard_before - match.agreed
    found = [
        (heard[begin + number], again[match.misheard_after + number])
        for number in range(match.agreed)
    ]
    half = match.agreed // 2
    nearest = sorted(range(match.agreed), key=lambda number: abs(number - half))
    whole = (found[n] for n in nearest if found[n][0].is_first and found[n][1].is_first)
    return next(whole, found[half])


def _match(
    heard: Sequence[_Word], again: Sequence[_Word], agreed: int, before: int, after: int
) -> _Match | None:
    """This many words laid upon each other, if they all agree and that can be no accident."""
    end = len(heard) - before
    score, evidence = 0.0, 0
    for one, other in zip(heard[end - agreed : end], again[after : after + agreed], strict=True):
        allowed = one.slack + other.slack
        apart = abs(one.time - other.time)
        if one.text != other.text or apart > allowed:
            return None
        score += 1 - apart / allowed if allowed <= _TELLING_SECONDS else 1
        evidence += len(one.text.encode())
    if (before or after) and evidence < _LEAST_EVIDENCE:
        return None
    return _Match(score, agreed, before, after)


def _last(segments: Sequence[Segment], most: int, slack: float) -> list[_Word]:
    found: list[_Word] = []
    for segment in reversed(segments):
        if len(found) >= most:
            break
        found = [*_words(segment, slack), *found]
    return found[-most:]


def _first(segments: Sequence[Segment], most: int, slack: float) -> list[_Word]:
    found: list[_Word] = []
    for segment in segments:
        if len(found) >= most:
            break
        found += _words(segment, slack)
    return found[:most]


def _words(segment: Segment, slack: float) -> list[_Word]:
    """The words of a segment, each at the time that its place in the text suggests."""
    matches = list(_WORD.finditer(segment.text))
    length = segment.end - segment.start
    if len(matches) > 1:
        slack += length / 2
    return [
        _Word(
            text=match.group().casefold(),
            segment=segment,
            place=match.start(),
            is_first=number == 0,
            time=segment.start + length * (match.start() + match.end()) / 2 / len(segment.text),
            slack=slack,
        )
        for number, match in enumerate(matches)
    ]


def _until(segments: Sequence[Segment], word: _Word) -> Iterator[Segment]:
    """What was said before a word."""
    for segment in segments:
        if segment is not word.segment:
            yield segment
            continue
        if not word.is_first:
            text = segment.text[: word.place].rstrip()
            yield segment.model_copy(update={"text": text, "end": _when(word)})
        return


def _since(segments: Sequence[Segment], word: _Word) -> Iterator[Segment]:
    """A word, and what was said after it."""
    remaining = dropwhile(lambda segment: segment is not word.segment, segments)
    segment = next(remaining)
    if not word.is_first:
        text = segment.text[word.place :]
        segment = segment.model_copy(update={"text": text, "start": _when(word)})
    yield segment
    yield from remaining


def _when(word: _Word) -> float:
    """About when a word begins."""
    segment = word.segment
    share = word.place / len(segment.text)
    return round(segment.start + (segment.end - segment.start) * share, 3)
