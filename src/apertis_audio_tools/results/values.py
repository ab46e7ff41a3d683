"""The base of all results, and the parts that several of them have."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """Frozen value; bytes are base64 in JSON."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        frozen=True, allow_inf_nan=False, ser_json_bytes="base64", val_json_bytes="base64"
    )


class Usage(Value):
    """Tokens and seconds that the service counted, and will bill.

    Attributes:
        input_tokens: Tokens sent, including audio tokens.
        output_tokens: Tokens received, including audio tokens.
        input_audio_tokens: Audio tokens among `input_tokens`.
        output_audio_tokens: Audio tokens among `output_tokens`.
        cached_tokens: Tokens among `input_tokens` that the service had cached.
        reasoning_tokens: Tokens among `output_tokens` that are not part of the reply.
        seconds: Seconds of audio, from models billed by time.
        cost: Cost in the currency of the service, from services that report it; None from others.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    input_audio_tokens: int = 0
    output_audio_tokens: int = 0
    seconds: float = 0.0
    cost: float | None = None


class Cue(Value):
    """Text that is shown at once.

    Attributes:
        start: Start in seconds.
        end: End in seconds.
        text: The words, in lines.
        speaker: Label of the speaker, which is not part of the text.
        is_hurried: True if the text is shown for less time than it takes to read, because the next
            words begin.
    """

    start: float
    end: float
    text: str
    speaker: str | None = None
    is_hurried: bool = False
