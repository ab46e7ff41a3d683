"""Responses: their status, headers and error bodies."""

import json
import re
import time
from collections.abc import Callable, Mapping
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
from apertis_audio_tools.models import MAX_ERROR_RESPONSE_BYTES

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
_NO_MODEL = "model_not_found"
_GONE_CODES = frozenset({_NO_MODEL, "model_decommissioned", "model_deprecated"})
_MODEL_IS_GONE = re.compile(
    r"no available channel|no endpoints found for|\bmodel\b.{,200}"
    r"(does not exist|not found|deprecated|decommissioned|retired|shut down|no longer)",
    re.IGNORECASE,
)
"""Texts of services and gateways for a model that they do not have any more (public reports)."""
_GONE_STATUSES = frozenset({400, 404, 410, 503})
_FIREWALL = re.compile(rb"\s*error code: (1\d{3})\b")
"""Beginning of a refusal by the firewall in front of the service (Cloudflare's error pages)."""
_SNIPPET_BYTES = 200
_REDACTED_BYTES = 16_384
_MAX_MODEL_NAME = 200
_MAX_NESTED_ERRORS = 4
_API_KEY = re.compile(r"(?<![^\W_])sk-[\w-]{6,}")
"""Any key; the client's own is replaced however it is written."""
_MAX_RESET_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response, or the head of one.

    Attributes:
        status: HTTP status.
        headers: Headers, with their names in lower case.
        body: Body; empty for a head.
        redact: Function that removes the API key from a text of the response.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)
    redact: Callable[[str], str] = field(default=str, repr=False, compare=False)

    @property
    def request_id(self) -> str | None:
        """Id of the request for the support of the service."""
        names = ("x-request-id", "x-litellm-call-id", "cf-ray")
        found = next((self.headers[name] for name in names if self.headers.get(name)), None)
        return found and _API_KEY.sub("sk-...", found)

    @property
    def actual_model(self) -> str | None:
        """Model that responded, if the gateway says so: it may not be the one requested."""
        name = _one_line(self.headers.get("x-actual-model"), self.redact)
        return name if name and len(name) <= _MAX_MODEL_NAME else None

    @property
    def media_type(self) -> str:
        """Content type without its parameters, in lower case; the first one of several."""
        first = self.headers.get("content-type", "").partition(",")[0]
        return first.partition(";")[0].strip().lower()


def is_success(status: int) -> bool:
    """Return whether a status means success."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def status_error(response: Response, path: str = "") -> APIStatusError:
    """Return the error for a response without success to a request to `path`."""
    detail = _error_object(response)
    code = detail.get("code") or detail.get("type")
    message = _shown_message(detail.get("message")) or _reason(response)
    if _is_model_gone(response.status, code, message):
        code = _NO_MODEL
    error_type = _error_type(response.status, code)
    sentences = [f"{message.rstrip('.')} ({response.status}).", _advice(error_type, code, path)]
    return error_type(
        " ".join(filter(None, sentences)),
        status=response.status,
        code=code,
        param=detail.get("param"),
        request_id=response.request_id,
        retry_after=retry_after(response.status, response.headers),
    )


def malformed_error(response: Response, problem: str) -> MalformedResponseError:
    """Return the error for a response with success whose content is not usable.

    `problem` ends the sentence "The service responded with 200, but ...".
    """
    detail = _error_object(response)
    message = _shown_message(detail.get("message"))
    return MalformedResponseError(
        f"The service responded with {response.status}, but {problem}"
        + (f": {message}" if message else f" (it begins {snippet(response)})."),
        status=response.status,
        code=detail.get("code"),
        param=detail.get("param"),
        request_id=response.request_id,
    )


def snippet(response: Response) -> str:
    """Return the beginning of a text body, or the size of any other body."""
    body = response.body
    head = body[:_SNIPPET_BYTES].decode("utf-8", errors="replace")
    if not body or "\ufffd" in head.rstrip("\ufffd") or "\0" in head:
        return f"<{len(body)} bytes>"
    # Redacted before it is cut, for nothing would recognise half a key.
    text = response.redact(body[:_REDACTED_BYTES].decode("utf-8", errors="replace"))
    return repr(_API_KEY.sub("sk-...", " ".join(text[:_SNIPPET_BYTES].split()))[:80])


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


def _is_model_gone(status: int, code: str | None, message: str) -> bool:
    if status not in _GONE_STATUSES:
        return False
    is_client_error = status == HTTPStatus.BAD_REQUEST  # its messages are about parameters, too
    return code in _GONE_CODES or (not is_client_error and bool(_MODEL_IS_GONE.search(message)))


def _error_type(status: int, code: str | None) -> type[APIStatusError]:
    if code == _NO_MODEL and status in _GONE_STATUSES:
        return NotFoundError
    if status == HTTPStatus.TOO_MANY_REQUESTS and code in _QUOTA_CODES:
        return PaymentError
    if status == HTTPStatus.FORBIDDEN and code == "audio_requires_payg":
        return AudioRequiresPaygError
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerError
    return _ERRORS.get(status, APIStatusError)


def _advice(error_type: type[APIStatusError], code: str | None, path: str) -> str | None:
    if error_type is NotFoundError and code != _NO_MODEL:
        return f"Nothing is at {path}. {_NOT_FOUND_ADVICE}" if path else _NOT_FOUND_ADVICE
    return _ADVICE.get(error_type)


def _reason(response: Response) -> str:
    if HTTPStatus.MULTIPLE_CHOICES <= response.status < HTTPStatus.BAD_REQUEST:
        return "The service redirects elsewhere, which is refused because audio would be sent there"
    if firewall := _FIREWALL.match(response.body[:_SNIPPET_BYTES]):
        return (
            f"The firewall in front of the service refused the request (error "
            f"{firewall[1].decode()}) because of the program that sends it, or of its address. "
            f"Set the user_agent that the service asks for, or give it the ray id "
            f"{response.request_id or 'of the response'}"
        )
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = "an unknown status"
    return f"The service, or a gateway in front of it, responded with {phrase}"


def _error_object(response: Response) -> dict[str, str]:
    """Return the texts of an error object, each in one line and without the API key."""
    fields = _find_error_object(response.body).items()
    lines = {name: _one_line(value, response.redact) for name, value in fields}
    return {name: line for name, line in lines.items() if line}


def _find_error_object(body: bytes) -> dict[str, object]:
    """Return the error object of a body, as documented or as seen behind gateways."""
    if len(body) > MAX_ERROR_RESPONSE_BYTES:  # not an error object, and expensive to parse
        return {}
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    fields: dict[str, object] = {}
    for _ in range(_MAX_NESTED_ERRORS):
        data = data.get("error", data.get("detail")) if isinstance(data, dict) else None
        if isinstance(data, str):
            return {**fields, "message": data}
        fields |= data if isinstance(data, dict) else {}
        if "message" in fields:
            break
    return fields


def _one_line(value: object, redact: Callable[[str], str]) -> str | None:
    """Return a value as one short line, or None, for servers put anything into error fields."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return None
    # Shortened, then redacted, then cut: nothing would recognise half a key.
    words = "".join(char if char.isprintable() else " " for char in str(value)).split()
    text = redact(" ".join(words)[:_REDACTED_BYTES])
    return _API_KEY.sub("sk-...", text)[:500] or None


def _shown_message(text: str | None) -> str | None:
    """Return a message that can be shown, or None for a page of HTML."""
    return None if text is None or text.startswith("<") else text


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
