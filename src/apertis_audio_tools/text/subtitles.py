"""SubRip and WebVTT: cues with times in seconds, read and written."""

import html
import re
from collections.abc import Iterable
from typing import NamedTuple

_TIMES = re.compile(
    r"^\s*(?:(\d{1,9}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})\s*-->\s*"
    r"(?:(\d{1,9}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})(?:\s.*)?$"
)
_VTT_TAG = re.compile(r"</?[a-z][^<>]*>|<\d[\d:.]*>", re.IGNORECASE)
_SRT_TAG = re.compile(r"</?(?:b|i|u|s|font)\b[^<>]*>", re.IGNORECASE)
"""SubRip has no escapes: what looks like another tag is text."""


class Cue(NamedTuple):
    """A stretch of text shown from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str


def parse_subtitles(subtitles: str) -> list[Cue] | None:
    """The cues of a SubRip or WebVTT text, or None when it is neither; no cues are fine."""
    text = subtitles.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").strip()
    is_vtt = text.startswith("WEBVTT")
    cues = _cues(text, is_vtt=is_vtt)
    return cues if cues or is_vtt or not text else None


def write_srt(cues: Iterable[Cue]) -> str:
    """SubRip: numbered cues, commas before the milliseconds."""
    return "\n".join(
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{_one_line(text)}\n"
        for number, (start, end, text) in enumerate(cues, 1)
    )


def write_vtt(cues: Iterable[Cue]) -> str:
    """WebVTT: a header, dots before the milliseconds, markup escaped."""
    escaped = ((start, end, html.escape(_one_line(text), quote=False)) for start, end, text in cues)
    blocks = (
        f"{_clock(start, '.')} --> {_clock(end, '.')}\n{text}\n" for start, end, text in escaped
    )
    return "\n".join(["WEBVTT\n", *blocks])


def format_timecode(seconds: float) -> str:
    """Seconds as ``hh:mm:ss``, rounded down; as many hours as there are."""
    whole = max(int(seconds), 0)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def _cues(text: str, *, is_vtt: bool) -> list[Cue]:
    cues: list[Cue] = []
    for block in re.split(r"\n[ \t]*\n+", text):
        if cue := _cue(block.split("\n"), is_vtt=is_vtt):
            cues.append(cue)
        elif cues and not is_vtt:  # a text with an empty line in it; in WebVTT that is a comment
            start, end, said = cues[-1]
            cues[-1] = Cue(start, end, f"{said} {_plain(block, is_vtt=is_vtt)}".strip())
    return cues


def _cue(lines: list[str], *, is_vtt: bool) -> Cue | None:
    for number, line in enumerate(lines[:3]):
        if times := _TIMES.match(line):
            said = _plain("\n".join(lines[number + 1 :]), is_vtt=is_vtt)
            return Cue(_seconds(times.groups()[:4]), _seconds(times.groups()[4:]), said)
    return None


def _plain(text: str, *, is_vtt: bool) -> str:
    said = (_VTT_TAG if is_vtt else _SRT_TAG).sub("", " ".join(text.split()))
    return (html.unescape(said) if is_vtt else said).strip()


def _seconds(clock: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = (part or "0" for part in clock)
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return (whole * 1000 + int(fraction.ljust(3, "0"))) / 1000


def _clock(seconds: float, mark: str) -> str:
    whole, thousandths = divmod(round(max(seconds, 0.0) * 1000), 1000)
    return f"{format_timecode(whole)}{mark}{thousandths:03}"


def _one_line(text: str) -> str:
    """A cue must hold neither an empty line nor the arrow that stands between times."""
    return " ".join(text.split()).replace("-->", "→")
