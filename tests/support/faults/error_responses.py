"""Faults in which the service returns an error, temporarily or permanently."""

import dataclasses
import time
from email.utils import formatdate

from support.faults.endpoints import ALL, ONE_OF_EACH, TRANSCRIBE, Endpoint
from support.faults.fault import RETRIES, ExpectedError, Fault, Script
from support.loopback_server import Behaviour, Exchange
from support.scripted_responses import respond, respond_error, send_raw

PAGE = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>"
BACKOFF = (0.25, 8.5)
"""Minimum and maximum of a pause in seconds, where the service requests none."""


def once(behaviour: Behaviour) -> Script:
    """Apply a behaviour to the first request, then send the correct response."""
    return lambda endpoint: [behaviour, endpoint.success]


def always(behaviour: Behaviour) -> Script:
    """Apply a behaviour to every request."""
    return lambda _: [behaviour]


def rate_limited_until(seconds: float, header: str) -> Behaviour:
    """Send 429 with a date, by the server's own clock, after which a retry is permitted."""

    def behave(exchange: Exchange) -> None:
        now = int(time.time())
        waits = {"retry_after": formatdate(now + seconds, usegmt=True)}
        waits["x_ratelimit_reset"] = str(now + int(seconds))
        headers = {"date": formatdate(now, usegmt=True), header: waits[header]}
        respond_error(429, "rate_limit_exceeded", **headers)(exchange)

    return behave


def duplicate_retry_after(exchange: Exchange) -> None:
    """Send 429 with two Retry-After headers, as two gateways in a row do."""
    exchange.read_body()
    head = b"HTTP/1.1 429 No\r\nretry-after: 1\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n"
    exchange.write(head)


def rate_limited(cause: str, reaction: str, pause: tuple[float, float], **headers: str) -> Fault:
    """Return a fault: one 429 that may be retried."""
    script = once(respond_error(429, "rate_limit_exceeded", **headers))
    endpoints = ONE_OF_EACH if headers else ALL
    return Fault(f"429, {cause}", reaction, script, pause=pause, endpoints=endpoints)


def temporary(status: int) -> Fault:
    """Return a fault: one error that a retry overcomes."""
    name = f"{status}, then a correct response"
    endpoints = ALL if status in {500, 503} else ONE_OF_EACH
    return Fault(
        name, "pause, retry", once(respond_error(status)), pause=BACKOFF, endpoints=endpoints
    )


def permanent(status: int, code: str, kind: str, retry_after: float | None = None) -> Fault:
    """Return a fault: an error that is not retried, even with a Retry-After."""
    headers = {} if retry_after is None else {"retry_after": str(retry_after)}
    return Fault(
        f"{status} {code}" + (f", Retry-After: {retry_after:g}" if retry_after else ""),
        "one request, typed error with status, code and request id",
        always(respond_error(status, code, **headers)),
        ExpectedError(kind, status, code, retry_after, "req-7", "Message of the server"),
        attempts=1,
    )


def only(fault: Fault, *endpoints: Endpoint) -> Fault:
    """Return a copy of a fault for some endpoints only."""
    return dataclasses.replace(fault, endpoints=endpoints)


LIMITS = (
    rate_limited("Retry-After in seconds", "wait 1 s", (0.99, 1.5), retry_after="1"),
    Fault(
        "429, Retry-After as a date",
        "wait until the date",
        once(rate_limited_until(2, "retry_after")),
        pause=(0.9, 3.0),
        endpoints=ONE_OF_EACH,
    ),
    rate_limited("retry-after-ms", "wait 1.5 s", (1.49, 2.0), retry_after_ms="1500"),
    Fault(
        "429, X-RateLimit-Reset",
        "wait until the reset",
        once(rate_limited_until(3, "x_ratelimit_reset")),
        pause=(1.9, 4.0),
        endpoints=ONE_OF_EACH,
    ),
    Fault(
        "429, Retry-After twice",
        "wait 1 s",
        once(duplicate_retry_after),
        pause=(0.99, 1.5),
        endpoints=ONE_OF_EACH,
    ),
    rate_limited("without a wait", "pause", BACKOFF),
    *(
        rate_limited(f"Retry-After: {value}", "pause", BACKOFF, retry_after=value)
        for value in ("0", "-5", "soon", "nan")
    ),
    *(
        rate_limited(f"X-RateLimit-Reset: {value}", "pause", BACKOFF, x_ratelimit_reset=value)
        for value in ("60", "17953488000000")
    ),
    Fault(
        "429 every time",
        "stop after the retries, typed error",
        always(respond_error(429, "rate_limit_exceeded")),
        ExpectedError("RateLimitError", 429, "rate_limit_exceeded", None, "req-7"),
        attempts=RETRIES + 1,
        pause=BACKOFF,
    ),
    Fault(
        "503, Retry-After",
        "wait 1 s",
        once(respond_error(503, "service_unavailable", retry_after="1")),
        pause=(0.99, 1.5),
    ),
    permanent(429, "rate_limit_exceeded", "RateLimitError", 999.0),
)

FAILURES = (
    *(temporary(status) for status in (408, 409, 425, 500, 502, 503, 504, 529)),
    Fault(
        "502 with a page, then a correct response",
        "pause, retry",
        once(respond(502, PAGE, "text/html")),
        pause=BACKOFF,
    ),
    Fault(
        "502 with a page every time",
        "stop after the retries, typed error without the page",
        always(respond(502, PAGE, "text/html", x_request_id="req-9")),
        ExpectedError("ServerError", 502, None, None, "req-9", "responded with Bad Gateway (502)."),
        attempts=RETRIES + 1,
    ),
    Fault(
        "500 every time",
        "stop after the retries, typed error",
        always(respond_error(500)),
        ExpectedError("ServerError", 500, "internal_error", None, "req-7"),
        attempts=RETRIES + 1,
        pause=BACKOFF,
    ),
)

REFUSALS = (
    permanent(400, "invalid_request", "InvalidRequestError"),
    permanent(401, "invalid_api_key", "AuthenticationError"),
    permanent(402, "quota_exceeded", "PaymentError", 1.0),
    permanent(403, "audio_requires_payg", "AudioRequiresPaygError"),
    permanent(403, "access_denied", "PermissionDeniedError"),
    permanent(404, "model_not_found", "NotFoundError"),
    permanent(413, "file_too_large", "TooLargeError"),
    permanent(415, "invalid_file_format", "InvalidRequestError"),
    permanent(422, "invalid_parameter", "InvalidRequestError"),
    permanent(429, "insufficient_quota", "PaymentError", 1.0),
    *(
        only(permanent(status, code, kind), TRANSCRIBE)
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
        "401 with a truncated body",
        "one request, typed error",
        always(send_raw(b'HTTP/1.1 401 No\r\ncontent-length: 999\r\n\r\n{"error": {"mess')),
        ExpectedError("AuthenticationError", 401),
        attempts=1,
    ),
)
