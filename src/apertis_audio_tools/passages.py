"""Packing timed text into passages: whole segments, ending where a sentence or a breath ends."""

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

_SENTENCE_ENDS = (".", "!", "?", "…", "。", "！", "？", "؟", "।")  # noqa: RUF001  # other scripts
_PAUSE_SECONDS = 0.8


class Timed(Protocol):
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


T = TypeVar("T", bound=Timed)


def pack(segments: Iterable[T], max_seconds: float, max_characters: int) -> Iterator[list[T]]:
    """Groups within the limits; a group that has to end, ends at its last sentence or pause.

    A single segment beyond a limit makes a group of its own.
    """
    group: list[T] = []
    for segment in segments:
        while group and not _fits([*group, segment], max_seconds, max_characters):
            end = _best_end(group, segment)
            yield group[:end]
            group = group[end:]
        group.append(segment)
    if group:
        yield group


def _fits(group: list[T], max_seconds: float, max_characters: int) -> bool:
    characters = sum(len(segment.text.strip()) + 1 for segment in group) - 1
    return group[-1].end - group[0].start <= max_seconds and characters <= max_characters


def _best_end(group: list[T], following: T) -> int:
    """How many to keep: up to the last sentence end or pause, if that is in the second half."""
    for end in range(len(group), len(group) // 2, -1):
        after = group[end] if end < len(group) else following
        is_sentence = group[end - 1].text.rstrip().endswith(_SENTENCE_ENDS)
        if is_sentence or after.start - group[end - 1].end >= _PAUSE_SECONDS:
            return end
    return len(group)
