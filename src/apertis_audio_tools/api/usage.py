"""Usage counts, whose names differ between the endpoints."""

from typing import Annotated

from pydantic import AliasChoices, BaseModel, Field, ValidationError

from apertis_audio_tools.results import Usage

_MAX_COUNT = 10**12
"""Far more than any request uses; sums of such counts stay finite."""

_Tokens = Annotated[int, Field(ge=0, le=_MAX_COUNT)]
_Seconds = Annotated[float, Field(ge=0, le=_MAX_COUNT)]


class _TokenDetails(BaseModel):
    audio_tokens: _Tokens | None = None
    cached_tokens: _Tokens | None = None
    reasoning_tokens: _Tokens | None = None


class _Usage(BaseModel):
    input_tokens: _Tokens = Field(0, validation_alias=AliasChoices("input_tokens", "prompt_tokens"))
    output_tokens: _Tokens = Field(
        0, validation_alias=AliasChoices("output_tokens", "completion_tokens")
    )
    input_token_details: _TokenDetails | None = Field(
        None, validation_alias=AliasChoices("input_token_details", "prompt_tokens_details")
    )
    output_token_details: _TokenDetails | None = Field(
        None, validation_alias=AliasChoices("output_token_details", "completion_tokens_details")
    )
    seconds: _Seconds = 0.0


USAGE_NAMES: frozenset[str] = frozenset(
    str(choice)
    for field in _Usage.model_fields.values()
    if isinstance(field.validation_alias, AliasChoices)
    for choice in field.validation_alias.choices
) | {"usage"}
"""Names of the usage, of its counts and of objects with counts."""


def parse_usage(data: object) -> Usage | None:
    """Return the counts, by the names of any endpoint, or None if they are invalid.

    A paid response is not thrown away because its counts cannot be read.
    """
    try:
        usage = _Usage.model_validate(data)
    except ValidationError:
        return None
    inputs, outputs = usage.input_token_details, usage.output_token_details
    return Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        input_audio_tokens=(inputs and inputs.audio_tokens) or 0,
        output_audio_tokens=(outputs and outputs.audio_tokens) or 0,
        cached_tokens=(inputs and inputs.cached_tokens) or 0,
        reasoning_tokens=(outputs and outputs.reasoning_tokens) or 0,
        seconds=usage.seconds,
    )
