"""Arguments that a model may pass to each tool."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

MAX_SPOKEN_CHARACTERS = 40_000
"""Longest text to speak at once: the better part of an hour."""


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

    language: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z]{2,3}$",
        description="The language spoken, as an ISO 639-1 code such as 'en', if you know it.",
    )


class TranslateArguments(ReadingArguments):
    """Arguments of `TranslateTool`."""


class SpeakArguments(ToolArguments):
    """Arguments of `SpeakTool`."""

    text: str = Field(
        min_length=1, max_length=MAX_SPOKEN_CHARACTERS, description="The text to speak, verbatim."
    )
    voice: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
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
