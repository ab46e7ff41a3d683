"""Find the words that the text of a response has, and its segments lack."""

import re
from collections.abc import Sequence

from apertis_audio_tools.api.transcript_body import ReadSegment

_WORD = re.compile(r"\w")
_MIN_SHARE = 0.9
"""Letters of the segments, as a share of those of the whole text."""


def add_missing_texts(segments: Sequence[ReadSegment], text: str) -> list[ReadSegment]:
    """Return the segments that have text, and the words of the whole text between them.

    These words go to a segment without text in their place; without one, to a new segment without
    times. Segments that are not found in the text one after the other are returned as they are, or
    none of them if they lack many words: words are worth more than times.
    """
    found, empty, position = list[ReadSegment](), list[ReadSegment](), 0
    for segment in segments:
        words = segment.text.strip()
        if not words:
            empty.append(segment)
            continue
        start = text.find(words, position)
        if start < 0:
            spoken = [each for each in segments if each.text.strip()]
            letters = sum(_count_letters(each.text) for each in spoken)
            return spoken if letters >= _MIN_SHARE * _count_letters(text) else []
        found += [*_between(text[position:start], empty), segment]
        empty, position = [], start + len(words)
    return [*found, *_between(text[position:], empty)]


def _count_letters(text: str) -> int:
    return sum(map(str.isalnum, text))


def _between(text: str, empty: Sequence[ReadSegment]) -> list[ReadSegment]:
    """Return a segment with the words between two others, if there are any."""
    if not _WORD.search(text):
        return []
    segment = empty[0] if empty else ReadSegment(None, None, "", {})
    return [segment._replace(text=text.strip())]
