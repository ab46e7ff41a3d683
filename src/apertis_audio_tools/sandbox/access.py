"""Who may ask, and how often: keys, subscription keys, and requests per minute."""

import math
import re
import time
from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from starlette.requests import Request

from apertis_audio_tools.sandbox import tables
from apertis_audio_tools.sandbox.refusals import Refusal, invalid

_BEARER: Final = re.compile(r"Bearer +(sk-[\x21-\x7e]+)", re.IGNORECASE)
_MINUTE: Final = 60


def key_of(request: Request) -> str:
    """The request's key.

    Raises:
        Refusal: 401 missing_api_key or invalid_api_key.
    """
    header = request.headers.get("authorization", "").strip()
    if not header:
        raise Refusal(401, "missing_api_key", "No API key was provided.")
    if (bearer := _BEARER.fullmatch(header)) is None:
        raise Refusal(401, "invalid_api_key", "The API key is malformed or unknown.")
    return bearer[1]


def count(request: Request, key: str, model: str) -> None:
    """Count a request to a model; the answer's rate-limit headers will be about both.

    Raises:
        Refusal: 429 rate_limit_exceeded.
    """
    request.state.key, request.state.model = key, model
    limit: RateLimit = request.app.state.rate_limit
    limit.take(key, model)


def require_model(values: Mapping[str, Any], able: AbstractSet[str], verb: str) -> None:
    """Let only models through that can do what is asked; other checks find that one is missing.

    Raises:
        Refusal: 404 model_not_found, or 400 invalid_parameter for a model of another kind.
    """
    model = values.get("model")
    if not isinstance(model, str):
        return
    if model not in tables.ALL_MODELS:
        raise Refusal(404, "model_not_found", f"The model '{model}' does not exist.", "model")
    if model not in able:
        raise invalid("model", f"The model '{model}' cannot {verb}.")


def require_payg(key: str) -> None:
    """Let only pay-as-you-go keys through.

    Raises:
        Refusal: 403 audio_requires_payg for a subscription key.
    """
    if key.startswith("sk-sub"):
        message = "Audio requires a Pay-As-You-Go key; subscription keys cannot be used."
        raise Refusal(403, "audio_requires_payg", message)


class RateLimit:
    """Counts requests per key and model in whole minutes of the clock.

    Args:
        per_minute: How many requests a key may send to a model within a minute.
    """

    def __init__(self, per_minute: int) -> None:
        self._limit = per_minute
        self._minute = 0
        self._counts: Counter[tuple[str, str]] = Counter()

    def take(self, key: str, model: str) -> None:
        """Count a request.

        Raises:
            Refusal: 429 rate_limit_exceeded, with Retry-After in seconds; it is not counted.
        """
        self._turn()
        if self._counts[key, model] >= self._limit:
            wait = math.ceil(self._reset() - time.time())
            message = f"Rate limit of {self._limit} requests per minute reached for '{model}'."
            raise Refusal(429, "rate_limit_exceeded", message, None, {"Retry-After": str(wait)})
        self._counts[key, model] += 1

    def headers(self, key: str, model: str) -> dict[str, str]:
        """The three headers every answer carries."""
        self._turn()
        return {
            "x-ratelimit-limit": str(self._limit),
            "x-ratelimit-remaining": str(max(0, self._limit - self._counts[key, model])),
            "x-ratelimit-reset": str(self._reset()),
        }

    def _turn(self) -> None:
        """Forget the counts of the past minute, so that memory does not grow."""
        if (minute := int(time.time()) // _MINUTE) != self._minute:
            self._minute = minute
            self._counts.clear()

    def _reset(self) -> int:
        return (self._minute + 1) * _MINUTE
