"""The documented models, voices, formats and limits of the service.

The client does not use these tables: a stand-in that shared the client's tables would agree with
the client's mistakes.
"""

from datetime import date
from typing import Final

WHISPER_MODELS: Final = frozenset({"whisper-1", "whisper-large-v3", "whisper-large-v3-turbo"})
JSON_ONLY_MODELS: Final = frozenset({"gpt-4o-mini-transcribe", "gpt-4o-transcribe"})
MULTILINGUAL_MODELS: Final = frozenset({"gpt-transcribe"})
"""Models with several languages and keywords, which refuse all formats but JSON."""
TRANSCRIPTION_MODELS: Final = WHISPER_MODELS | JSON_ONLY_MODELS | MULTILINGUAL_MODELS
FREE_VOICE_MODELS: Final = frozenset({"gemini-3.1-flash-tts-preview", "gemini-3.8-flash-lite-tts"})
SPEECH_MODELS: Final = FREE_VOICE_MODELS | {"tts-1", "tts-1-hd", "gpt-4o-mini-tts-2025-12-15"}
AUDIO_CHAT_MODELS: Final = frozenset({"gpt-4o-audio-preview", "gpt-audio", "gpt-audio-mini"})
CHAT_MODELS: Final = AUDIO_CHAT_MODELS | {"gpt-4.1-mini"}
ALL_MODELS: Final = TRANSCRIPTION_MODELS | SPEECH_MODELS | CHAT_MODELS
MODELS_CREATED: Final = 1_700_000_000
"""Unix time that the list of models gives for each; the sandbox made none of them."""

_SPEECH_ENDS: Final = date(2027, 1, 6)
_AUDIO_CHAT_ENDS: Final = date(2027, 1, 20)
_TRANSCRIPTION_ENDS: Final = date(2027, 2, 26)
RETIREMENTS: Final = {
    "tts-1": _SPEECH_ENDS,
    "tts-1-hd": _SPEECH_ENDS,
    "gpt-4o-mini-tts-2025-12-15": _SPEECH_ENDS,
    "gpt-4o-audio-preview": _AUDIO_CHAT_ENDS,
    "gpt-audio": _AUDIO_CHAT_ENDS,
    "gpt-audio-mini": _AUDIO_CHAT_ENDS,
    "whisper-1": _TRANSCRIPTION_ENDS,
    "gpt-4o-transcribe": _TRANSCRIPTION_ENDS,
    "gpt-4o-mini-transcribe": _TRANSCRIPTION_ENDS,
}
"""Announced ends of models (OpenAI's deprecations page, read on 2026-11-26)."""
TRANSLATIONS_RETIRE: Final = _TRANSCRIPTION_ENDS
"""Announced end of the endpoint for translations (the same page)."""
DOLLARS_PER_HOUR: Final = {
    "whisper-1": 0.36,
    "whisper-large-v3": 0.111,
    "whisper-large-v3-turbo": 0.04,
}
"""Prices of an hour of audio (OpenRouter's pages, read on 2026-11-26)."""

FILE_EXTENSIONS: Final = frozenset(
    {"flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm"}
)

SPEECH_MEDIA_TYPES: Final = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}

VOICES: Final = ("alloy", "echo", "fable", "onyx", "nova", "shimmer")

MAX_REQUEST_BYTES: Final = 26_214_400
"""Maximum size of a request body, multipart framing included (reported by users in public)."""

MAX_JSON_VALUES: Final = 200_000
"""A limit of the sandbox: 26 MB of empty lists would take a gigabyte."""

MAX_JSON_ONLY_SECONDS: Final = 1400.0
"""Maximum length of a recording for the gpt-4o transcription models (reported in public)."""

MIN_AUDIO_SECONDS: Final = 0.1
"""Minimum length of a recording (reported in public for services of this family)."""

MAX_INPUT_CHARACTERS: Final = 4096
MAX_OUTPUT_TOKENS: Final = 16_384
"""Maximum length of a reply (published for models of this family)."""

REQUESTS_PER_MINUTE: Final = 500
"""Rate limit of a pay-as-you-go key, for each model."""
