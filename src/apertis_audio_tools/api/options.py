"""Options of one call to the service: frozen values that the sync and the async verbs share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.models import (
    AUTO,
    VOICE,
    Operation,
    SpeechFormat,
    Task,
    TrackChoice,
    TranscriptFormat,
    UploadFormat,
)

ENGLISH = "en"
"""Language that the endpoint for translations translates into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelNeed:
    """Abilities that a request needs of its model; its `str` completes "to ...".

    Attributes:
        operation: Operation.
        response_format: Response format, if it was named.
        language: ISO 639-1 code of the language spoken, if it was named.
        languages: ISO 639-1 codes of all languages spoken.
        voice: Voice, if one was named.
        instructions: True if speech has to follow instructions.
        has_audio: True for a chat with clips, or with a spoken reply.
        seconds: Length of the pieces that a request carries, if it was named.
    """

    operation: Operation
    response_format: str | None = None
    language: str | None = None
    languages: Sequence[str] = ()
    voice: str | None = None
    instructions: bool = False
    has_audio: bool = False
    seconds: float | None = None

    def __str__(self) -> str:
        words = [
            self.operation,
            f"in {self.response_format}" if self.response_format else "",
            "in several languages" if len(self.languages) > 1 else "",
            "with instructions" if self.instructions else "",
            "with audio" if self.has_audio else "",
        ]
        return " ".join(filter(None, words))


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionOptions:
    """Options of a transcription or translation.

    `task` chooses the endpoint; see `ApertisAudio.transcribe` and `translate` for the others.
    """

    task: Task = "transcribe"
    model: str = AUTO
    language: str | None = None
    languages: Sequence[str] = ()
    keywords: Sequence[str] = ()
    prompt: str | None = None
    response_format: TranscriptFormat | None = None
    temperature: float | None = None
    piece_seconds: float | None = None
    upload_format: UploadFormat = "auto"
    track: TrackChoice = "default"
    to: str = ENGLISH
    chat_model: str = AUTO

    def __post_init__(self) -> None:
        for name in ("languages", "keywords"):  # hashable, and the same key from any sequence
            value = getattr(self, name)
            if isinstance(value, str) or not isinstance(value, Sequence):
                raise UnsupportedError(f"{name} is a list of texts, not {type(value).__name__}.")
            object.__setattr__(self, name, tuple(value))

    @property
    def translates_text(self) -> bool:
        """True for a translation that no endpoint for recordings has: one into another language."""
        return self.task == "translate" and self.to != ENGLISH

    def as_transcription(self) -> Self:
        """Return the options of the transcript that is translated."""
        return replace(self, task="transcribe", to=ENGLISH, chat_model=AUTO)

    @property
    def need(self) -> ModelNeed:
        """Abilities that are needed of the model."""
        only = self.languages[0] if len(self.languages) == 1 else None
        return ModelNeed(
            operation=self.task,
            response_format=self.response_format,
            language=self.language or only,
            languages=self.languages,
            seconds=self.piece_seconds,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechOptions:
    """Options of a spoken text; see `ApertisAudio.speak`."""

    voice: str = VOICE
    model: str = AUTO
    response_format: SpeechFormat = "mp3"
    speed: float | None = None
    instructions: str | None = None

    @property
    def need(self) -> ModelNeed:
        """Abilities that are needed of the model."""
        return ModelNeed(
            operation="speak",
            response_format=self.response_format,
            voice=self.voice,
            instructions=self.instructions is not None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions:
    """Options of one turn of a conversation; see `ApertisAudio.chat`."""

    model: str = AUTO
    modalities: Sequence[str] | None = None
    voice: str | None = None
    audio_format: str = "wav"
    tools: Sequence[Mapping[str, Any]] | None = None
    tool_choice: str | Mapping[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    stop: str | Sequence[str] | None = None
    seed: int | None = None
    response_format: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] | None = None
