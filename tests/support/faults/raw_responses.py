"""Answers as bytes, right and wrong ones."""

from collections.abc import Callable

from support.faults.endpoints import Endpoint
from support.faults.fault import Script
from support.loopback import Behaviour, Exchange
from support.scripted_responses import raw

Bytes = Callable[[Endpoint], bytes]


def head(endpoint: Endpoint, *lines: str) -> bytes:
    """The beginning of an answer with success."""
    said = ["HTTP/1.1 200 OK", f"content-type: {endpoint.media_type}", *lines, "", ""]
    return "\r\n".join(said).encode("latin-1")


def whole(endpoint: Endpoint, *lines: str) -> bytes:
    """A whole answer with success."""
    return head(endpoint, f"content-length: {len(endpoint.body)}", *lines) + endpoint.body


def short(endpoint: Endpoint) -> bytes:
    """An answer that ends before its length."""
    return head(endpoint, f"content-length: {len(endpoint.body) + 10}") + endpoint.body


def in_chunks(endpoint: Endpoint, last: bytes = b"0\r\n\r\n") -> bytes:
    """The right answer in two chunks."""
    cut = len(endpoint.body) // 2
    halves = endpoint.body[:cut], endpoint.body[cut:]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(half), half) for half in halves)
    return head(endpoint, "transfer-encoding: chunked") + chunks + last


def kept(data: bytes) -> Behaviour:
    """Any bytes; the connection stays."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.write(data)

    return behave


def answered(data: Bytes, behave: Callable[[bytes], Behaviour] = raw) -> Script:
    """These bytes, every time."""
    return lambda endpoint: [behave(data(endpoint))]


def broken(data: Bytes, behave: Callable[[bytes], Behaviour] = raw) -> Script:
    """These bytes, and then the right answer."""
    return lambda endpoint: [behave(data(endpoint)), endpoint.good]
