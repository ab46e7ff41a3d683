"""Read and write SubRip and WebVTT; times are in seconds."""

import html
import io
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_TIMES = re.compile(
    r"^\s*(?:(\d{1,9}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})\s*-->\s*"
    r"(?:(\d{1,9}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})(?:\s.*)?$"
)
_GAP = re.compile(r"\n[ \t]*\n+")
_SLICE = 64 * 1024
_VTT_TAG = re.compile(r"</?[a-z][^<>]*>|<\d[\d:.]*>", re.IGNORECASE)
_SRT_TAG = re.compile(r"</?(?:b|i|u|s|font)\b[^<>]*>", re.IGNORECASE)
"""SubRip has no escapes, so anything else that looks like a tag is text."""


_SRT_BRACKET, _SRT_BRACE = re.compile(r"<(?=[/!?a-zA-Z])"), re.compile(r"\{(?=\s*\\)")
_SRT_ESCAPED_BRACKET = re.compile(r"&lt;(?=[/!?a-zA-Z])")
_SRT_ESCAPED_BRACE = re.compile(r"&#123;(?=\s*\\)")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_MAX_SECONDS = 100_000 * 3600.0
"""Later times cannot be written with a reasonable number of digits."""


class Cue(NamedTuple):
    """A text shown from `start` to `end`, in seconds."""

    start: float
    end: float
    text: str


def parse_subtitles(subtitles: str) -> list[Cue] | None:
    """Return the cues of a SubRip or WebVTT text, or None if it is neither.

    An empty text and a WebVTT header alone have no cues.
    """
    text = subtitles.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n").strip()
    is_vtt = text.startswith("WEBVTT")
    cues = _parse_cues(text, is_vtt=is_vtt)
    return cues if cues or is_vtt or not text else None


def write_srt(cues: Iterable[Cue]) -> str:
    """Return SubRip: numbered cues, with a comma before the milliseconds and markup escaped."""
    return "\n".join(
        f"{number}\n{_times(cue, ',')}\n{_escape_srt(_one_line(cue.text))}\n"
        for number, cue in enumerate(cues, 1)
    )


def write_vtt(cues: Iterable[Cue]) -> str:
    """Return WebVTT: a header, with a dot before the milliseconds and markup escaped."""
    blocks = (
        f"{_times(cue, '.')}\n{html.escape(_one_line(cue.text), quote=False)}\n" for cue in cues
    )
    return "\n".join(["WEBVTT\n", *blocks])


def format_timecode(seconds: float) -> str:
    """Return seconds as ``hh:mm:ss``, rounded down; the hours may have more than two digits."""
    whole = int(_within_limits(seconds))
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def format_line(seconds: float, text: str) -> str:
    """Return ``[hh:mm:ss] text`` as one line, whatever the text contains."""
    return f"[{format_timecode(seconds)}] {' '.join(text.split())}"


def _parse_cues(text: str, *, is_vtt: bool) -> list[Cue]:
    cues: list[Cue] = []
    last_text = io.StringIO()  # of the last cue; it may go on in a million blocks
    for block in _split_blocks(text):
        if cue := _parse_cue(block, is_vtt=is_vtt):
            _complete_last(cues, last_text)
            last_text = io.StringIO()
            last_text.write(cue.text)
            cues.append(cue)
        elif cues and not is_vtt:  # An empty line within a text; in WebVTT this is a comment.
            last_text.write(f" {_plain_text(block, is_vtt=is_vtt)}".rstrip())
    _complete_last(cues, last_text)
    return cues


def _split_blocks(text: str) -> Iterator[str]:
    """Yield the blocks between empty lines."""
    start = 0
    for gap in _GAP.finditer(text):
        yield text[start : gap.start()]
        start = gap.end()
    yield text[start:]


def _complete_last(cues: list[Cue], text: io.StringIO) -> None:
    if cues and text.tell() > len(cues[-1].text):
        cues[-1] = cues[-1]._replace(text=text.getvalue().strip())


def _parse_cue(block: str, *, is_vtt: bool) -> Cue | None:
    lines = block.split("\n", 3)
    for number, line in enumerate(lines[:3]):
        if times := _TIMES.match(line):
            text = _plain_text("\n".join(lines[number + 1 :]), is_vtt=is_vtt)
            return Cue(_parse_time(times.groups()[:4]), _parse_time(times.groups()[4:]), text)
    return None


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
    return (whole * 1000 + int(fraction.ljust(3, "0"))) / 1000


def _times(cue: Cue, separator: str) -> str:
    return f"{_format_time(cue.start, separator)} --> {_format_time(cue.end, separator)}"


def _format_time(seconds: float, separator: str) -> str:
    whole, milliseconds = divmod(round(_within_limits(seconds) * 1000), 1000)
    return f"{format_timecode(whole)}{separator}{milliseconds:03}"


def _within_limits(seconds: float) -> float:
    return min(max(seconds, 0.0), _MAX_SECONDS)


def _one_line(text: str) -> str:
    """Return a text without line breaks and arrows, which would end a cue or begin another.

    Control characters are replaced by spaces.
    """
    return " ".join(_CONTROLS.sub(" ", text).split()).replace("-->", "→")


def _escape_srt(text: str) -> str:
    """Escape what players take for markup; SubRip itself has no escapes."""
    return _SRT_BRACE.sub("&#123;", _SRT_BRACKET.sub("&lt;", text))


def _unescape_srt(text: str) -> str:
    return _SRT_ESCAPED_BRACE.sub("{", _SRT_ESCAPED_BRACKET.sub("<", text))
