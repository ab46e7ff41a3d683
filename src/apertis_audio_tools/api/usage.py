"""Usage counts, whose names differ between the endpoints."""

from typing import Annotated

from pydantic import (
    AliasChoices,
    BaseModel,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from apertis_audio_tools.results import Usage

_MAX_COUNT = 10**12
"""Far more than any request uses; sums of such counts stay finite."""


def _none_if_invalid(value: object, handler: ValidatorFunctionWrapHandler) -> object:
    try:
        return handler(value)
    except ValidationError:
        return None


_Optional = WrapValidator(_none_if_invalid)
_Tokens = Annotated[int | None, Field(ge=0, le=_MAX_COUNT), _Optional]
_Amount = Annotated[float | None, Field(ge=0, le=_MAX_COUNT), _Optional]


class _TokenDetails(BaseModel):
    audio_tokens: _Tokens = None
    cached_tokens: _Tokens = None
    reasoning_tokens: _Tokens = None


_Details = Annotated[_TokenDetails | None, _Optional]


class _Usage(BaseModel):
    input_tokens: _Tokens = Field(
        None, validation_alias=AliasChoices("input_tokens", "prompt_tokens")
    )
    output_tokens: _Tokens = Field(
        None, validation_alias=AliasChoices("output_tokens", "completion_tokens")
    )
    input_token_details: _Details = Field(
        None, validation_alias=AliasChoices("input_token_details", "prompt_tokens_details")
    )
    output_token_details: _Details = Field(
        None, validation_alias=AliasChoices("output_token_details", "completion_tokens_details")
    )
    seconds: _Amount = None
    cost: _Amount = None


USAGE_NAMES: frozenset[str] = frozenset(
    str(choice)
    for field in _Usage.model_fields.values()
    if isinstance(field.validation_alias, AliasChoices)
    for choice in field.validation_alias.choices
) | {"usage"}
"""Names of the usage, of its counts and of objects with counts."""


def parse_usage(data: object) -> Usage | None:
    """Return the counts that can be read, by the names of any endpoint, or None without any.

    A paid response is not thrown away because its counts cannot be read.
    """
    try:
        read = _Usage.model_validate(data)
    except ValidationError:
        return None
    inputs = read.input_token_details or _TokenDetails()
    outputs = read.output_token_details or _TokenDetails()
    counts = {
        "input_tokens": read.input_tokens,
        "output_tokens": read.output_tokens,
        "input_audio_tokens": inputs.audio_tokens,
        "output_audio_tokens": outputs.audio_tokens,
        "cached_tokens": inputs.cached_tokens,
        "reasoning_tokens": outputs.reasoning_tokens,
        "seconds": read.seconds,
        "cost": read.cost,
    }
    known = {name: count for name, count in counts.items() if count is not None}
    return Usage.model_validate(known) if known else None
