"""Faults in which a response is unusual, malformed, or a redirect."""

from support.faults.endpoints import ONE_OF_EACH, Endpoint
from support.faults.error_responses import always, once
from support.faults.fault import ExpectedError, Fault, Script
from support.faults.raw_responses import (
    always_send,
    head,
    in_chunks,
    send_and_keep_open,
    send_once,
    whole,
)
from support.loopback_server import Behaviour, Exchange
from support.scripted_responses import respond, send_raw

RETRY = "send the whole request again"
ACCEPT = "accept the response"


def after_interim(status: int) -> Script:
    """Send an interim response, then the correct response."""

    def script(endpoint: Endpoint) -> list[Behaviour]:
        return [send_and_keep_open(f"HTTP/1.1 {status} Wait\r\n\r\n".encode() + whole(endpoint))]

    return script


def redirect_to_another_host(exchange: Exchange) -> None:
    """Redirect to the same server under another host name."""
    port = exchange.received.headers["host"].rpartition(":")[2]
    location = f"http://localhost:{port}{exchange.received.target}"
    respond(307, location=location)(exchange)


def redirect_to_itself(status: int) -> Behaviour:
    """Redirect to the requested URL."""
    return lambda exchange: respond(status, location=exchange.received.target)(exchange)


def with_duplicate_headers(endpoint: Endpoint) -> bytes:
    """Return the correct response with every header twice."""
    length, date = f"content-length: {len(endpoint.body)}", "date: Sun, 22 Nov 2026 12:00:00 GMT"
    return whole(endpoint, f"content-type: {endpoint.media_type}", length, date, date)


UNUSUAL_RESPONSES = (
    *(
        Fault(
            f"{status} before the response",
            ACCEPT,
            after_interim(status),
            attempts=1,
            endpoints=ONE_OF_EACH,
        )
        for status in (100, 103)
    ),
    Fault("chunks", ACCEPT, always_send(in_chunks, send_and_keep_open), attempts=1),
    Fault(
        "chunks with a trailer",
        ACCEPT,
        always_send(lambda e: in_chunks(e, b"0\r\nx-checksum: 1\r\n\r\n"), send_and_keep_open),
        attempts=1,
    ),
    Fault(
        "no length, closed at the end",
        ACCEPT,
        always_send(lambda endpoint: head(endpoint) + endpoint.body),
        attempts=1,
    ),
    Fault(
        "every header twice",
        ACCEPT,
        always_send(with_duplicate_headers, send_and_keep_open),
        attempts=1,
    ),
    Fault(
        "a thousand headers with binary values",
        ACCEPT,
        always_send(
            lambda e: whole(e, *(f"x-{n}: \xff\xfe" for n in range(1000))), send_and_keep_open
        ),
        attempts=1,
    ),
    Fault(
        "two lengths that differ",
        RETRY,
        send_once(lambda endpoint: whole(endpoint, "content-length: 1")),
    ),
    Fault("an invalid length", RETRY, send_once(lambda e: head(e, "content-length: -1"))),
    Fault("headers of 200 KB", RETRY, send_once(lambda e: whole(e, "x-filler: " + "x" * 200_000))),
    Fault("another protocol", RETRY, once(send_raw(b"SSH-2.0-OpenSSH_9.2\r\n"))),
    Fault("half a header", RETRY, once(send_raw(b"HTTP/1.1 200 OK\r\nContent-"))),
    Fault(
        "a chunk without its size",
        RETRY,
        send_once(lambda e: head(e, "transfer-encoding: chunked") + b"what?\r\n" + e.body),
    ),
)

REDIRECTS = (
    Fault(
        "307 to another host",
        "refuse to send the audio elsewhere",
        always(redirect_to_another_host),
        ExpectedError("APIStatusError", 307, message="redirects elsewhere"),
        attempts=1,
    ),
    *(
        Fault(
            f"{status} to itself",
            "refuse, one request",
            always(redirect_to_itself(status)),
            ExpectedError("APIStatusError", status, message="redirects elsewhere"),
            attempts=1,
            endpoints=ONE_OF_EACH,
        )
        for status in (301, 302, 303, 308)
    ),
)
