"""Times of words: the model's attention, corrected by the loudness of the recording."""

import itertools
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from apertis_audio_tools.sandbox.recognition import SpokenWord
from apertis_audio_tools.sandbox.speech_activity import Mask, Span
from apertis_audio_tools.sandbox.whisper_features import FRAMES_PER_SECOND
from apertis_audio_tools.sandbox.whisper_tokens import split_words

FRAMES_PER_STEP: Final = 2
"""Frames of the features in one step of the encoder."""
_MIN_PAUSE: Final = FRAMES_PER_SECOND * 15 // 100
"""Quiet frames that no word contains."""


def place_words(
    texts: Sequence[Sequence[int]],
    alignment: Sequence[tuple[int, int]],
    vocabulary: Sequence[str],
    span: Span,
) -> list[tuple[SpokenWord, ...]]:
    """Return the words of each text, with times in seconds of the recording.

    Args:
        texts: Text tokens of each segment of a window.
        alignment: Pairs of a token, counted over all texts, and a step of the encoder.
        vocabulary: Text of each token.
        span: Where the window is in its recording, and which of its frames are loud.
    """
    words = [list(split_words(text, vocabulary)) for text in texts]
    counts = [count for each in words for _, count in each]
    first_steps = dict(reversed(alignment))
    firsts = [first_steps[at] for at in itertools.accumulate([0, *counts[:-1]])]
    end = alignment[-1][1] + 1
    bounds = [step * FRAMES_PER_STEP for step in (*firsts, end)]
    times = _snap_to_pauses([word for each in words for word, _ in each], bounds, span)
    return [tuple(SpokenWord(word, *next(times)) for word, _ in each) for each in words]


def _snap_to_pauses(
    words: Sequence[str], bounds: Sequence[int], span: Span
) -> Iterator[tuple[float, float]]:
    """Yield the start and end of each word in seconds.

    The alignment takes most pauses for a part of the word before or behind them.

    Args:
        words: Words with their punctuation.
        bounds: First frame of each word, and the end of the last one.
        span: Where the window is in its recording, and which of its frames are loud.
    """
    starts, ends = list(bounds[:-1]), list(bounds[1:])
    for start, end in _pauses(span.active):
        before = _word_before((start + end) // 2, words, bounds)
        if before + 1 < len(words) and starts[before] < start and end < bounds[before + 2]:
            ends[before], starts[before + 1] = start, end
    for start, end in zip(starts, ends, strict=True):
        loud = start + np.flatnonzero(span.active[start:end])
        first, stop = (int(loud[0]), int(loud[-1]) + 1) if len(loud) else (start, end)
        yield (span.start + first) / FRAMES_PER_SECOND, (span.start + stop) / FRAMES_PER_SECOND


def _pauses(active: Mask) -> Iterator[tuple[int, int]]:
    """Yield the first frame of each pause and the one behind it."""
    loud = np.flatnonzero(active)
    for number in np.flatnonzero(np.diff(loud) > _MIN_PAUSE):
        yield int(loud[number]) + 1, int(loud[number + 1])


def _word_before(moment: int, words: Sequence[str], bounds: Sequence[int]) -> int:
    """Return the number of the word that a pause follows: if possible, one with punctuation."""
    word = bisect_right(bounds, moment, 1, len(words)) - 1
    if not words[word][-1].isalnum() or word == 0:
        return word
    is_nearer_to_start = moment - bounds[word] < bounds[word + 1] - moment
    return word - 1 if not words[word - 1][-1].isalnum() or is_nearer_to_start else word
