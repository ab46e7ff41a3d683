"""Responses: their status, headers and error bodies."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from apertis_audio_tools.errors import (
    APIStatusError,
    AudioRequiresPaygError,
    AuthenticationError,
    InvalidRequestError,
    MalformedResponseError,
    NotFoundError,
    PaymentError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TooLargeError,
)

_ERRORS: dict[int, type[APIStatusError]] = {
    400: InvalidRequestError,
    401: AuthenticationError,
    402: PaymentError,
    403: PermissionDeniedError,
    404: NotFoundError,
    413: TooLargeError,
    415: InvalidRequestError,
    422: InvalidRequestError,
    429: RateLimitError,
}

_ADVICE: dict[type[APIStatusError], str] = {
    AuthenticationError: "Check APERTIS_API_KEY.",
    PaymentError: "Check the balance and plan of this API key; retrying will not help.",
    AudioRequiresPaygError: (
        "Audio requires a pay-as-you-go key, and this one belongs to a subscription: "
        "create a pay-as-you-go key in the dashboard."
    ),
    TooLargeError: "The service accepts 26,214,400 bytes per request: send a shorter recording.",
}

_NOT_FOUND_ADVICE = "Check base_url (APERTIS_BASE_URL), which usually ends in /v1."

_QUOTA_CODES = frozenset(
    {"quota_exceeded", "insufficient_quota", "insufficient_balance", "billing_hard_limit_reached"}
)
_SNIPPET_BYTES = 200
_API_KEY = re.compile(r"\bsk-[\w-]{6,}")
_MAX_RESET_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response, or the head of one; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)

    @property
    def request_id(self) -> str | None:
        """Id of the request for the support of the service."""
        return self.headers.get("x-request-id")

    @property
    def media_type(self) -> str:
        """Content type without its parameters, in lower case; the first one of several."""
        first = self.headers.get("content-type", "").partition(",")[0]
        return first.partition(";")[0].strip().lower()


def is_success(status: int) -> bool:
    """Return whether a status means success."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def status_error(response: Response) -> APIStatusError:
    """Return the error for a response without success."""
    detail = _error_object(response.body)
    code = _one_line(detail.get("code")) or _one_line(detail.get("type"))
    error_type = _error_type(response.status, code)
    message = _shown_message(detail.get("message")) or _reason(response)
    sentences = [f"{message.rstrip('.')} ({response.status}).", _advice(error_type, code)]
    return error_type(
        " ".join(filter(None, sentences)),
        status=response.status,
        code=code,
        param=_one_line(detail.get("param")),
        request_id=response.request_id,
        retry_after=retry_after(response.status, response.headers),
    )


def malformed_error(response: Response, problem: str) -> MalformedResponseError:
    """Return the error for a response with success whose content is not usable.

    `problem` ends the sentence "The service responded with 200, but ...".
    """
    detail = _error_object(response.body)
    message = _shown_message(detail.get("message"))
    return MalformedResponseError(
        f"The service responded with {response.status}, but {problem}"
        + (f": {message}" if message else f" (it begins {snippet(response.body)})."),
        status=response.status,
        code=_one_line(detail.get("code")),
        param=_one_line(detail.get("param")),
        request_id=response.request_id,
    )


def snippet(body: bytes) -> str:
    """Return the beginning of a text body, or the size of any other body."""
    head = body[:_SNIPPET_BYTES].decode("utf-8", errors="replace")
    if not body or "\ufffd" in head.rstrip("\ufffd") or "\0" in head:
        return f"<{len(body)} bytes>"
    return repr(_API_KEY.sub("sk-...", " ".join(head.split()))[:80])


def retry_after(status: int, headers: Mapping[str, str]) -> float | None:
    """Return the seconds that the service asks to wait, or None.

    The headers are ``retry-after-ms``, ``Retry-After`` (seconds or a date) and, for 429 only,
    ``X-RateLimit-Reset`` (Unix seconds). Dates are compared with the service's own ``Date``, so
    that a wrong clock on this side does not matter. Invalid values and times in the past are
    ignored, and so is a reset more than a day ahead (it is 180 s at most).
    """
    seconds = (
        _parse_seconds(headers.get("retry-after-ms"), scale=0.001)
        or _parse_seconds(headers.get("retry-after"))
        or _seconds_until(_parse_date(headers.get("retry-after")), headers)
    )
    if seconds is None and status == HTTPStatus.TOO_MANY_REQUESTS:
        reset = _seconds_until(_parse_seconds(headers.get("x-ratelimit-reset")), headers)
        seconds = reset if reset is not None and reset <= _MAX_RESET_SECONDS else None
    return seconds


def _error_type(status: int, code: str | None) -> type[APIStatusError]:
    if status == HTTPStatus.TOO_MANY_REQUESTS and code in _QUOTA_CODES:
        return PaymentError
    if status == HTTPStatus.FORBIDDEN and code == "audio_requires_payg":
        return AudioRequiresPaygError
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerError
    return _ERRORS.get(status, APIStatusError)


def _advice(error_type: type[APIStatusError], code: str | None) -> str | None:
    if error_type is NotFoundError and code != "model_not_found":
        return _NOT_FOUND_ADVICE
    return _ADVICE.get(error_type)


def _reason(response: Response) -> str:
    if HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
        return "The service redirects elsewhere, which is refused because audio would be sent there"
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = "an unknown status"
    return f"The service, or a gateway in front of it, responded with {phrase}"


def _error_object(body: bytes) -> dict[str, object]:
    """Return the error object of a body, as documented or as seen behind gateways."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    error = data.get("error", data.get("detail")) if isinstance(data, dict) else None
    if isinstance(error, str):
        return {"message": error}
    return error if isinstance(error, dict) else {}


def _one_line(value: object) -> str | None:
    """Return a value as one short line, or None, for servers put anything into error fields."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return None
    words = "".join(char if char.isprintable() else " " for char in str(value)).split()
    return " ".join(words)[:500] or None


def _shown_message(value: object) -> str | None:
    """Return a message that can be shown, with API keys masked, or None for a page of HTML."""
    text = _one_line(value)
    return None if text is None or text.startswith("<") else _API_KEY.sub("sk-...", text)


def _parse_seconds(value: str | None, scale: float = 1.0) -> float | None:
    """Return the longest of several numbers of seconds, as a gateway may add its own."""
    try:
        seconds = max(float(part) for part in (value or "").split(",")) * scale
    except ValueError:
        return None
    return seconds if 0 < seconds < float("inf") else None


def _seconds_until(timestamp: float | None, headers: Mapping[str, str]) -> float | None:
    """Return the seconds from the server's time to a later time, or None."""
    seconds = 0.0 if timestamp is None else timestamp - _server_time(headers)
    return seconds if seconds > 0 else None


def _server_time(headers: Mapping[str, str]) -> float:
    timestamp = _parse_date(headers.get("date"))
    return time.time() if timestamp is None else timestamp


def _parse_date(value: str | None) -> float | None:
    try:
        date = parsedate_to_datetime(value or "")
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
