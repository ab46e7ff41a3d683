"""Options of one call to the service: frozen values that the sync and the async verbs share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Self, TypeAlias, get_args

from apertis_audio_tools.api.speakers import Speakers, require_speaker_options
from apertis_audio_tools.errors import ConfigurationError, UnsupportedError
from apertis_audio_tools.models import (
    AUTO,
    VOICE,
    Operation,
    Pauses,
    Quality,
    SpeechFormat,
    Task,
    TrackChoice,
    TranscriptFormat,
    UploadFormat,
    require_piece_options,
    require_quality_options,
    require_track_choice,
)

ChatMessage: TypeAlias = Mapping[str, Any]

TimestampGranularity = Literal["word", "segment"]
"""Texts of a transcript that have times."""

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
        words: True if a transcript needs the times of words.
    """

    operation: Operation
    response_format: str | None = None
    language: str | None = None
    languages: Sequence[str] = ()
    voice: str | None = None
    instructions: bool = False
    has_audio: bool = False
    seconds: float | None = None
    words: bool = False

    def __str__(self) -> str:
        words = [
            self.operation,
            f"in {self.response_format}" if self.response_format else "",
            "in several languages" if len(self.languages) > 1 else "",
            "with the times of words" if self.words else "",
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
    timestamp_granularities: Sequence[TimestampGranularity] | None = None
    speakers: Speakers | None = None
    speaker_names: Sequence[str] | None = None
    channels: Sequence[int] | None = None
    pauses: Pauses = "keep"
    quality: Quality = "keep"

    def __post_init__(self) -> None:
        """Replace lists by tuples, so that the options can be compared and are the same later."""
        for name in ("languages", "keywords"):
            value = getattr(self, name)
            if isinstance(value, str) or not isinstance(value, Sequence):
                raise UnsupportedError(f"{name} is a list of texts, not {type(value).__name__}.")
            object.__setattr__(self, name, tuple(value))
        for name in ("timestamp_granularities", "speaker_names", "channels"):
            if isinstance(value := getattr(self, name), list):
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
            words=self.wants_words,
        )

    @property
    def wants_words(self) -> bool:
        """True if the times of words are requested."""
        return "word" in (self.timestamp_granularities or ())

    def require_valid(self) -> None:
        """Raise an error for options that no recording and no model can have."""
        require_piece_options(self.piece_seconds, self.upload_format)
        require_track_choice(self.track)
        require_quality_options(self.pauses, self.quality)
        require_speaker_options(self.speakers, self.speaker_names, self.channels, self.track)
        if self.timestamp_granularities is not None:
            _require_granularities(self.timestamp_granularities)


def _require_granularities(value: object) -> None:
    is_list = isinstance(value, Sequence) and not isinstance(value, str) and value
    known = get_args(TimestampGranularity)
    if not is_list or any(each not in known for each in value):  # type: ignore[attr-defined]
        raise ConfigurationError(
            f'timestamp_granularities is {value!r:.100}; it is a list of "word" and "segment".'
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
