"""Transcripts as SubRip and WebVTT files."""

import html
from collections.abc import Sequence

from apertis_audio_tools.sandbox.recognition import Heard


def srt(segments: Sequence[Heard]) -> str:
    """A SubRip file: numbered cues with comma times."""
    return "".join(
        f"{number}\n{_time(each.start, ',')} --> {_time(each.end, ',')}\n{each.text}\n\n"
        for number, each in enumerate(segments, 1)
    )


def vtt(segments: Sequence[Heard]) -> str:
    """A WebVTT file; the text is escaped as the format asks."""
    return "WEBVTT\n\n" + "".join(
        f"{_time(each.start, '.')} --> {_time(each.end, '.')}\n"
        f"{html.escape(each.text, quote=False)}\n\n"
        for each in segments
    )


def _time(seconds: float, point: str) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{point}{milliseconds % 1000:03}"
