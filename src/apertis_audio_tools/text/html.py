"""How notebooks show a transcript and speech: HTML that needs nothing from elsewhere.

Colours are those of the notebook, light or dark. Every text is escaped, kept from changing the
direction of what is around it, and kept from being typeset: a transcript may well say "$5 or $6".
"""

import base64
from collections.abc import Iterable
from html import escape

MAX_PLAYED_BYTES = 4_000_000
"""Bytes of audio; notebooks keep what they show, so more would make them slow to open."""

_NO_MATHEMATICS = "tex2jax_ignore mathjax_ignore"
_BOX = (
    "max-height:24em;overflow:auto;padding:.25em .75em;"
    "border:1px solid rgba(128,128,128,.5);border-radius:4px"
)
_LINE = "display:flex;gap:1em;margin:.25em 0"
_WORDS = "flex:1;white-space:pre-line;overflow-wrap:anywhere"
_FAINT = "opacity:.65;font-variant-numeric:tabular-nums"


def transcript_html(title: str, facts: Iterable[str], lines: Iterable[tuple[str, str]]) -> str:
    """What was said, all of it, in a box that scrolls: `lines` are timecodes and texts."""
    name = _text(title or "Transcript")
    about = "".join(f" · {_text(fact)}" for fact in facts)
    said = "".join(_line(timecode, text) for timecode, text in lines) or "<em>No words.</em>"
    return (
        f'<div class="{_NO_MATHEMATICS}">'
        f'<div><strong>{name}</strong><span style="{_FAINT}">{about}</span></div>'
        f'<div tabindex="0" role="region" aria-label="What was said" style="{_BOX}">{said}</div>'
        "</div>"
    )


def player_html(audio: bytes, media_type: str, audio_format: str, seconds: float) -> str:
    """A player with the audio in it, or why there is none; `seconds` long."""
    about = f"{_text(audio_format)} · {seconds:.1f} s · {_size(len(audio))}"
    if reason := _unplayable(audio, audio_format):
        return f"<div>{about} · {reason}</div>"
    data = base64.b64encode(audio).decode("ascii")
    source = f"data:{escape(media_type)};base64,{data}"
    return f'<div><audio controls src="{source}"></audio><div style="{_FAINT}">{about}</div></div>'


def _unplayable(audio: bytes, audio_format: str) -> str:
    if not audio:
        return "there is nothing to play"
    if audio_format == "pcm":
        return "browsers do not play raw PCM"
    if len(audio) > MAX_PLAYED_BYTES:
        return f"too large to play here, the limit is {_size(MAX_PLAYED_BYTES)}"
    return ""


def _line(timecode: str, text: str) -> str:
    said = f'<span dir="auto" style="{_WORDS}">{escape(text)}</span>'
    return f'<div style="{_LINE}"><span style="{_FAINT}">{escape(timecode)}</span>{said}</div>'


def _text(words: str) -> str:
    return f"<bdi>{escape(words)}</bdi>"


def _size(count: int) -> str:
    return f"{count / 1_000_000:.1f} MB"
