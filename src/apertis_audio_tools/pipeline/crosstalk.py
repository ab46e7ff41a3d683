"""Remove what one signal repeats softly of another: a microphone also hears the other speakers."""

import functools
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from apertis_audio_tools.audio import SignalLevels
from apertis_audio_tools.pipeline.segment_words import TimedWord, divide, find_words
from apertis_audio_tools.results import Segment

_MIN_LOSS = 3.0
"""Decibels by which an echo is softer than the voice it repeats."""
_MAX_DELAY = 1.0
"""Seconds between a word and its echo, with the errors of both times."""
_MAX_PAUSE = 0.5
"""Seconds between two words that may be one echo."""
_MAX_RUN = 200
"""Words that are compared at once, which takes time by the square of their number."""
_MIN_REPEATED = 0.5
"""Share of softer words in a row that are also words of the other signal."""


def remove_echoes(
    signals: Mapping[int, Sequence[Segment]], levels: SignalLevels, start: float
) -> dict[int, list[Segment]]:
    """Return the segments of signals without words that are echoes of another signal.

    An echo has the words of the other signal at the same time, and is softer.

    Args:
        signals: Segments of each signal, by their start.
        levels: How loud the signals are.
        start: Second of the recording at which the levels begin.
    """
    words = {number: _listen(segments) for number, segments in signals.items()}
    cleaned = dict[int, list[Segment]]()
    for number, segments in signals.items():
        echoes = set[tuple[float, int, str]]()
        for other in signals:
            if other != number:
                echoes |= _find_echoes(words[number], words[other], (number, other), levels, start)
        cleaned[number] = [
            part
            for segment in segments
            for is_echo, part in divide(segment, functools.partial(_is_in, echoes), False)  # noqa: FBT003
            if not is_echo
        ]
    return cleaned


class _HeardWord(NamedTuple):
    """A word, and the seconds whose level counts: those of its segment if its own are estimated."""

    word: TimedWord
    start: float
    end: float


def _listen(segments: Iterable[Segment]) -> list[_HeardWord]:
    heard = [
        _HeardWord(each, each.start, each.end)
        if each.word
        else _HeardWord(each, segment.start, segment.end)
        for segment in segments
        for each in find_words(segment)
    ]
    return sorted(heard, key=lambda each: each.word.start)


def _is_in(echoes: set[tuple[float, int, str]], word: TimedWord) -> bool:
    return _key(word) in echoes


def _key(word: TimedWord) -> tuple[float, int, str]:
    return word.start, word.position, word.text


def _find_echoes(
    words: Sequence[_HeardWord],
    others: Sequence[_HeardWord],
    pair: tuple[int, int],
    levels: SignalLevels,
    start: float,
) -> set[tuple[float, int, str]]:
    """Return the keys of the words in runs that are softer than another signal and repeat it."""
    min_excess = _MIN_LOSS + levels.balance(*pair)
    softer = (
        each.word
        for each in words
        if levels.excess(*pair, each.start - start, each.end - start) >= min_excess
    )
    starts = [each.word.start for each in others]
    echoes = set[tuple[float, int, str]]()
    for run in _runs(softer):
        first = bisect_left(starts, run[0].start - _MAX_DELAY)
        last = min(bisect_left(starts, run[-1].end + _MAX_DELAY), first + 4 * _MAX_RUN)
        if _is_repeated(run, [each.word for each in others[first:last]]):
            echoes |= set(map(_key, run))
    return echoes


def _runs(words: Iterable[TimedWord]) -> Iterator[list[TimedWord]]:
    """Yield words that follow one another without a pause."""
    run = list[TimedWord]()
    for word in words:
        if run and (word.start - run[-1].end > _MAX_PAUSE or len(run) >= _MAX_RUN):
            yield run
            run = []
        run.append(word)
    if run:
        yield run


def _is_repeated(run: Sequence[TimedWord], others: Sequence[TimedWord]) -> bool:
    texts = [word.text for word in run], [word.text for word in others]
    blocks = SequenceMatcher(None, *texts, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) >= _MIN_REPEATED * len(run)
