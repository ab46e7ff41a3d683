"""Options of one call to the service: frozen values that the sync and the async verbs share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from apertis_audio_tools.api.speakers import Speakers, require_speaker_options
from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.models import (
    CHAT_MODEL,
    SPEECH_MODEL,
    TRANSCRIPTION_MODEL,
    VOICE,
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

TimestampGranularity = Literal["word", "segment"]
"""Texts of a transcript that have times."""


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
    timestamp_granularities: Sequence[TimestampGranularity] | None = None
    speakers: Speakers | None = None
    speaker_names: Sequence[str] | None = None
    channels: Sequence[int] | None = None
    pauses: Pauses = "keep"
    quality: Quality = "keep"

    def __post_init__(self) -> None:
        """Replace lists by tuples, so that the options can be compared and are the same later."""
        for name in ("timestamp_granularities", "speaker_names", "channels"):
            if isinstance(value := getattr(self, name), list):
                object.__setattr__(self, name, tuple(value))

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
