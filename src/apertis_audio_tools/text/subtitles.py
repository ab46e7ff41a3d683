"""Read and write SubRip and WebVTT; times are in seconds."""

import html
import io
import re
from collections.abc import Iterable
from typing import NamedTuple

_TIME = r"(?:(\d{1,9}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,9})"
_SPAN = rf"\[?{_TIME}[ \t]*+-->[ \t]*+{_TIME}"
_TIMES = re.compile(rf"^[ \t]*+{_SPAN}(?:\](.*)|[ \t].*)?$", re.MULTILINE)
"""A line with times. In brackets, as Whisper prints them, the text is on the same line."""
_BEGINNING = re.compile(rf"\s*+(?:WEBVTT(?:\s|$)|(?:\d{{1,9}}[ \t]*+\r?\n[ \t]*+)?{_SPAN})")
_NUMBER = re.compile(r"(?:^|\n)([ \t]*+\n)?[ \t]*+(\d{1,9})\s*+$")
"""The last line of a text, if it is a number, and the empty line before it, if there is one."""
_GAP = re.compile(r"\n[ \t]*\n+")
_SLICE = 64 * 1024
_VTT_TAG = re.compile(r"</?[a-z][^<>]*>|<\d[\d:.]*>", re.IGNORECASE)
_SRT_TAG = re.compile(r"</?(?:b|i|u|s|font)\b[^<>]*>", re.IGNORECASE)
"""SubRip has no escapes, so anything else that looks like a tag is text."""


_SRT_BRACKET, _SRT_BRACE = re.compile(r"<(?=[/!?a-zA-Z])"), re.compile(r"\{(?=\s*\\)")
_SRT_ESCAPED_BRACKET = re.compile(r"&lt;(?=[/!?a-zA-Z])")
_SRT_ESCAPED_BRACE = re.compile(r"&#123;(?=\s*\\)")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SPACE = re.compile(r"[^\S\u00a0\u202f\u2007]+")

_MAX_SECONDS = 100_000 * 3600.0
"""Later times cannot be written with a reasonable number of digits."""


class SubtitleCue(NamedTuple):
    """A text shown from `start` to `end`, in seconds; in one line, unless `lines` divide it."""

    start: float
    end: float
    text: str
    speaker: str | None = None
    lines: tuple[str, ...] = ()


def begins_with_cue(text: str) -> bool:
    """Return whether a text begins as only subtitles do."""
    return bool(_BEGINNING.match(text.lstrip("\ufeff")))


def parse_subtitles(subtitles: str) -> list[SubtitleCue] | None:
    """Return the cues of a SubRip or WebVTT text, or None if it is neither.

    An empty text and a WebVTT header alone have no cues.
    """
    text = subtitles.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").strip()
    is_vtt = text.startswith("WEBVTT")
    cues = _parse_cues(text, is_vtt=is_vtt)
    return cues if cues or is_vtt or not text else None


def write_srt(cues: Iterable[SubtitleCue]) -> str:
    """Return SubRip: numbered cues, with a comma before the milliseconds and markup escaped.

    The name of a speaker stands before the text.
    """
    return "\n".join(
        f"{number}\n{_times(cue, ',')}\n{_escape_srt(_named_text(cue))}\n"
        for number, cue in enumerate(cues, 1)
    )


def write_vtt(cues: Iterable[SubtitleCue]) -> str:
    """Return WebVTT: a header, with a dot before the milliseconds and markup escaped.

    The name of a speaker is that of the voice.
    """
    blocks = (
        f"{_times(cue, '.')}\n{_voice(cue)}{_escape_vtt(_shown_lines(cue))}\n" for cue in cues
    )
    return "\n".join(["WEBVTT\n", *blocks])


def format_timecode(seconds: float) -> str:
    """Return seconds as ``hh:mm:ss``, rounded down; the hours may have more than two digits."""
    whole = int(_within_limits(seconds))
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def format_line(seconds: float, text: str) -> str:
    """Return ``[hh:mm:ss] text`` as one line, whatever the text contains."""
    return f"[{format_timecode(seconds)}] {' '.join(text.split())}"


def _parse_cues(text: str, *, is_vtt: bool) -> list[SubtitleCue]:
    cues, lines = list[SubtitleCue](), list(_TIMES.finditer(text))
    starts = [line.start() for line in lines]
    number = _NUMBER.search(text[: starts[0]]) if lines else None
    for line, end in zip(lines, [*starts[1:], len(text)], strict=False):
        shown = (line[9] or "") + text[line.end() : end].removeprefix("" if line[9] else "\n")
        if end < len(text) and (following := _following_number(shown, number)):
            shown, number = shown[: following.start()], following
        start, stop = _parse_time(line.groups()[:4]), _parse_time(line.groups()[4:8])
        cues.append(SubtitleCue(start, stop, _shown_text(shown, is_vtt=is_vtt)))
    return cues


def _following_number(text: str, number: re.Match[str] | None) -> re.Match[str] | None:
    """Return the last line of a cue if it is the number of the next cue.

    It is after an empty line, or if it is one more than the number of this cue.
    """
    last = _NUMBER.search(text)
    is_next = last and number and int(last[2]) == int(number[2]) + 1
    return last if last and (last[1] or is_next) else None


def _shown_text(text: str, *, is_vtt: bool) -> str:
    gap = _GAP.search(f"\n{text}") if is_vtt else None  # what follows is a comment or a name
    return _plain_text(text[: max(gap.start() - 1, 0)] if gap else text, is_vtt=is_vtt)


def _plain_text(text: str, *, is_vtt: bool) -> str:
    untagged = (_VTT_TAG if is_vtt else _SRT_TAG).sub("", _join_words(text))
    return (_unescape(untagged) if is_vtt else _unescape_srt(untagged)).strip()


def _join_words(text: str) -> str:
    """Return a text with single spaces. A list of all words of a long one would be too large."""
    joined, is_gap = io.StringIO(), False
    for start in range(0, len(text), _SLICE):
        part = text[start : start + _SLICE]
        is_gap = is_gap or part[0].isspace()
        if words := " ".join(part.split()):
            joined.write(f" {words}" if is_gap and joined.tell() else words)
            is_gap = part[-1].isspace()
    return joined.getvalue()


def _unescape(text: str) -> str:
    """Return a text with its character references replaced, unless one of them is absurdly long."""
    try:
        return html.unescape(text)
    except ValueError:
        return text


def _parse_time(fields: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = (field or "0" for field in fields)
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return (whole * 1000 + int(fraction.ljust(3, "0")[:3])) / 1000


def _times(cue: SubtitleCue, separator: str) -> str:
    return f"{_format_time(cue.start, separator)} --> {_format_time(cue.end, separator)}"


def _format_time(seconds: float, separator: str) -> str:
    whole, milliseconds = divmod(round(_within_limits(seconds) * 1000), 1000)
    return f"{format_timecode(whole)}{separator}{milliseconds:03}"


def _within_limits(seconds: float) -> float:
    return min(max(seconds, 0.0), _MAX_SECONDS)


def clean_text(text: str) -> str:
    """Return a text without line breaks and arrows, which would end a cue or begin another.

    Control characters are replaced by spaces; no-break spaces are kept.
    """
    return _SPACE.sub(" ", _CONTROLS.sub(" ", text)).strip().replace("-->", "→")


def _shown_lines(cue: SubtitleCue) -> str:
    return "\n".join(map(clean_text, cue.lines or (cue.text,)))


def _named_text(cue: SubtitleCue) -> str:
    name = clean_text(cue.speaker or "")
    return f"{name}: {_shown_lines(cue)}" if name else _shown_lines(cue)


def _voice(cue: SubtitleCue) -> str:
    name = clean_text(cue.speaker or "")
    return f"<v {_escape_vtt(name)}>" if name else ""


def _escape_vtt(text: str) -> str:
    return html.escape(text, quote=False)


def _escape_srt(text: str) -> str:
    """Escape what players take for markup; SubRip itself has no escapes."""
    return _SRT_BRACE.sub("&#123;", _SRT_BRACKET.sub("&lt;", text))


def _unescape_srt(text: str) -> str:
    return _SRT_ESCAPED_BRACE.sub("{", _SRT_ESCAPED_BRACKET.sub("<", text))
