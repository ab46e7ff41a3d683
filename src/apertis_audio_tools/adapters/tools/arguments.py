"""Arguments that a model may pass to each tool."""

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from apertis_audio_tools.text.languages import language_code

_CODE = re.compile(r"[A-Za-z]{2,3}")
_VOICE = re.compile(r"[A-Za-z0-9_-]{1,64}")

MAX_SPOKEN_CHARACTERS = 40_000
"""Longest text to speak at once: the better part of an hour."""


def _require_language(value: str | None) -> str | None:
    """Return the code of a language; models also write its name."""
    code = value and (language_code(value) or (value.lower() if _CODE.fullmatch(value) else None))
    if value is not None and not code:
        raise ValueError(f"{value!r:.50} is no language; use a code such as 'en', or leave it out")
    return code


def _require_voice(value: str | None) -> str | None:
    if value is not None and not _VOICE.fullmatch(value):
        raise ValueError(f"{value!r:.50} is no name of a voice; use one of those named, or none")
    return value


class ToolArguments(BaseModel):
    """Arguments of a tool; unknown ones are refused."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


class _RecordingArguments(ToolArguments):
    path: str = Field(
        min_length=1,
        description="The recording: the name of a file in the folders you were given, "
        "such as 'standup.m4a'.",
    )


class ReadingArguments(_RecordingArguments):
    """Arguments of the tools that read a recording."""

    start: float = Field(
        default=0.0,
        ge=0.0,
        allow_inf_nan=False,
        description="Read the transcript from this second on. Only to go on reading a long one.",
    )


class TranscribeArguments(ReadingArguments):
    """Arguments of `TranscribeTool`."""

    language: Annotated[str | None, AfterValidator(_require_language)] = Field(
        default=None,
        description="The language spoken, as an ISO 639-1 code such as 'en', if you know it.",
    )


class TranslateArguments(ReadingArguments):
    """Arguments of `TranslateTool`."""


class SpeakArguments(ToolArguments):
    """Arguments of `SpeakTool`."""

    text: str = Field(
        min_length=1, max_length=MAX_SPOKEN_CHARACTERS, description="The text to speak, verbatim."
    )
    voice: Annotated[str | None, AfterValidator(_require_voice)] = Field(
        default=None,
        description="alloy, echo, fable, onyx, nova or shimmer. Leave it out for the usual one.",
    )


class ListArguments(ToolArguments):
    """Arguments of `ListTool`."""

    start: int = Field(
        default=0,
        ge=0,
        le=10**9,
        description="Number of recordings to leave out. Only to go on reading a long list.",
    )


class AskArguments(_RecordingArguments):
    """Arguments of `AskTool`."""

    question: str = Field(
        min_length=1,
        max_length=MAX_SPOKEN_CHARACTERS,
        description="What you want to know about the recording.",
    )
