"""GET /api/v2/models: the catalogue of the service, with prices."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from apertis_audio_tools.api.call import Call, parse_json
from apertis_audio_tools.api.request import Request
from apertis_audio_tools.api.response import Response, malformed_error

_PATH = "/api/v2/models?page_size=500"
_VERSION = "/v1"
_SECONDS_PER_HOUR = 3600.0
_UNIT_SECONDS = {"hour": 3600.0, "minute": 60.0, "second": 1.0}
_FREE = "free"


@dataclass(frozen=True, slots=True)
class CatalogueModel:
    """A model in the catalogue.

    Attributes:
        name: Name of the model.
        is_deprecated: True if the catalogue says so.
        dollars_per_hour: Price of an hour of audio, if the catalogue has a price for time.
    """

    name: str
    is_deprecated: bool
    dollars_per_hour: float | None


class _Catalogue(BaseModel):
    data: Any = None
    models: Any = None


def catalogue_call(base_url: str) -> Call[tuple[CatalogueModel, ...]]:
    """Return the call that reads the catalogue.

    The catalogue is beside the API, not below it: `base_url` without its version.
    """
    return Call(Request("GET", base_url.removesuffix(_VERSION) + _PATH), _read)


def _read(response: Response) -> tuple[CatalogueModel, ...]:
    body = parse_json(response, _Catalogue)
    data = body.models if body.data is None else body.data
    if isinstance(data, Mapping):  # the rows of one page, beside their number
        data = next((each for each in data.values() if isinstance(each, list)), None)
    if not isinstance(data, list):
        raise malformed_error(response, "there are no models in it")
    models = (_read_row(row) for row in data if isinstance(row, Mapping))
    return tuple(each for each in models if each)


def _read_row(row: Mapping[str, Any]) -> CatalogueModel | None:
    names = (row.get(key) for key in ("model_id", "id", "model", "name"))
    name = next((each for each in names if isinstance(each, str)), None)
    if name is None:
        return None
    return CatalogueModel(name, row.get("is_deprecated") is True, _dollars_per_hour(row))


def _dollars_per_hour(row: Mapping[str, Any]) -> float | None:
    """Return the price of an hour, or None if the row has none for a unit of time.

    Prices for tokens, and for units that are not known here, are not converted: that would be a
    guess.
    """
    price, unit = row.get("input_price"), row.get("charge_type")
    if not isinstance(unit, str):
        return None
    unit = unit.lower().removeprefix("per_").removesuffix("s")
    if unit == _FREE:
        return 0.0
    if unit not in _UNIT_SECONDS or not isinstance(price, int | float) or isinstance(price, bool):
        return None
    return price * _SECONDS_PER_HOUR / _UNIT_SECONDS[unit] if 0 < price < math.inf else None
