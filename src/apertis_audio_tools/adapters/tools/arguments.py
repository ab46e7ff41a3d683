"""What a model may pass to each tool."""

from pydantic import BaseModel, ConfigDict, Field

MAX_SPOKEN_CHARACTERS = 40_000
"""Of a text that a model has spoken at once: the better part of an hour."""


class Arguments(BaseModel):
    """What a model may pass to a tool; anything else is refused."""

    model_config = ConfigDict(extra="forbid")


class _AboutARecording(Arguments):
    path: str = Field(
        min_length=1,
        description="The recording: the name of a file in the folders you were given, "
        "such as 'standup.m4a'.",
    )


class ReadingArguments(_AboutARecording):
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


class SpeakArguments(Arguments):
    """Arguments of `SpeakTool`."""

    text: str = Field(
        min_length=1, max_length=MAX_SPOKEN_CHARACTERS, description="What to say, word for word."
    )
    voice: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        description="alloy, echo, fable, onyx, nova or shimmer. Leave it out for the usual one.",
    )


class AskArguments(_AboutARecording):
    """Arguments of `AskTool`."""

    question: str = Field(
        min_length=1,
        max_length=MAX_SPOKEN_CHARACTERS,
        description="What you want to know about the recording.",
    )
