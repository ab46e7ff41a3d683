"""Options of one call to the service: frozen values that the sync and the async verbs share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apertis_audio_tools.models import (
    CHAT_MODEL,
    SPEECH_MODEL,
    TRANSCRIPTION_MODEL,
    VOICE,
    SpeechFormat,
    Task,
    TranscriptFormat,
    UploadFormat,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptionOptions:
    """Options of a transcription or translation.

    Attributes:
        task: ``transcribe``, or ``translate`` into English.
        model: Transcription model; only whisper models translate.
        language: ISO 639-1 code of the language spoken, for `transcribe` only.
        prompt: Context, or the spelling of names and terms.
        response_format: Format of the response. Defaults to ``verbose_json`` for models that
            have it, else ``json``.
        temperature: Sampling temperature, 0 to 1. Defaults to the service's 0.
        piece_seconds: Target length of pieces in seconds, for recordings that have to be cut.
        upload_format: ``auto`` and ``original`` send the recording's own encoding wherever the
            service takes it; ``mp3`` and ``opus`` re-encode at 16 kHz mono for a slow line.
    """

    task: Task = "transcribe"
    model: str = TRANSCRIPTION_MODEL
    language: str | None = None
    prompt: str | None = None
    response_format: TranscriptFormat | None = None
    temperature: float | None = None
    piece_seconds: float | None = None
    upload_format: UploadFormat = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechOptions:
    """Options of a spoken text.

    Attributes:
        voice: Voice that speaks.
        model: Speech model.
        response_format: Audio format of the response.
        speed: 0.25 to 4. Defaults to the service's 1.
        instructions: Tone, accent and pace, for models that follow them.
    """

    voice: str = VOICE
    model: str = SPEECH_MODEL
    response_format: SpeechFormat = "mp3"
    speed: float | None = None
    instructions: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatOptions:
    """Options of one turn of a conversation.

    Attributes:
        model: Chat model.
        modalities: ``["text", "audio"]`` for a spoken reply.
        voice: Voice of a spoken reply; implies one.
        audio_format: Audio format of a spoken reply.
        tools: Functions the model may call, in the standard schema.
        tool_choice: ``auto``, ``none``, ``required`` or one function.
        parallel_tool_calls: Whether several functions may be called at once.
        temperature: Sampling temperature, 0 to 2.
        top_p: Nucleus sampling, 0 to 1.
        max_tokens: Longest reply, in tokens.
        stop: Sequences that end the reply.
        seed: Seed for replies that can be repeated, as far as the model can.
        response_format: JSON schema of the reply, in the standard schema.
        extra: Further fields of the chat schema, sent as they are.
    """

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
