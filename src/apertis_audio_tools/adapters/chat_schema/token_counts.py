"""Estimates of tokens, so that conversations with audio are trimmed by what they cost."""

import base64
import binascii
import json
import math

from apertis_audio_tools.audio import Source
from apertis_audio_tools.errors import ApertisError

INPUT_TOKENS_PER_SECOND = 10.0
OUTPUT_TOKENS_PER_SECOND = 20.0
"""Tokens of a second of audio: "Audio tokens in user messages are 1 token per 100 ms of audio,
while audio tokens in assistant messages are 1 token per 50ms of audio" (OpenAI,
developers.openai.com/api/docs/guides/realtime-costs, read on 2026-11-26)."""

MESSAGE_TOKENS = 4
"""Tokens of a message besides its content: its role and its limits."""
_BYTES_PER_TOKEN = 4
"""Of UTF-8: 4 letters of English; a sign of Chinese or Japanese, with 3 bytes, is most of one."""
_CHARACTERS_PER_SECOND = 15.0
"""Letters and spaces in a second of speech, at 150 words a minute."""
_GUESSED_BYTES_PER_SECOND = 16_000.0
"""Bytes of a second of mp3, for a clip that cannot be opened."""
_PCM_BYTES_PER_SECOND = 48_000.0
"""Bytes of a second of pcm: 24,000 samples of 16 bits, as the service speaks."""
_MAX_REMEMBERED = 1024
_lengths: dict[tuple[int, int], float] = {}


def text_tokens(text: str) -> int:
    """Return the tokens of a text."""
    return math.ceil(len(text.encode(errors="replace")) / _BYTES_PER_TOKEN)


def json_tokens(value: object) -> int:
    """Return the tokens of a value in JSON, such as a tool call."""
    return text_tokens(json.dumps(value, ensure_ascii=False, default=str))


def clip_tokens(seconds: float) -> int:
    """Return the tokens of a clip of the user."""
    return math.ceil(seconds * INPUT_TOKENS_PER_SECOND)


def spoken_tokens(words: str, seconds: float | None = None) -> int:
    """Return the tokens of a spoken reply; its length is estimated from its words if unknown."""
    length = len(words) / _CHARACTERS_PER_SECOND if seconds is None else seconds
    return text_tokens(words) + math.ceil(length * OUTPUT_TOKENS_PER_SECOND)


def clip_seconds(source: Source) -> float | None:
    """Return the length of a clip in seconds, or None if it cannot be opened."""
    from apertis_audio_tools.audio import probe

    try:
        with probe(source) as recording:
            return recording.duration
    except ApertisError:
        return None


def base64_seconds(data: str, media_type: str | None = None) -> float:
    """Return the length of a clip in base64 in seconds; estimated if it cannot be opened.

    Lengths are remembered by the hash of the text, since a conversation is counted over and over.
    """
    if media_type and media_type.startswith("audio/pcm"):  # without a header, as speech comes
        return len(data) * 3 / 4 / _PCM_BYTES_PER_SECOND
    key = hash(data), len(data)
    seconds = _lengths.get(key)
    if seconds is None:
        if len(_lengths) >= _MAX_REMEMBERED:
            _lengths.clear()
        seconds = _lengths[key] = _measure(data)
    return seconds


def _measure(data: str) -> float:
    try:
        content = base64.b64decode(data)
    except (binascii.Error, ValueError):
        return len(data) * 3 / 4 / _GUESSED_BYTES_PER_SECOND
    seconds = clip_seconds(("clip", content))
    return len(content) / _GUESSED_BYTES_PER_SECOND if seconds is None else seconds
