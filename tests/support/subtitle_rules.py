"""Rules of Netflix's Timed Text Style Guide, written down again, for files as pysubs2 reads them.

General Requirements: 2 lines at most, 7 seconds at most, 2 frames between subtitles. English
Template: 42 characters a line, 17 characters a second. The length of a line is rich's.
"""

import html
from itertools import pairwise
from typing import NamedTuple

import pysubs2
from rich.cells import cell_len

FRAME = 1 / 24
MILLISECOND = 0.001


class ShownText(NamedTuple):
    """Lines that a player shows, from start to end in seconds."""

    start: float
    end: float
    lines: list[str]

    @property
    def speed(self) -> float:
        """Number of characters per second."""
        return sum(map(cell_len, self.lines)) / (self.end - self.start)


def read_subtitles(file: str) -> list[ShownText]:
    """Return the texts of a SubRip or WebVTT file; voices are left out."""
    form = "vtt" if file.startswith("WEBVTT") else "srt"
    events = pysubs2.SSAFile.from_string(file, format_=form)
    return [
        ShownText(event.start / 1000, event.end / 1000, html.unescape(event.text).split(r"\N"))
        for event in events
    ]


def broken_rules(
    shown: list[ShownText],
    duration: float,
    *,
    max_line: int = 42,
    max_lines: int = 2,
    max_cps: float = 17.0,
    min_seconds: float = 1.0,
) -> tuple[list[str], int]:
    """Return the rules that a file breaks, and the number of texts for which speech is too fast.

    Speech is too fast if a text is shown until the next one begins, or the recording ends.
    """
    broken, fast = list[str](), 0
    for text, limit in zip(shown, [*(each.start for each in shown[1:]), duration], strict=True):
        seconds = text.end - text.start
        if not text.end > text.start >= 0 or text.end > limit + MILLISECOND / 2:
            broken.append(f"times: {text}, before {limit}")
        if len(text.lines) > max_lines:
            broken.append(f"lines: {text}")
        broken += [f"length: {line}" for line in text.lines if cell_len(line) > max_line]
        is_fast = text.speed > max_cps + 1e-6 or seconds < min_seconds - 1e-6
        fast += is_fast
        if is_fast and limit - text.end > MILLISECOND:
            broken.append(f"speed: {text}, before {limit}")
        if seconds > max(7, min_seconds, text.speed * seconds / max_cps) + 2 * MILLISECOND:
            broken.append(f"too long: {text}")
    return broken, fast


def missing_gaps(
    shown: list[ShownText], max_cps: float = 17.0, min_seconds: float = 1.0
) -> list[str]:
    """Return the texts that are shown for longer than they need and leave no gap of two frames."""
    found = list[str]()
    for text, following in pairwise(shown):
        width = sum(map(cell_len, text.lines)) + len(text.lines) - 1
        needed = max(min_seconds, width / max_cps) + 3 * MILLISECOND
        gap = following.start - text.end
        if gap < 2 * FRAME - MILLISECOND and text.end - text.start > needed:
            found.append(f"gap: {text}, {following}")
    return found
