"""What an answer's status, headers and error body mean."""

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

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

_KINDS: dict[int, type[APIStatusError]] = {
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
    PaymentError: "Check the balance and plan of this key; trying again will not help.",
    AudioRequiresPaygError: (
        "Audio needs a pay-as-you-go key, and this one belongs to a subscription: "
        "make a pay-as-you-go key in the dashboard."
    ),
    TooLargeError: "The service takes 26,214,400 bytes a request: send a shorter recording.",
}

_NO_SUCH_ADDRESS = "Check base_url (APERTIS_BASE_URL), which as a rule ends in /v1."

_QUOTA_CODES = frozenset(
    {"quota_exceeded", "insufficient_quota", "insufficient_balance", "billing_hard_limit_reached"}
)
_SNIPPET = 200
_KEY = re.compile(r"\bsk-[\w-]{6,}")
_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Response:
    """One whole answer; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(default=b"", repr=False)

    @property
    def request_id(self) -> str | None:
        """The service's name for this exchange."""
        return self.headers.get("x-request-id")

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case; of several, the first."""
        first = self.headers.get("content-type", "").partition(",")[0]
        return first.partition(";")[0].strip().lower()


def is_success(status: int) -> bool:
    """Whether the service did what was asked."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def status_error(answer: Response) -> APIStatusError:
    """The error that an answer without success stands for."""
    detail = _error_object(answer.body)
    code = _text(detail.get("code")) or _text(detail.get("type"))
    kind = _kind(answer.status, code)
    said = _sentence(detail.get("message")) or _reason(answer)
    return kind(
        " ".join(filter(None, [f"{said.rstrip('.')} ({answer.status}).", _advice(kind, code)])),
        status=answer.status,
        code=code,
        param=_text(detail.get("param")),
        request_id=answer.request_id,
        retry_after=retry_after(answer.status, answer.headers),
    )


def malformed_error(answer: Response, what: str) -> MalformedResponseError:
    """The error for an answer that came with success and cannot be believed."""
    detail = _error_object(answer.body)
    said = _sentence(detail.get("message"))
    return MalformedResponseError(
        f"The service answered {answer.status}, but {what}"
        + (f": {said}" if said else f" (it begins {snippet(answer.body)})."),
        status=answer.status,
        code=_text(detail.get("code")),
        param=_text(detail.get("param")),
        request_id=answer.request_id,
    )


def snippet(body: bytes) -> str:
    """The first printable characters of a text body; of anything else only its size."""
    head = body[:_SNIPPET].decode("utf-8", errors="replace")
    if not body or "\ufffd" in head.rstrip("\ufffd") or "\0" in head:
        return f"<{len(body)} bytes>"
    return repr(_KEY.sub("sk-...", " ".join(head.split()))[:80])


def retry_after(status: int, headers: Mapping[str, str]) -> float | None:
    """Seconds after which the server wants to be asked again, or None where it does not say.

    Looks at ``retry-after-ms``, ``Retry-After`` (seconds or a date) and, for 429 only,
    ``X-RateLimit-Reset`` (Unix seconds). Dates are compared with the server's own ``Date``, so
    that a wrong clock on this side does not matter. Words that make no sense count as nothing,
    and so does a moment that is past, or a reset more than a day ahead (it is 180 s at most).
    """
    said = (
        _seconds(headers.get("retry-after-ms"), scale=0.001)
        or _seconds(headers.get("retry-after"))
        or _ahead(_timestamp(headers.get("retry-after")), headers)
    )
    if said is None and status == HTTPStatus.TOO_MANY_REQUESTS:
        reset = _ahead(_seconds(headers.get("x-ratelimit-reset")), headers)
        said = reset if reset is not None and reset <= _DAY else None
    return said


def _kind(status: int, code: str | None) -> type[APIStatusError]:
    if status == HTTPStatus.TOO_MANY_REQUESTS and code in _QUOTA_CODES:
        return PaymentError
    if status == HTTPStatus.FORBIDDEN and code == "audio_requires_payg":
        return AudioRequiresPaygError
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return ServerError
    return _KINDS.get(status, APIStatusError)


def _advice(kind: type[APIStatusError], code: str | None) -> str | None:
    if kind is NotFoundError and code != "model_not_found":
        return _NO_SUCH_ADDRESS
    return _ADVICE.get(kind)


def _reason(answer: Response) -> str:
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        return "The service redirects elsewhere, which is refused, as audio would follow"
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "an unknown status"
    return f"The service, or a gateway before it, answered {phrase}"


def _error_object(body: bytes) -> dict[str, Any]:
    """The error object of the documented body, or of the variants seen behind gateways."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    found = data.get("error", data.get("detail")) if isinstance(data, dict) else None
    if isinstance(found, str):
        return {"message": found}
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str | None:
    """A short single line, or None: servers put all sorts of things into error fields."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return None
    words = "".join(char if char.isprintable() else " " for char in str(value)).split()
    return " ".join(words)[:500] or None


def _sentence(value: object) -> str | None:
    """A message fit to be shown: no page of a gateway, and no key that it repeats."""
    text = _text(value)
    return None if text is None or text.startswith("<") else _KEY.sub("sk-...", text)


def _seconds(value: str | None, scale: float = 1.0) -> float | None:
    """A number of seconds; of several, as when a gateway adds its own, the longest."""
    try:
        seconds = max(float(said) for said in (value or "").split(",")) * scale
    except ValueError:
        return None
    return seconds if 0 < seconds < float("inf") else None


def _ahead(moment: float | None, headers: Mapping[str, str]) -> float | None:
    """The seconds from the server's now to a moment still to come."""
    seconds = 0.0 if moment is None else moment - _server_time(headers)
    return seconds if seconds > 0 else None


def _server_time(headers: Mapping[str, str]) -> float:
    moment = _timestamp(headers.get("date"))
    return time.time() if moment is None else moment


def _timestamp(value: str | None) -> float | None:
    try:
        moment = parsedate_to_datetime(value or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
