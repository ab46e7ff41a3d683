"""The words of a segment with their places in its text and their times, and parts of segments.

Models that give times of words write these without the punctuation that the text has, so that each
is looked up in the text. For others, the place of a word in the text suggests its time.
"""

import re
from collections.abc import Callable, Hashable
from itertools import groupby
from typing import NamedTuple, TypeVar

from apertis_audio_tools.results import Segment, Word
from apertis_audio_tools.text.passages import UNSPACED_SCRIPT

_MARKS = "\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff"
"""Vowels and accents that belong to a word, but do not match ``\\w``."""
_LETTER = f"(?:(?!{UNSPACED_SCRIPT.pattern})[\\w{_MARKS}])"
_WORD = re.compile(
    f"(?={UNSPACED_SCRIPT.pattern})\\w|{_LETTER}+(?:['’]{_LETTER}+)*"  # noqa: RUF001  # typographic
)
_MAX_SKIPPED_CHARACTERS = 60
"""Distance in a text at which a word of the service is looked for."""

_OPENERS, _CLOSERS = "\"'“‘«([{¿¡「『（", " \t\r\n.,;:!?…\"'”’»)]}。！？、，」』）"  # noqa: RUF001  # other scripts
"""Marks that belong to the word after or before them."""

L = TypeVar("L", bound=Hashable)


class TimedWord(NamedTuple):
    """A word in the text of a segment.

    Attributes:
        text: The word without punctuation, in lower case.
        position: Index of its first character in the text.
        start: Start in seconds.
        end: End in seconds.
        word: The word of the service with these times, or None if they are estimated.
    """

    text: str
    position: int
    start: float
    end: float
    word: Word | None


def find_words(segment: Segment) -> list[TimedWord]:
    """Return the words of a segment, at the times of the service if it has given them."""
    return _given_words(segment) or estimate_words(segment)


def _given_words(segment: Segment) -> list[TimedWord]:
    """Return the words of the service at their places in the text; none if few are found there."""
    text, position, found = segment.text, 0, 0
    words = list[TimedWord]()
    for word in segment.words:
        letters = _WORD.search(word.text)
        bare = word.text[letters.start() :].rstrip(_CLOSERS) if letters else ""
        at = _find_word(text, bare, position) if bare else -1
        if at >= 0:
            found += 1
            position = at
        words.append(TimedWord(bare.casefold(), position, word.start, word.end, word))
        position += len(bare) if at >= 0 else 0
    return words if 2 * found >= len(words) else []


def _find_word(text: str, word: str, position: int) -> int:
    """Return where a word next begins in a text, or -1; letters before it make another word."""
    end = position + len(word) + _MAX_SKIPPED_CHARACTERS
    at = text.find(word, position, end)
    while at > 0 and text[at - 1].isalnum() and not UNSPACED_SCRIPT.match(word):
        at = text.find(word, at + 1, end)
    return at


def estimate_words(segment: Segment) -> list[TimedWord]:
    """Return the words of a segment, at times that their places in its text suggest."""
    start, length = segment.start, (segment.end - segment.start) / max(len(segment.text), 1)
    return [
        TimedWord(
            match.group().casefold(),
            match.start(),
            start + length * match.start(),
            start + length * match.end(),
            None,
        )
        for match in _WORD.finditer(segment.text)
    ]


def cut_segment(segment: Segment, word: TimedWord) -> tuple[Segment, Segment]:
    """Return the parts of a segment before a word and from it on."""
    words = _given_words(segment)
    before = [each for each in words if each.position < word.position]
    after = words[len(before) :]
    start = round(after[0].start if after else word.start, 3)
    first = {
        "text": segment.text[: word.position].rstrip(),
        "end": round(before[-1].end, 3) if before else start,
        "words": tuple(each.word for each in before),
    }
    second = {
        "text": segment.text[word.position :],
        "start": start,
        "words": tuple(each.word for each in after),
    }
    return segment.model_copy(update=first), segment.model_copy(update=second)


def divide(
    segment: Segment, label: Callable[[TimedWord], L], otherwise: L
) -> list[tuple[L, Segment]]:
    """Return the runs of words with the same label as segments, with their labels.

    A segment without words is one run, with the label `otherwise`.
    """
    words = find_words(segment)
    runs = [(key, list(run)) for key, run in groupby(words, key=label)]
    if len(runs) <= 1:
        return [(runs[0][0] if runs else otherwise, segment)]
    starts = (len(segment.text[: run[0].position].rstrip(_OPENERS)) for _, run in runs[1:])
    positions = [0, *starts, len(segment.text)]
    divided = list[tuple[L, Segment]]()
    for number, (key, run) in enumerate(runs):
        is_first, is_last = number == 0, number == len(runs) - 1
        update = {
            "text": segment.text[positions[number] : positions[number + 1]].strip(),
            "start": segment.start if is_first else round(run[0].start, 3),
            "end": segment.end if is_last else max(segment.start, round(run[-1].end, 3)),
            "words": tuple(each.word for each in run if each.word),
        }
        divided.append((key, segment.model_copy(update=update)))
    return divided
