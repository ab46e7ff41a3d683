"""GET /models: the models of the key."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, FailFast

from apertis_audio_tools.api.call import Call, parse_json
from apertis_audio_tools.api.request import Request
from apertis_audio_tools.api.response import Response


@dataclass(frozen=True, slots=True)
class ListedModel:
    """A model that the key can use.

    Attributes:
        name: Name of the model.
        retires: Day of its end, if the list says so.
    """

    name: str
    retires: date | None = None


class _Model(BaseModel):
    id: str
    shutdown_date: Any = None


class _Models(BaseModel):
    data: Annotated[list[_Model], FailFast()]


def model_list_call() -> Call[tuple[ListedModel, ...]]:
    """Return the call that lists the models the API key can use."""
    return Call(Request("GET", "/models"), _read)


def _read(response: Response) -> tuple[ListedModel, ...]:
    rows = parse_json(response, _Models).data
    return tuple(ListedModel(row.id, _parse_day(row.shutdown_date)) for row in rows)


def _parse_day(value: object) -> date | None:
    """Return a day from ISO 8601 or Unix seconds, or None for anything else."""
    try:
        if isinstance(value, str):
            return date.fromisoformat(value[:10])
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC).date()
    except (ValueError, OverflowError, OSError):
        pass
    return None
