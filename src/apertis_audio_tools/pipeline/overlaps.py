"""Merge the segments of two pieces that overlap, so that words in the overlap are kept once.

The words at the end of the earlier piece are aligned with those at the start of the later piece so
that as many as possible agree. Next to its cut, each piece may have half a word or a wrong one. So
the first half of the words that agree is taken from the earlier piece and the second half from the
later piece; words beyond them, at the cuts, are dropped.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, dropwhile, islice, product
from typing import NamedTuple

from apertis_audio_tools.results import Segment
from apertis_audio_tools.text.passages import UNSPACED_SCRIPT

_MARKS = "\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
"""Vowels and accents that belong to a word, but do not match ``\\w``."""
_LETTER = f"(?:(?!{UNSPACED_SCRIPT.pattern})[\\w{_MARKS}])"
_WORD = re.compile(
    f"(?={UNSPACED_SCRIPT.pattern})\\w|{_LETTER}+(?:['’]{_LETTER}+)*"  # noqa: RUF001  # typographic
)
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


class _TimedWord(NamedTuple):
    """A word with its position in the text of its segment and its estimated time.

    `slack` is the largest error of the time, in seconds.
    """

    text: str
    segment: Segment
    position: int
    is_first: bool
    time: float
    slack: float

    def estimate_start(self) -> float:
        """Return the time that the position of the word in its segment suggests."""
        start, end = self.segment.start, self.segment.end
        return round(start + (end - start) * (self.position / len(self.segment.text)), 3)


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
    limit = round((end - start) * _MAX_WORDS_PER_SECOND) + 2 * _MAX_WRONG_WORDS
    slack = min(_MAX_SLACK_SECONDS, (end - start) / 4)
    earlier = _last_words([each for each in before if each.end > start], limit, slack)
    later = _first_words([each for each in after if each.start < end], limit, slack)
    alignment = _best_alignment(earlier, later)
    if alignment is None:
        return before, after
    last, first = _choose_cut(earlier, later, alignment)
    return list(_segments_until(before, last)), list(_segments_from(after, first))


def _best_alignment(
    earlier: Sequence[_TimedWord], later: Sequence[_TimedWord]
) -> _Alignment | None:
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
    earlier: Sequence[_TimedWord], later: Sequence[_TimedWord], agreed: int, before: int, after: int
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
    earlier: Sequence[_TimedWord], later: Sequence[_TimedWord], alignment: _Alignment
) -> tuple[_TimedWord, _TimedWord]:
    """Return the word before which to change pieces: between segments, else half-way."""
    agreed = alignment.agreed
    start = len(earlier) - alignment.dropped_before - agreed
    matching = later[alignment.dropped_after : alignment.dropped_after + agreed]
    pairs = list(zip(earlier[start : start + agreed], matching, strict=True))
    nearest = sorted(range(agreed), key=lambda index: abs(index - agreed // 2))
    between = (pairs[i] for i in nearest if pairs[i][0].is_first and pairs[i][1].is_first)
    return next(between, pairs[agreed // 2])


def _first_words(segments: Iterable[Segment], limit: int, slack: float) -> list[_TimedWord]:
    words = chain.from_iterable(_words(segment, slack) for segment in segments)
    return list(islice(words, limit))


def _last_words(segments: Sequence[Segment], limit: int, slack: float) -> list[_TimedWord]:
    words = chain.from_iterable(_words(each, slack)[::-1] for each in reversed(segments))
    return list(islice(words, limit))[::-1]


def _words(segment: Segment, slack: float) -> list[_TimedWord]:
    """Return the words of a segment, at times that their positions in the text suggest."""
    matches = list(_WORD.finditer(segment.text))
    length = segment.end - segment.start
    if len(matches) > 1:
        slack += length / 2
    return [
        _TimedWord(
            text=match.group().casefold(),
            segment=segment,
            position=match.start(),
            is_first=number == 0,
            time=segment.start + length * (match.start() + match.end()) / 2 / len(segment.text),
            slack=slack,
        )
        for number, match in enumerate(matches)
    ]


def _segments_until(segments: Iterable[Segment], word: _TimedWord) -> Iterator[Segment]:
    """Yield the segments before a word, the last one cut before it."""
    for segment in segments:
        if segment is word.segment:
            break
        yield segment
    if not word.is_first:
        text = word.segment.text[: word.position].rstrip()
        end = word.estimate_start()
        words = tuple(each for each in word.segment.words if each.start + each.end < 2 * end)
        yield word.segment.model_copy(update={"text": text, "end": end, "words": words})


def _segments_from(segments: Iterable[Segment], word: _TimedWord) -> Iterator[Segment]:
    """Yield the segments from a word on, the first one cut before it."""
    remaining = dropwhile(lambda segment: segment is not word.segment, segments)
    segment = next(remaining)
    if not word.is_first:
        text = segment.text[word.position :]
        start = word.estimate_start()
        words = tuple(each for each in segment.words if each.start + each.end >= 2 * start)
        segment = segment.model_copy(update={"text": text, "start": start, "words": words})
    yield segment
    yield from remaining
