"""Make the times of a response possible: within the audio, and in order."""

from collections.abc import Sequence
from math import inf
from typing import NamedTuple, Protocol

_TOLERANCE = 0.05
"""Seconds by which services round times."""


class ReadTimes(Protocol):
    """Start and end of a text in seconds, as far as the response has them."""

    @property
    def start(self) -> float | None:
        """Start in seconds, or None."""

    @property
    def end(self) -> float | None:
        """End in seconds, or None."""


class PossibleTimes(NamedTuple):
    """Start and end of a text in seconds.

    Attributes:
        position: Position of the text in the response.
        start: Start in seconds.
        end: End in seconds, not before the start.
        is_changed: True if the times of the response were missing or impossible.
    """

    position: int
    start: float
    end: float
    is_changed: bool


def possible_times(times: Sequence[ReadTimes], duration: float | None) -> list[PossibleTimes]:
    """Return the times of a response in order, none of them outside of the audio.

    A start that is missing is where the text before ends. An end that is missing, or before its
    start, is where the next text starts.

    Args:
        times: Times in the order of the response.
        duration: Length of the audio in seconds, or None if it is not known.
    """
    limit = inf if duration is None else max(duration, 0.0)
    starts = _known_starts(times)
    by_start = sorted(range(len(times)), key=starts.__getitem__)
    following = [starts[index] for index in by_start[1:]] + [limit]
    found = [
        _fit(index, times[index], starts[index], next_start, limit)
        for index, next_start in zip(by_start, following, strict=True)
    ]
    return sorted(found, key=lambda each: (each.start, each.end))


def _known_starts(times: Sequence[ReadTimes]) -> list[float]:
    """Return all starts; one that is missing is at the end of the text before."""
    starts, last_end = list[float](), 0.0
    for each in times:
        starts.append(last_end if each.start is None else each.start)
        last_end = max(starts[-1], starts[-1] if each.end is None else each.end)
    return starts


def _fit(
    index: int, read: ReadTimes, start: float, next_start: float, limit: float
) -> PossibleTimes:
    end = next_start if read.end is None or read.end < start else read.end
    start = min(max(start, 0.0), limit)
    end = min(max(end, start), limit) if end < inf else start
    is_changed = not (_is_close(read.start, start) and _is_close(read.end, end))
    return PossibleTimes(index, start, end, is_changed)


def _is_close(read: float | None, seconds: float) -> bool:
    return read is not None and abs(read - seconds) <= _TOLERANCE
