"""Authorize requests: API keys, models, and the number of requests per minute."""

import math
import re
import time
from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from starlette.requests import Request

from apertis_audio_tools.sandbox.accounts import accounts_of
from apertis_audio_tools.sandbox.error_responses import ErrorResponse, invalid_parameter
from apertis_audio_tools.sandbox.lifecycle import lifecycle_of

_BEARER: Final = re.compile(r"Bearer +(sk-[\x21-\x7e]{1,500})", re.IGNORECASE)
_SECONDS_PER_MINUTE: Final = 60


def require_key(request: Request) -> str:
    """Return the API key of a request; raise 401 missing_api_key or invalid_api_key."""
    header = request.headers.get("authorization", "").strip()
    if not header:
        raise ErrorResponse(401, "missing_api_key", "No API key was provided.")
    if (bearer := _BEARER.fullmatch(header)) is None:
        raise ErrorResponse(401, "invalid_api_key", "The API key is malformed or unknown.")
    return bearer[1]


def count_request(request: Request, key: str, model: str) -> None:
    """Count a request, and keep key and model for the rate-limit headers of the response."""
    request.state.key, request.state.model = key, model
    accounts_of(request).add(key, requests=1)
    limit: RateLimit = request.app.state.rate_limit
    limit.count(key, model)


def require_model(
    request: Request, values: Mapping[str, object], capable: AbstractSet[str], verb: str
) -> None:
    """Raise 404 model_not_found, or 400 invalid_parameter for a model that cannot do the task.

    A missing model is left to the validation of the parameters.
    """
    model = values.get("model")
    if not isinstance(model, str):
        return
    lifecycle_of(request).require_model(model)
    if model not in capable:
        raise invalid_parameter("model", f"The model '{model}' cannot {verb}.")


def require_payg(key: str) -> None:
    """Raise 403 audio_requires_payg for a subscription key."""
    if key.startswith("sk-sub"):
        message = "Audio requires a Pay-As-You-Go key; subscription keys cannot be used."
        raise ErrorResponse(403, "audio_requires_payg", message)


class RateLimit:
    """Number of requests per key and model in the current minute of the clock.

    Args:
        per_minute: Number of requests a key may send to a model within a minute.
    """

    def __init__(self, per_minute: int) -> None:
        self._limit = per_minute
        self._minute = 0
        self._counts: Counter[tuple[str, str]] = Counter()

    def count(self, key: str, model: str) -> None:
        """Count a request, or raise 429 rate_limit_exceeded with Retry-After in seconds."""
        self._start_minute()
        if self._counts[key, model] >= self._limit:
            wait = math.ceil(self._reset_time() - time.time())
            message = f"Rate limit of {self._limit} requests per minute reached for '{model}'."
            headers = {"Retry-After": str(wait)}
            raise ErrorResponse(429, "rate_limit_exceeded", message, None, headers)
        self._counts[key, model] += 1

    def headers(self, key: str, model: str) -> dict[str, str]:
        """Return the three rate-limit headers of every response."""
        self._start_minute()
        return {
            "x-ratelimit-limit": str(self._limit),
            "x-ratelimit-remaining": str(max(0, self._limit - self._counts[key, model])),
            "x-ratelimit-reset": str(self._reset_time()),
        }

    def _start_minute(self) -> None:
        """Drop the counts of past minutes, so that memory does not grow."""
        if (minute := int(time.time()) // _SECONDS_PER_MINUTE) != self._minute:
            self._minute = minute
            self._counts.clear()

    def _reset_time(self) -> int:
        return (self._minute + 1) * _SECONDS_PER_MINUTE
