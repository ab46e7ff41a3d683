"""Responses as bytes, correct and truncated ones, and scripts that send them."""

from collections.abc import Callable

from support.faults.endpoints import Endpoint
from support.faults.fault import Script
from support.loopback_server import Behaviour, Exchange
from support.scripted_responses import send_raw

Bytes = Callable[[Endpoint], bytes]


def head(endpoint: Endpoint, *lines: str) -> bytes:
    """Return the head of a successful response."""
    lines_of_head = ["HTTP/1.1 200 OK", f"content-type: {endpoint.media_type}", *lines, "", ""]
    return "\r\n".join(lines_of_head).encode("latin-1")


def whole(endpoint: Endpoint, *lines: str) -> bytes:
    """Return a complete successful response."""
    return head(endpoint, f"content-length: {len(endpoint.body)}", *lines) + endpoint.body


def short(endpoint: Endpoint) -> bytes:
    """Return a response that is shorter than its Content-Length."""
    return head(endpoint, f"content-length: {len(endpoint.body) + 10}") + endpoint.body


def in_chunks(endpoint: Endpoint, last: bytes = b"0\r\n\r\n") -> bytes:
    """Return the correct response in two chunks."""
    cut = len(endpoint.body) // 2
    halves = endpoint.body[:cut], endpoint.body[cut:]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(half), half) for half in halves)
    return head(endpoint, "transfer-encoding: chunked") + chunks + last


def send_and_keep_open(data: bytes) -> Behaviour:
    """Send raw bytes and keep the connection open."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.write(data)

    return behave


def always_send(data: Bytes, behave: Callable[[bytes], Behaviour] = send_raw) -> Script:
    """Send these bytes in response to every request."""
    return lambda endpoint: [behave(data(endpoint))]


def send_once(data: Bytes, behave: Callable[[bytes], Behaviour] = send_raw) -> Script:
    """Send these bytes once, then the correct response."""
    return lambda endpoint: [behave(data(endpoint)), endpoint.success]
