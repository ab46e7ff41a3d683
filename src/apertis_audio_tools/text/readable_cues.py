"""Divide a transcript into subtitles that people can read.

The figures follow Netflix's Timed Text Style Guide (General Requirements, English Template).
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice, pairwise
from math import floor, inf
from typing import NamedTuple, Protocol

from apertis_audio_tools.text.display_width import display_width, split_characters
from apertis_audio_tools.text.line_breaks import CLAUSE, SENTENCE, WORD, split_units, wrap_units
from apertis_audio_tools.text.passages import TimedText, join_texts
from apertis_audio_tools.text.spoken_times import SpokenTimes, locate_words
from apertis_audio_tools.text.subtitles import clean_text

MAX_SECONDS = 7.0
"""Length of a cue at most, by the style guide."""
_GAP = 2 / 24
"""Seconds between two cues, by the style guide: two frames."""
_MAX_GAP = 0.5
"""Seconds of a gap that flickers, by the style guide; shorter ones are closed to two frames."""
_FRAME = 0.04
"""Seconds for which a cue is shown at least, whatever the times are: a frame of film."""
_LONG_PAUSE = 2.0
"""Seconds of a pause between segments that no cue spans."""
_MAX_UNITS = 400
"""Units of a cue, at most. They only matter if lines are very long."""
_IMPOSSIBLE_SPEED = 50.0
"""Columns per second that nobody speaks; such times are wrong."""
_SLOWER = 1.2
"""Share of the time of reading that a text without times gets, so that its cues can be read."""
_CUE_COST, _SENTENCE_COST, _PAUSE_COST, _SLACK_COST = 2.0, 3.0, 4.0, 2.0
"""Costs of a cue, of a sentence or a second of pause within it, and of an almost empty one."""
_HURRIED_COST, _SECOND_COST = 20.0, 10.0
"""Costs of a cue that is too short to be read, and of a second that a cue is too short or long."""
_MILLISECOND, _SHORTEST = 1e-3, 1e-9


class SpokenText(TimedText, Protocol):
    """Text with a start and an end, and perhaps a speaker and times of its words."""

    @property
    def speaker(self) -> str | None:
        """Label of the speaker."""

    @property
    def words(self) -> Sequence[TimedText]:
        """Words with times; empty if there are none."""


class CueLimits(NamedTuple):
    """Limits of readable cues.

    Attributes:
        max_line: Columns of a line, at most.
        max_lines: Lines of a cue, at most.
        max_cps: Columns that can be read in a second.
        min_seconds: Length of a cue, at least.
    """

    max_line: int = 42
    max_lines: int = 2
    max_cps: float = 17.0
    min_seconds: float = 1.0

    def needed_seconds(self, width: int) -> float:
        """Return how long a text of some columns has to be shown, with room for rounding."""
        return max(self.min_seconds, width / self.max_cps) + 2 * _MILLISECOND


class ReadableCue(NamedTuple):
    """Lines that are shown together.

    Attributes:
        start: Start in seconds.
        end: End in seconds.
        lines: Lines without the name of the speaker.
        speaker: Name of the speaker.
        short_name: Name for which there is room in the first line; empty if there is none.
        is_hurried: True if it is shown for less time than it needs, because the next words begin.
    """

    start: float
    end: float
    lines: tuple[str, ...]
    speaker: str | None
    short_name: str
    is_hurried: bool


def readable_cues(
    texts: Iterable[SpokenText], limits: CueLimits, duration: float | None
) -> list[ReadableCue]:
    """Return cues in the order of their times, which do not overlap.

    Args:
        texts: Segments of a recording.
        limits: Limits of a cue.
        duration: Length of the recording in seconds, if it is known.
    """
    spoken = sorted((each for each in texts if clean_text(each.text)), key=lambda each: each.start)
    last = max([duration or 0.0, *(each.end for each in spoken)]) if duration else inf
    starts = [*(each.start for each in spoken), last]
    by_speaker, cues = defaultdict[str | None, list[SpokenText]](list), list[_TimedCue]()
    for each in spoken:
        by_speaker[each.speaker].append(each)
    for speaker, own in by_speaker.items():
        for run in _runs(own, starts, limits):
            cues += _Divided(run, speaker, limits).cues()
    return _schedule(sorted(cues, key=lambda cue: cue.start), last)


class _Placed(NamedTuple):
    """A text that ends where the next one of its speaker begins; `limit` is when anyone speaks."""

    start: float
    end: float
    limit: float
    text: str
    words: Sequence[TimedText]


def _runs(
    own: Sequence[SpokenText], starts: Sequence[float], limits: CueLimits
) -> Iterator[list[_Placed]]:
    """Yield the texts of a speaker between two long pauses or texts of others.

    Args:
        own: Texts of the speaker, by their start.
        starts: Starts of all texts, and the end of the recording.
        limits: Limits of a cue.
    """
    run = list[_Placed]()
    for each, following in zip(own, [*own[1:], None], strict=True):
        if run and (each.start - run[-1].end >= _LONG_PAUSE or run[-1].limit < each.start):
            yield run
            run = []
        run.append(_place_text(each, following.start if following else starts[-1], starts, limits))
    yield run


def _place_text(
    each: SpokenText, following: float, starts: Sequence[float], limits: CueLimits
) -> _Placed:
    """Return a text with a possible end; one without time to speak it gets the time to read it."""
    start, end = each.start, max(each.start, min(each.end, following))
    after = bisect_right(starts, start, 0, len(starts) - 1)
    limit = min(following, starts[bisect_left(starts, end, after, len(starts) - 1)])
    text = clean_text(each.text)
    width = display_width(text)
    if width > _IMPOSSIBLE_SPEED * (end - start):
        end = max(end, min(limit, start + _SLOWER * width / limits.max_cps))
    return _Placed(start, end, limit, text, each.words)


class _TimedCue(NamedTuple):
    """A cue before its place among the others: start and end of its speech, seconds it needs."""

    start: float
    end: float
    needed: float
    lines: tuple[str, ...]
    speaker: str | None
    short_name: str


class _Divided:
    """The text of a speaker between two long pauses, to be divided into cues."""

    def __init__(self, run: Sequence[_Placed], speaker: str | None, limits: CueLimits) -> None:
        self.speaker, self.limits = speaker, limits
        self.text = join_texts(each.text for each in run)
        self.short_name = _shorten(speaker, limits.max_line)
        self.indent = display_width(f"{self.short_name}: ") if self.short_name else 0
        times, ends, position = SpokenTimes(self.text), dict[int, float](), 0
        for each in run:
            position = self.text.index(each.text, position)
            ends |= _add_times(times, each, position)
            position += len(each.text)
        self.units = list(split_units(self.text, limits.max_line - self.indent, ends))
        self.starts = [*(times.start_of(unit.start) for unit in self.units), run[-1].limit]
        self.ends = [times.end_of(unit.end) for unit in self.units]

    def cues(self) -> Iterator[_TimedCue]:
        """Yield the cues into which the text is divided best."""
        for start, end in pairwise(self._bounds()):
            lines = wrap_units(self.units[start:end], self.limits.max_line, self.indent)
            shown = tuple(self.text[line[0].start : line[-1].end] for line in lines)
            width = self.indent + sum(map(display_width, shown)) + len(shown) - 1
            needed = self.limits.needed_seconds(width)
            times = self.starts[start], self.ends[end - 1], needed
            yield _TimedCue(*times, shown, self.speaker, self.short_name)

    def _bounds(self) -> list[int]:
        """Return the units that begin cues, and the number of units, of the cheapest way."""
        count = len(self.units)
        costs, before = [0.0, *[inf] * count], [0] * (count + 1)
        for start in range(count):
            for end, cost in self._costs_from(start):
                if costs[start] + cost < costs[end]:
                    costs[end], before[end] = costs[start] + cost, start
        bounds = [count]
        while bounds[-1]:
            bounds.append(before[bounds[-1]])
        return bounds[::-1]

    def _costs_from(self, start: int) -> Iterator[tuple[int, float]]:
        """Yield each end of a cue that begins with a unit, and the cost of the cue."""
        lines, line, width, inner = 1, self.indent, self.indent, 0.0
        for end in range(start + 1, min(len(self.units), start + _MAX_UNITS) + 1):
            unit = self.units[end - 1]
            if end > start + 1:
                inner += self._inner_cost(end - 1)
                space = self.units[end - 2].space
                is_full = line + space + unit.width > self.limits.max_line
                lines, line, width = lines + is_full, 0 if is_full else line + space, width + space
                is_too_long = self.ends[end - 1] - self.starts[start] > 2 * MAX_SECONDS
                if lines > self.limits.max_lines or is_too_long:
                    return
            line, width = line + unit.width, width + unit.width
            yield end, inner + self._end_cost(end, width) + self._time_cost(start, end, width)

    def _inner_cost(self, number: int) -> float:
        """Return the cost of a sentence or a pause that ends within a cue, before a unit."""
        pause = self.starts[number] - self.ends[number - 1]
        sentence = _SENTENCE_COST if self.units[number - 1].cost == SENTENCE else 0.0
        return sentence + _PAUSE_COST * pause

    def _time_cost(self, start: int, end: int, width: int) -> float:
        """Return the cost of a cue that is too short for its text, or for its words."""
        hurry = self.limits.needed_seconds(width) - (self.starts[end] - self.starts[start])
        excess = self.ends[end - 1] - self.starts[start] - MAX_SECONDS
        cost = _HURRIED_COST + _SECOND_COST * hurry if hurry > 0 else 0.0
        return cost + _SECOND_COST * max(0.0, excess)

    def _end_cost(self, end: int, width: int) -> float:
        """Return the cost of a cue of some columns that ends behind a unit."""
        cost = self.units[end - 1].cost if end < len(self.units) else SENTENCE
        slack = 1 - width / (self.limits.max_line * self.limits.max_lines)
        return _CUE_COST + cost + (_SLACK_COST * slack * slack if cost else 0.0)


def _add_times(times: SpokenTimes, each: _Placed, position: int) -> dict[int, float]:
    """Set the known times of a text at a position; return where its words end, and their costs."""
    end, words = position + len(each.text), locate_words(each.text, each.words)
    times.add(position, each.start)
    for first, last, word in words:
        times.add(position + first, min(max(word.start, each.start), each.end))
        times.add(position + last, min(max(word.end, each.start), each.end))
    times.add(end, each.end)
    return {**{position + last: WORD for _, last, _ in words}, end: CLAUSE}


def _shorten(speaker: str | None, max_line: int) -> str:
    """Return the name of a speaker, shortened so that it takes half a line at most."""
    name, room = clean_text(speaker or ""), max_line // 2 - len(": ")
    if display_width(name) <= room:
        return name
    widths = accumulate(map(display_width, split_characters(name)))
    count = sum(1 for width in widths if width < room)
    kept = "".join(islice(split_characters(name), count)).rstrip()
    return f"{kept}…" if kept else ""


def _schedule(cues: Sequence[_TimedCue], last: float) -> list[ReadableCue]:
    """Return the cues with times that increase and end before `last`.

    A cue begins with its words. While another speaker is still speaking, it waits until the cue
    before it can have been read, if it can be read itself before the next one.
    """
    starts = [cue.start for cue in cues[:1]]
    nexts = [*(cue.start for cue in cues[2:]), last]
    for before, cue, limit in zip(cues, cues[1:], nexts, strict=False):
        is_read = min(starts[-1] + before.needed, before.end, limit - cue.needed)
        starts.append(max(cue.start, is_read, starts[-1] + _FRAME))
    last = max(last, len(cues) * _MILLISECOND)
    step, following = min(_FRAME, last / max(len(cues), 1)), last
    for number in range(len(cues) - 1, -1, -1):
        following = starts[number] = min(starts[number], following - step)
    starts = [round(start, 3) for start in starts]
    ends = [*starts[1:], last]
    return [_place(cue, *times) for cue, *times in zip(cues, starts, ends, strict=False)]


def _place(cue: _TimedCue, start: float, limit: float) -> ReadableCue:
    """Return a cue that is shown until it is read, at most until the next one or the end."""
    longest = start + max(cue.needed, MAX_SECONDS)
    end = max(cue.end, start + cue.needed)
    if limit - end < _MAX_GAP:
        end = max(limit - _GAP, start + cue.needed)
    end = floor(min(end, limit, longest) * 1000 + _MILLISECOND) / 1000
    is_hurried = end - start < cue.needed - 2 * _MILLISECOND - _SHORTEST
    return ReadableCue(start, end, cue.lines, cue.speaker, cue.short_name, is_hurried)
