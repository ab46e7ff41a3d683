"""What was counted, in the words of each endpoint."""

from pydantic import AliasChoices, BaseModel, Field, ValidationError

from apertis_audio_tools.results import Usage


class _TokenDetails(BaseModel):
    audio_tokens: int | None = None


class _Usage(BaseModel):
    input_tokens: int = Field(0, validation_alias=AliasChoices("input_tokens", "prompt_tokens"))
    output_tokens: int = Field(
        0, validation_alias=AliasChoices("output_tokens", "completion_tokens")
    )
    input_token_details: _TokenDetails | None = Field(
        None, validation_alias=AliasChoices("input_token_details", "prompt_tokens_details")
    )
    output_token_details: _TokenDetails | None = Field(
        None, validation_alias=AliasChoices("output_token_details", "completion_tokens_details")
    )
    seconds: float = 0.0


def parse_usage(data: object) -> Usage | None:
    """The counts, in the words of either endpoint; None where they make no sense.

    A paid answer is not thrown away because its bill cannot be read.
    """
    try:
        usage = _Usage.model_validate(data)
    except ValidationError:
        return None
    heard, spoken = usage.input_token_details, usage.output_token_details
    return Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        input_audio_tokens=(heard and heard.audio_tokens) or 0,
        output_audio_tokens=(spoken and spoken.audio_tokens) or 0,
        seconds=usage.seconds,
    )
