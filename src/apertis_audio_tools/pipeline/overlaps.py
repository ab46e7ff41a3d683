"""Merge the segments of two pieces that overlap, so that words in the overlap are kept once.

The words at the end of the earlier piece are aligned with those at the start of the later piece so
that as many as possible agree. Next to its cut, each piece may have half a word or a wrong one. So
the first half of the words that agree is taken from the earlier piece and the second half from the
later piece; words beyond them, at the cuts, are dropped.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, dropwhile, islice, product, takewhile
from typing import NamedTuple

from apertis_audio_tools.pipeline.segment_words import (
    TimedWord,
    cut_segment,
    estimate_words,
    find_words,
)
from apertis_audio_tools.results import Segment

_MAX_WORDS_PER_SECOND = 10
"""More than anyone speaks, also in characters of Chinese."""
_MAX_WRONG_WORDS = 2
"""Words at a cut that may be wrong."""
_MIN_EVIDENCE_BYTES = 5
"""UTF-8 bytes that must agree before words at a cut count as wrong; a Chinese character says as
much as three Latin letters."""
_MAX_SLACK_SECONDS = 0.25
"""Largest error of the time of a word that is a segment of its own."""
_TELLING_SECONDS = 1.0
"""Times that may differ by more than this do not show which of several equal words is meant."""


class _Word(NamedTuple):
    """A word of a segment, and its number among the words of the segment.

    `slack` is the largest error of the middle of its times, in seconds.
    """

    timed: TimedWord
    segment: Segment
    number: int
    slack: float

    @property
    def text(self) -> str:
        """The word in lower case."""
        return self.timed.text

    @property
    def time(self) -> float:
        """The middle of the word, in seconds."""
        return (self.timed.start + self.timed.end) / 2

    @property
    def is_first(self) -> bool:
        """True if the segment begins with the word."""
        return self.number == 0


class _Alignment(NamedTuple):
    """Numbers of words that agree, and of words beyond them at either cut that are dropped."""

    score: float
    agreed: int
    dropped_before: int
    dropped_after: int


def merge_overlap(
    before: list[Segment], after: list[Segment], start: float, end: float
) -> tuple[list[Segment], list[Segment]]:
    """Return the segments of two pieces without the words that both have in their overlap.

    All times are those of the recording. Words that are repeated after `end` are kept.
    """
    for find in (find_words, estimate_words):  # times of words may be wrong next to a cut
        earlier, later = _words_around(before, after, start, end, find)
        if alignment := _best_alignment(earlier, later):
            last, first = _choose_cut(earlier, later, alignment)
            return list(_segments_until(before, last)), list(_segments_from(after, first))
    return before, after


def _words_around(
    before: Sequence[Segment],
    after: Sequence[Segment],
    start: float,
    end: float,
    find: Callable[[Segment], list[TimedWord]],
) -> tuple[list[_Word], list[_Word]]:
    """Return the words of the earlier and of the later segments that may be in the overlap."""
    limit = round((end - start) * _MAX_WORDS_PER_SECOND) + 2 * _MAX_WRONG_WORDS
    slack = min(_MAX_SLACK_SECONDS, (end - start) / 4)
    last = (_words(each, find, slack)[::-1] for each in reversed(before) if each.end > start)
    first = (_words(each, find, slack) for each in after if each.start < end)
    earlier, later = (list(islice(chain.from_iterable(each), limit)) for each in (last, first))
    return earlier[::-1], later


def _best_alignment(earlier: Sequence[_Word], later: Sequence[_Word]) -> _Alignment | None:
    """Return the alignment of an end of the earlier words with a start of the later ones."""
    few = range(_MAX_WRONG_WORDS + 1)
    alignments = (
        alignment
        for before, after in product(few, few)
        for agreed in range(1, min(len(earlier) - before, len(later) - after) + 1)
        if (alignment := _align(earlier, later, agreed, before, after))
    )
    return max(alignments, key=lambda each: (each.score, -sum(each[2:])), default=None)


def _align(
    earlier: Sequence[_Word], later: Sequence[_Word], agreed: int, before: int, after: int
) -> _Alignment | None:
    """Return an alignment of this many words, if all agree and that is no coincidence."""
    end = len(earlier) - before
    score, evidence = 0.0, 0
    for one, other in zip(earlier[end - agreed : end], later[after : after + agreed], strict=True):
        allowed = one.slack + other.slack
        difference = abs(one.time - other.time)
        if one.text != other.text or difference > allowed:
            return None
        score += 1 - difference / allowed if allowed <= _TELLING_SECONDS else 1
        evidence += len(one.text.encode())
    if (before or after) and evidence < _MIN_EVIDENCE_BYTES:
        return None
    return _Alignment(score, agreed, before, after)


def _choose_cut(
    earlier: Sequence[_Word], later: Sequence[_Word], alignment: _Alignment
) -> tuple[_Word, _Word]:
    """Return the word before which to change pieces: between segments, else half-way."""
    agreed = alignment.agreed
    start = len(earlier) - alignment.dropped_before - agreed
    matching = later[alignment.dropped_after : alignment.dropped_after + agreed]
    pairs = list(zip(earlier[start : start + agreed], matching, strict=True))
    nearest = sorted(range(agreed), key=lambda index: abs(index - agreed // 2))
    between = (pairs[i] for i in nearest if pairs[i][0].is_first and pairs[i][1].is_first)
    return next(between, pairs[agreed // 2])


def _words(
    segment: Segment, find: Callable[[Segment], list[TimedWord]], slack: float
) -> list[_Word]:
    words = find(segment)
    if len(words) > 1 and words[0].word is None:
        slack += (segment.end - segment.start) / 2
    return [_Word(each, segment, number, slack) for number, each in enumerate(words)]


def _segments_until(segments: Iterable[Segment], word: _Word) -> Iterator[Segment]:
    """Yield the segments before a word, the last one cut before it."""
    yield from takewhile(lambda segment: segment is not word.segment, segments)
    if not word.is_first:
        before, _ = cut_segment(word.segment, word.timed)
        yield before


def _segments_from(segments: Iterable[Segment], word: _Word) -> Iterator[Segment]:
    """Yield the segments from a word on, the first one cut before it."""
    remaining = dropwhile(lambda segment: segment is not word.segment, segments)
    segment = next(remaining)
    yield segment if word.is_first else cut_segment(segment, word.timed)[1]
    yield from remaining
