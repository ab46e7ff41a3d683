"""What each model can do, as data, and the refusals that follow from it.

The rows restate the public Apertis Audio API reference as read on 2026-11-22; a row says where a
fact comes from when it comes from elsewhere. Change or add rows with a plain merge::

    ApertisAudio(models=MODELS | {"my-whisper": MODELS["whisper-1"]})
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

from apertis_audio_tools.errors import ConfigurationError, UnsupportedError

Operation = Literal["transcribe", "translate", "speak", "chat"]
TranscriptFormat = Literal["json", "text", "srt", "vtt", "verbose_json"]
SpeechFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
UploadFormat = Literal["auto", "original", "mp3", "opus"]
"""Encoding of uploads. `auto` and `original` re-encode only what the service would not take."""
Task = Literal["transcribe", "translate"]

TRANSCRIPTION_MODEL = "whisper-1"
SPEECH_MODEL = "tts-1"
CHAT_MODEL = "gpt-4o-audio-preview"
VOICE = "alloy"

TRANSCRIPT_FORMATS = frozenset(get_args(TranscriptFormat))
SPEECH_FORMATS = frozenset(get_args(SpeechFormat))
CHAT_AUDIO_FORMATS = frozenset({"wav", "mp3", "flac", "opus", "aac", "pcm16"})
VOICES = frozenset({"alloy", "echo", "fable", "onyx", "nova", "shimmer"})

MAX_UPLOAD_BYTES = 26_214_400
"""25 MiB of request content: the multipart frame counts (public reports of the 413's own words)."""
MAX_SPEECH_CHARACTERS = 4096
SPEED_RANGE = (0.25, 4.0)
TEMPERATURE_RANGE = (0.0, 1.0)
CHAT_TEMPERATURE_RANGE = (0.0, 2.0)

_REFERENCE = "Apertis Audio API reference"
_JSON_ONLY = frozenset({"json"})


@dataclass(frozen=True, slots=True)
class Model:
    """What one model can do.

    Attributes:
        formats: The answer formats of each operation the model has; no key, no such operation.
        source: Where the row comes from.
        max_seconds: The longest recording of one request, in seconds.
        instructions: Whether speech follows ``instructions``.
        voices: The documented voices it speaks with; others are the server's to judge.
    """

    formats: Mapping[Operation, frozenset[str]]
    source: str = _REFERENCE
    max_seconds: float | None = None
    instructions: bool = False
    voices: frozenset[str] = field(default=VOICES)


def _whisper() -> Model:
    return Model({"transcribe": TRANSCRIPT_FORMATS, "translate": TRANSCRIPT_FORMATS})


def _gpt_transcribe() -> Model:
    return Model(
        {"transcribe": _JSON_ONLY},
        source=f"{_REFERENCE}; the 1400 s from public reports of the refusal behind it",
        max_seconds=1400.0,
    )


def _speech(*, instructions: bool = False, voices: frozenset[str] = VOICES) -> Model:
    return Model({"speak": SPEECH_FORMATS}, instructions=instructions, voices=voices)


MODELS: MappingProxyType[str, Model] = MappingProxyType(
    {
        "whisper-1": _whisper(),
        "whisper-large-v3": _whisper(),
        "whisper-large-v3-turbo": _whisper(),
        "gpt-4o-mini-transcribe": _gpt_transcribe(),
        "gpt-4o-transcribe": _gpt_transcribe(),
        "tts-1": _speech(),
        "tts-1-hd": _speech(),
        "gpt-4o-mini-tts-2025-12-15": _speech(instructions=True),
        "gemini-3.1-flash-tts-preview": _speech(voices=frozenset()),
        "gpt-4o-audio-preview": Model({"chat": CHAT_AUDIO_FORMATS}),
    }
)
"""The documented models by name."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The questions asked of the table; a model without a row is the server's to judge."""

    models: Mapping[str, Model] = field(default_factory=lambda: MODELS)

    def best_transcript_format(self, model: str, operation: Operation) -> TranscriptFormat:
        """``verbose_json``, which carries times, from models known to give it; else ``json``."""
        row = self.models.get(model)
        known = row.formats.get(operation, frozenset()) if row else frozenset()
        return "verbose_json" if "verbose_json" in known else "json"

    def require(self, model: str, operation: Operation, answer_format: str | None = None) -> None:
        """Refuse what is known to be impossible.

        Raises:
            UnsupportedError: The model has no such operation, or not in that format.
        """
        row = self.models.get(model)
        if row is None:
            return
        if operation not in row.formats:
            others = _names(name for name, each in self.models.items() if operation in each.formats)
            raise UnsupportedError(f"{model} cannot {operation}; these models can: {others}.")
        if answer_format is not None and answer_format not in row.formats[operation]:
            raise UnsupportedError(
                f"{model} answers {operation} in {_names(row.formats[operation])}, not in "
                f"{answer_format}{self._alternative(operation, answer_format)}."
            )

    def max_seconds(self, model: str) -> float | None:
        """The longest recording the model takes in one request, where that is known."""
        row = self.models.get(model)
        return row.max_seconds if row else None

    def require_duration(self, model: str, seconds: float | None) -> None:
        """Refuse a recording longer than the model takes.

        Raises:
            UnsupportedError: Known to be too long.
        """
        row = self.models.get(model)
        if row and row.max_seconds and seconds and seconds > row.max_seconds:
            raise UnsupportedError(
                f"{model} takes at most {row.max_seconds:.0f} s of audio a request, and this "
                f"recording has {seconds:.0f} s; use a whisper model or send a shorter recording."
            )

    def require_instructions(self, model: str) -> None:
        """Refuse `instructions` where they would be ignored.

        Raises:
            UnsupportedError: The model is known not to follow them.
        """
        row = self.models.get(model)
        if row and not row.instructions:
            others = _names(name for name, each in self.models.items() if each.instructions)
            raise UnsupportedError(f"{model} ignores instructions; {others} follows them.")

    def require_voice(self, model: str, voice: str) -> None:
        """Refuse a voice that belongs to other models only.

        Raises:
            UnsupportedError: The model is known not to have it.
        """
        row = self.models.get(model)
        if row and voice in VOICES and voice not in row.voices:
            raise UnsupportedError(
                f"{model} has no voice {voice!r}: that one belongs to "
                f"{_names(n for n, m in self.models.items() if self._speaks_with(m, voice))}."
            )

    def _alternative(self, operation: Operation, answer_format: str) -> str:
        able = [n for n, m in self.models.items() if answer_format in m.formats.get(operation, ())]
        return f"; {_names(able)} can" if able else ""

    @staticmethod
    def _speaks_with(model: Model, voice: str) -> bool:
        return "speak" in model.formats and voice in model.voices


def require_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Refuse a value outside a documented list.

    Raises:
        UnsupportedError: Saying which values there are.
    """
    if value not in set(choices):
        raise UnsupportedError(f"{name} is {value!r}; it can be {_names(choices)}.")


def require_range(name: str, value: float | None, limits: tuple[float, float]) -> None:
    """Refuse a number outside its documented range; None is left to the server.

    Raises:
        UnsupportedError: Saying what the range is.
    """
    low, high = limits
    if value is not None and not low <= value <= high:
        raise UnsupportedError(f"{name} is {value}; it can be from {low} to {high}.")


def require_piece_options(piece_seconds: float | None, upload_format: UploadFormat) -> None:
    """Refuse pieces of no length, and encodings that are not there.

    Raises:
        ConfigurationError: The length is not above 0.
        UnsupportedError: Saying which encodings there are.
    """
    if piece_seconds is not None and not piece_seconds > 0:
        raise ConfigurationError(f"piece_seconds has to be above 0, not {piece_seconds}.")
    require_choice("upload_format", upload_format, get_args(UploadFormat))


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
