"""GET /models."""

from typing import Annotated

from pydantic import BaseModel, FailFast

from apertis_audio_tools.api.call import Call, parse_json
from apertis_audio_tools.api.request import Request
from apertis_audio_tools.api.response import Response


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: Annotated[list[_Model], FailFast()]


def model_list_call() -> Call[tuple[str, ...]]:
    """Return the call that lists the names of the models the API key can use."""
    return Call(Request("GET", "/models"), _read)


def _read(response: Response) -> tuple[str, ...]:
    return tuple(model.id for model in parse_json(response, _Models).data)
