"""GET /models."""

from pydantic import BaseModel

from apertis_audio_tools.calls.call import Call, parsed
from apertis_audio_tools.wire import Answer, Request


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Model]


def model_list() -> Call[tuple[str, ...]]:
    """The names of the models the key can use."""
    return Call(Request("GET", "/models"), _read)


def _read(answer: Answer) -> tuple[str, ...]:
    return tuple(model.id for model in parsed(answer, _Models).data)
