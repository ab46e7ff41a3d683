"""Options of one call to the service: frozen values that the sync and the async verbs share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apertis_audio_tools.models import (
    CHAT_MODEL,
    SPEECH_MODEL,
    TRANSCRIPTION_MODEL,
    VOICE,
    Operation,
    SpeechFormat,
    Task,
    TrackChoice,
    TranscriptFormat,
    UploadFormat,
)


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
    """

    operation: Operation
    response_format: str | None = None
    language: str | None = None
    languages: tuple[str, ...] = ()
    voice: str | None = None
    instructions: bool = False
    has_audio: bool = False

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

    `task` chooses the endpoint; see `ApertisAudio.transcribe` for the others.
    """

    task: Task = "transcribe"
    model: str = TRANSCRIPTION_MODEL
    language: str | None = None
    prompt: str | None = None
    response_format: TranscriptFormat | None = None
    temperature: float | None = None
    piece_seconds: float | None = None
    upload_format: UploadFormat = "auto"
    track: TrackChoice = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechOptions:
    """Options of a spoken text; see `ApertisAudio.speak`."""

    voice: str = VOICE
    model: str = SPEECH_MODEL
    response_format: SpeechFormat = "mp3"
    speed: float | None = None
    instructions: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions:
    """Options of one turn of a conversation; see `ApertisAudio.chat`."""

    model: str = CHAT_MODEL
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
