"""Pack timed text into passages: whole segments that end with a sentence or a pause."""

import re
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？", "؟", "।")  # noqa: RUF001  # other scripts
_PAUSE_SECONDS = 0.8
UNSPACED_SCRIPT = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uff60]"
)
"""A character of Chinese, Japanese, Thai, Lao, Khmer or Burmese: no spaces between words."""


class TimedText(Protocol):
    """Text with a start and an end, in seconds of the recording."""

    @property
    def start(self) -> float:
        """Start of the text, in seconds."""

    @property
    def end(self) -> float:
        """End of the text, in seconds."""

    @property
    def text(self) -> str:
        """The words."""


T = TypeVar("T", bound=TimedText)


def pack_segments(
    segments: Iterable[T], max_seconds: float, max_characters: int, overlap: float = 0.0
) -> Iterator[list[T]]:
    """Yield groups of consecutive segments that stay within both limits.

    A group that reaches a limit ends at its last sentence or pause. A single segment beyond a limit
    is a group of its own. A group repeats the segments of the previous group that start at most
    `overlap` seconds before its first new segment, but never the whole previous group, and fewer
    segments where the limits would leave no room for a new one.
    """
    group: list[T] = []
    repeated = characters = 0
    for segment in segments:
        while group and (
            segment.end - group[0].start > max_seconds
            or characters + len(segment.text.strip()) > max_characters
        ):
            if repeated == len(group):
                characters -= _count_characters([group.pop(0)])
                repeated -= 1
                continue
            end = _best_end(group, segment, repeated)
            yield group[:end]
            start = _overlap_start(group, end, segment, overlap)
            repeated = end - start
            group = group[start:]
            characters = _count_characters(group)
        group.append(segment)
        characters += _count_characters([segment])
    if group:
        yield group


def join_texts(texts: Iterable[str]) -> str:
    """Join texts, with a space between them unless both sides are in a script without spaces."""
    parts: list[str] = []
    for text in filter(None, map(str.strip, texts)):
        if parts and not (UNSPACED_SCRIPT.match(parts[-1][-1]) and UNSPACED_SCRIPT.match(text)):
            parts.append(" ")
        parts.append(text)
    return "".join(parts)


def label_text(speaker: str | None, text: str) -> str:
    """Return a text after the label of its speaker, if there is one."""
    label = " ".join((speaker or "").split())
    return f"{label}: {text}" if label else text


def _count_characters(group: list[T]) -> int:
    """Return the length of the texts, each with the space that separates it from the next."""
    return sum(len(segment.text.strip()) + 1 for segment in group)


def _best_end(group: list[T], following: T, repeated: int) -> int:
    """Return how many segments to keep: up to the last sentence end or pause of the second half.

    At least one segment beyond the repeated ones is kept.
    """
    for end in range(len(group), max(len(group) // 2, repeated), -1):
        is_sentence_end = group[end - 1].text.rstrip().endswith(_SENTENCE_ENDS)
        pause = _segment_at(group, end, following).start - group[end - 1].end
        if is_sentence_end or pause >= _PAUSE_SECONDS:
            return end
    return len(group)


def _overlap_start(group: list[T], end: int, following: T, overlap: float) -> int:
    """Return the index of the first segment that the group after `end` repeats."""
    earliest = _segment_at(group, end, following).start - overlap
    start = end
    while overlap and start > 1 and group[start - 1].start >= earliest:
        start -= 1
    return start


def _segment_at(group: list[T], index: int, following: T) -> T:
    return group[index] if index < len(group) else following
