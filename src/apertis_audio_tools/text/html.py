"""HTML for notebooks: a transcript and an audio player, self-contained.

Colors are those of the notebook, light or dark. Every text is escaped, isolated from the text
direction around it, and excluded from typesetting: a transcript may contain "$5 or $6".
"""

import base64
from collections.abc import Iterable
from html import escape

MAX_PLAYED_BYTES = 4_000_000
"""Bytes of audio put into a player. Notebooks store their output, so more would be slow to open."""

_NO_MATHEMATICS = "tex2jax_ignore mathjax_ignore"
_BOX_STYLE = (
    "max-height:24em;overflow:auto;padding:.25em .75em;"
    "border:1px solid rgba(128,128,128,.5);border-radius:4px"
)
_LINE_STYLE = "display:flex;gap:1em;margin:.25em 0"
_TEXT_STYLE = "flex:1;white-space:pre-line;overflow-wrap:anywhere"
_FAINT_STYLE = "opacity:.65;font-variant-numeric:tabular-nums"


def transcript_html(title: str, facts: Iterable[str], lines: Iterable[tuple[str, str]]) -> str:
    """Return a whole transcript in a box that scrolls; `lines` are timecodes and texts."""
    name = _isolated(title or "Transcript")
    about = "".join(f" · {_isolated(fact)}" for fact in facts)
    body = "".join(_line(timecode, text) for timecode, text in lines) or "<em>No words.</em>"
    return (
        f'<div class="{_NO_MATHEMATICS}">'
        f'<div><strong>{name}</strong><span style="{_FAINT_STYLE}">{about}</span></div>'
        f'<div tabindex="0" role="region" aria-label="Transcript" style="{_BOX_STYLE}">{body}</div>'
        "</div>"
    )


def player_html(audio: bytes, media_type: str, audio_format: str, seconds: float) -> str:
    """Return a player that contains the audio, or the reason why it cannot be played."""
    about = f"{_isolated(audio_format)} · {seconds:.1f} s · {_megabytes(len(audio))}"
    if reason := _unplayable_reason(audio, audio_format):
        return f"<div>{about} · {reason}</div>"
    data = base64.b64encode(audio).decode("ascii")
    source = f"data:{escape(media_type)};base64,{data}"
    player = f'<audio controls src="{source}"></audio>'
    return f'<div>{player}<div style="{_FAINT_STYLE}">{about}</div></div>'


def _unplayable_reason(audio: bytes, audio_format: str) -> str:
    if not audio:
        return "there is nothing to play"
    if audio_format == "pcm":
        return "browsers do not play raw PCM"
    if len(audio) > MAX_PLAYED_BYTES:
        return f"too large to play here, the limit is {_megabytes(MAX_PLAYED_BYTES)}"
    return ""


def _line(timecode: str, text: str) -> str:
    words = f'<span dir="auto" style="{_TEXT_STYLE}">{escape(text)}</span>'
    time = f'<span style="{_FAINT_STYLE}">{escape(timecode)}</span>'
    return f'<div style="{_LINE_STYLE}">{time}{words}</div>'


def _isolated(text: str) -> str:
    return f"<bdi>{escape(text)}</bdi>"


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB"
