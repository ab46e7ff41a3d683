"""Subtitles of segments: one cue per segment, or cues that people can read."""

import logging
from collections.abc import Sequence
from math import inf

from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.results.values import Cue
from apertis_audio_tools.text import subtitles
from apertis_audio_tools.text.readable_cues import CueLimits, ReadableCue, SpokenText, readable_cues

_MIN_LINE = 2
"""Width of an ideograph, without which no Chinese text fits."""

logger: logging.Logger = logging.getLogger("apertis_audio_tools")


def choose_limits(
    max_line: int | None, max_lines: int | None, max_cps: float | None, min_seconds: float | None
) -> CueLimits | None:
    """Return limits with defaults for those that are None, or None if all are.

    Raises:
        UnsupportedError: If a limit is impossible.
    """
    given = (max_line, max_lines, max_cps, min_seconds)
    if all(each is None for each in given):
        return None
    default = CueLimits()
    limits = CueLimits(
        default.max_line if max_line is None else max_line,
        default.max_lines if max_lines is None else max_lines,
        default.max_cps if max_cps is None else max_cps,
        default.min_seconds if min_seconds is None else min_seconds,
    )
    if limits.max_line < _MIN_LINE or limits.max_lines < 1:
        raise UnsupportedError(f"Subtitles have 1 line or more, of {_MIN_LINE} characters or more.")
    if not (limits.max_cps > 0 and 0 <= limits.min_seconds < inf):
        raise UnsupportedError("max_cps must be more than 0, and min_seconds 0 or more.")
    return limits


def make_cues(
    segments: Sequence[SpokenText], limits: CueLimits | None, duration: float | None
) -> tuple[Cue, ...]:
    """Return readable cues as values."""
    return tuple(
        Cue(
            start=each.start,
            end=each.end,
            text="\n".join(each.lines),
            speaker=each.speaker,
            is_hurried=each.is_hurried,
        )
        for each in _logged(readable_cues(segments, limits or CueLimits(), duration))
    )


def subtitle_cues(
    segments: Sequence[SpokenText],
    limits: CueLimits | None,
    duration: float | None,
    *,
    has_short_names: bool = False,
) -> list[subtitles.SubtitleCue]:
    """Return cues to write: readable ones, or without limits one per segment.

    Args:
        segments: Segments with text.
        limits: Limits of readable cues, or None.
        duration: Length of the recording in seconds, if it is known.
        has_short_names: True if names take room in the lines. Defaults to False.
    """
    if not limits:
        return _segment_cues(segments)
    return [
        subtitles.SubtitleCue(
            each.start,
            each.end,
            " ".join(each.lines),
            each.short_name if has_short_names else each.speaker,
            each.lines,
        )
        for each in _logged(readable_cues(segments, limits, duration))
    ]


def _segment_cues(segments: Sequence[SpokenText]) -> list[subtitles.SubtitleCue]:
    """Return the segments by their start, each ended where the speaker's next one begins."""
    cues, following = list[subtitles.SubtitleCue](), dict[str | None, float]()
    for each in sorted(segments, key=lambda each: each.start)[::-1]:
        end = max(each.start, min(each.end, following.get(each.speaker, each.end)))
        cues.append(subtitles.SubtitleCue(each.start, end, each.text, each.speaker))
        following[each.speaker] = each.start
    return cues[::-1]


def _logged(cues: list[ReadableCue]) -> list[ReadableCue]:
    """Return the cues; log how many cannot be read in time."""
    if count := sum(cue.is_hurried for cue in cues):
        logger.info(
            "%d of %d cues are shown for less time than they take to read.", count, len(cues)
        )
    return cues
