"""Packing timed text into passages: whole segments, ending where a sentence or a breath ends."""

import re
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？", "؟", "।")  # noqa: RUF001  # other scripts
_PAUSE_SECONDS = 0.8
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff60]"
)


class TimedText(Protocol):
    """Text and when it was said, in seconds."""

    @property
    def start(self) -> float:
        """Seconds from the beginning of the recording."""

    @property
    def end(self) -> float:
        """Likewise."""

    @property
    def text(self) -> str:
        """What was said."""


T = TypeVar("T", bound=TimedText)


def pack_segments(
    segments: Iterable[T], max_seconds: float, max_characters: int, overlap: float = 0.0
) -> Iterator[list[T]]:
    """Groups within the limits; a group that has to end, ends at its last sentence or pause.

    A single segment beyond a limit makes a group of its own. A group begins with the last segments
    of the one before, as far back as `overlap` seconds before what is new in it, but never with
    all of them; where the limits leave no room for something new, with fewer.
    """
    group: list[T] = []
    repeated = written = 0
    for segment in segments:
        while group and (
            segment.end - group[0].start > max_seconds
            or written + len(segment.text.strip()) > max_characters
        ):
            if repeated == len(group):
                written -= _characters([group.pop(0)])
                repeated -= 1
                continue
            end = _best_end(group, segment, repeated)
            yield group[:end]
            begin = _overlapping(group, end, segment, overlap)
            repeated = end - begin
            group = group[begin:]
            written = _characters(group)
        group.append(segment)
        written += _characters([segment])
    if group:
        yield group


def join_texts(texts: Iterable[str]) -> str:
    """Texts one after the other, with a space between them where their script has spaces.

    Chinese, Japanese, Thai, Lao, Khmer and Burmese have none between words.
    """
    joined = ""
    for text in filter(None, map(str.strip, texts)):
        is_close = UNSPACED.match(joined[-1:]) and UNSPACED.match(text)
        joined += text if is_close or not joined else f" {text}"
    return joined


def _characters(group: list[T]) -> int:
    """Of the texts, each with the space that another one would follow."""
    return sum(len(segment.text.strip()) + 1 for segment in group)


def _best_end(group: list[T], following: T, repeated: int) -> int:
    """How many to keep: up to the last sentence end or pause, if that is in the second half.

    What was only repeated cannot be all that is kept.
    """
    for end in range(len(group), max(len(group) // 2, repeated), -1):
        is_sentence = group[end - 1].text.rstrip().endswith(_SENTENCE_ENDS)
        after = _after(group, end, following)
        if is_sentence or after.start - group[end - 1].end >= _PAUSE_SECONDS:
            return end
    return len(group)


def _overlapping(group: list[T], end: int, following: T, overlap: float) -> int:
    """Where the next group begins, when this one ended before `end`."""
    earliest = _after(group, end, following).start - overlap
    begin = end
    while overlap and begin > 1 and group[begin - 1].start >= earliest:
        begin -= 1
    return begin


def _after(group: list[T], end: int, following: T) -> T:
    return group[end] if end < len(group) else following
