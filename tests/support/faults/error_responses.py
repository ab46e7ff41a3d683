"""The service refuses, for now or for good."""

import time
from email.utils import formatdate

from support.faults.endpoints import ALL, TRANSCRIBE, WAYS, Endpoint
from support.faults.fault import RETRIES, Fault, Refused, Script
from support.loopback import Behaviour, Exchange
from support.scripted_responses import answer, error, raw

PAGE = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
BACKOFF = (0.25, 8.5)
"""Seconds that are neither a storm nor a nap."""


def once(behaviour: Behaviour) -> Script:
    """The first time; then the right answer."""
    return lambda endpoint: [behaviour, endpoint.good]


def always(behaviour: Behaviour) -> Script:
    """Every time."""
    return lambda _: [behaviour]


def dated(seconds: float, header: str) -> Behaviour:
    """Too many requests, until a moment by the server's own clock."""

    def behave(exchange: Exchange) -> None:
        now = int(time.time())
        moments = {"retry_after": formatdate(now + seconds, usegmt=True)}
        moments["x_ratelimit_reset"] = str(now + int(seconds))
        headers = {"date": formatdate(now, usegmt=True), header: moments[header]}
        error(429, "rate_limit_exceeded", **headers)(exchange)

    return behave


def twice_told(exchange: Exchange) -> None:
    """Too many requests, and two gateways that say so."""
    exchange.read_body()
    head = b"HTTP/1.1 429 No\r\nretry-after: 1\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"
    exchange.write(head)


def limited(said: str, right: str, pause: tuple[float, float], **headers: str) -> Fault:
    """A 429 that may be tried again."""
    script = once(error(429, "rate_limit_exceeded", **headers))
    on = WAYS if headers else ALL
    return Fault(f"429, {said}", right, script, pause=pause, on=on)


def passing(status: int) -> Fault:
    """A refusal that passes by itself."""
    name = f"{status}, then a right answer"
    on = ALL if status in {500, 503} else WAYS
    return Fault(name, "pause, ask again", once(error(status)), pause=BACKOFF, on=on)


def final(status: int, code: str, kind: str, retry_after: float | None = None) -> Fault:
    """A refusal that stays, whatever the service says about coming back."""
    headers = {} if retry_after is None else {"retry_after": str(retry_after)}
    return Fault(
        f"{status} {code}" + (f", Retry-After: {retry_after:g}" if retry_after else ""),
        "one request, typed error with status, code and request id",
        always(error(status, code, **headers)),
        Refused(kind, status, code, retry_after, "req-7", "Said the server"),
        attempts=1,
    )


def only(fault: Fault, *endpoints: Endpoint) -> Fault:
    """The same where all endpoints are alike: once is enough."""
    return Fault(fault.name, fault.right, fault.script, fault.error, fault.attempts, on=endpoints)


LIMITS = (
    limited("Retry-After in seconds", "wait 1 s", (0.99, 1.5), retry_after="1"),
    Fault(
        "429, Retry-After as a date",
        "wait until the date",
        once(dated(2, "retry_after")),
        pause=(0.9, 3.0),
        on=WAYS,
    ),
    limited("retry-after-ms", "wait 1.5 s", (1.49, 2.0), retry_after_ms="1500"),
    Fault(
        "429, X-RateLimit-Reset",
        "wait until the reset",
        once(dated(3, "x_ratelimit_reset")),
        pause=(1.9, 4.0),
        on=WAYS,
    ),
    Fault("429, Retry-After twice", "wait 1 s", once(twice_told), pause=(0.99, 1.5), on=WAYS),
    limited("without a word", "pause", BACKOFF),
    *(
        limited(f"Retry-After: {said}", "pause", BACKOFF, retry_after=said)
        for said in ("0", "-5", "soon", "nan")
    ),
    *(
        limited(f"X-RateLimit-Reset: {said}", "pause", BACKOFF, x_ratelimit_reset=said)
        for said in ("60", "17953488000000")
    ),
    Fault(
        "429 for ever",
        "give up after the retries, typed error",
        always(error(429, "rate_limit_exceeded")),
        Refused("RateLimitError", 429, "rate_limit_exceeded", None, "req-7"),
        attempts=RETRIES + 1,
        pause=BACKOFF,
    ),
    Fault(
        "503, Retry-After",
        "wait 1 s",
        once(error(503, "service_unavailable", retry_after="1")),
        pause=(0.99, 1.5),
    ),
    final(429, "rate_limit_exceeded", "RateLimitError", 999.0),
)

FAILURES = (
    *(passing(status) for status in (408, 409, 425, 500, 502, 503, 504, 529)),
    Fault(
        "502 with a page, then a right answer",
        "pause, ask again",
        once(answer(502, PAGE, "text/html")),
        pause=BACKOFF,
    ),
    Fault(
        "502 with a page for ever",
        "give up, typed error without the page",
        always(answer(502, PAGE, "text/html", x_request_id="req-9")),
        Refused("ServerError", 502, None, None, "req-9", "responded with Bad Gateway (502)."),
        attempts=RETRIES + 1,
    ),
    Fault(
        "500 for ever",
        "give up after the retries, typed error",
        always(error(500)),
        Refused("ServerError", 500, "internal_error", None, "req-7"),
        attempts=RETRIES + 1,
        pause=BACKOFF,
    ),
)

REFUSALS = (
    final(400, "invalid_request", "InvalidRequestError"),
    final(401, "invalid_api_key", "AuthenticationError"),
    final(402, "quota_exceeded", "PaymentError", 1.0),
    final(403, "audio_requires_payg", "AudioRequiresPaygError"),
    final(403, "access_denied", "PermissionDeniedError"),
    final(404, "model_not_found", "NotFoundError"),
    final(413, "file_too_large", "TooLargeError"),
    final(415, "invalid_file_format", "InvalidRequestError"),
    final(422, "invalid_parameter", "InvalidRequestError"),
    final(429, "insufficient_quota", "PaymentError", 1.0),
    *(
        only(final(status, code, kind), TRANSCRIBE)
        for status, kind, codes in (
            (400, "InvalidRequestError", "invalid_parameter missing_parameter invalid_file_format"),
            (400, "InvalidRequestError", "output_length_exceeded content_policy_violation"),
            (401, "AuthenticationError", "missing_api_key expired_api_key"),
            (402, "PaymentError", "insufficient_balance subscription_expired payment_failed"),
            (403, "PermissionDeniedError", "model_access_denied ip_not_allowed account_suspended"),
            (404, "NotFoundError", "endpoint_not_found"),
            (429, "PaymentError", "quota_exceeded"),
        )
        for code in codes.split()
    ),
    Fault(
        "401 cut off in its words",
        "one request, typed error",
        always(raw(b'HTTP/1.1 401 No\r\ncontent-length: 999\r\n\r\n{"error": {"mess')),
        Refused("AuthenticationError", 401),
        attempts=1,
    ),
)
