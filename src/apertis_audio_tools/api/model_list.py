"""The lists of models: GET /models of the key, and the catalogue of the service."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, FailFast

from apertis_audio_tools.api.call import Call, parse_json
from apertis_audio_tools.api.request import Request
from apertis_audio_tools.api.response import Response, malformed_error

_CATALOGUE = "/api/v2/models?page_size=500"
_VERSION = "/v1"


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


class _Catalogue(BaseModel):
    data: Any


def model_list_call() -> Call[tuple[ListedModel, ...]]:
    """Return the call that lists the models the API key can use."""
    return Call(Request("GET", "/models"), _read)


def catalogue_call(base_url: str) -> Call[frozenset[str]]:
    """Return the call that names the deprecated models in the catalogue of the service.

    The catalogue is beside the API, not below it: `base_url` without its version.
    """
    return Call(Request("GET", base_url.removesuffix(_VERSION) + _CATALOGUE), _read_deprecated)


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


def _read_deprecated(response: Response) -> frozenset[str]:
    data = parse_json(response, _Catalogue).data
    if isinstance(data, Mapping):  # the rows of one page, beside their number
        data = next((each for each in data.values() if isinstance(each, list)), None)
    if not isinstance(data, list):
        raise malformed_error(response, "there are no models in it")
    rows = [row for row in data if isinstance(row, Mapping) and row.get("is_deprecated") is True]
    names = [row.get("id") or row.get("model") or row.get("name") for row in rows]
    return frozenset(name for name in names if isinstance(name, str))
