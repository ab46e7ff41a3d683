"""Behaviours of the loopback server."""

import itertools
import json
from collections.abc import Iterable
from typing import Any

from support.loopback_server import Behaviour, Exchange


def respond(
    status: int = 200, body: bytes = b"", media_type: str = "", **headers: str
) -> Behaviour:
    """Send a complete response; ``retry_after="1"`` is the header ``retry-after: 1``."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    if media_type:
        fields["content-type"] = media_type

    def behave(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.write_head(status, {"content-length": str(len(body))} | fields, body)

    return behave


def respond_json(data: Any, status: int = 200, **headers: str) -> Behaviour:
    """Send a complete JSON response."""
    return respond(status, json.dumps(data).encode(), "application/json", **headers)


def respond_error(status: int, code: str = "internal_error", **headers: str) -> Behaviour:
    """Send an error response with the documented error object."""
    details = {"message": f"Message of the server: {code}", "type": "api_error", "code": code}
    return respond_json({"error": details}, status, **{"x_request_id": "req-7"} | headers)


def refuse_early(status: int, code: str, after: int = 100_000) -> Behaviour:
    """Send an error after `after` bytes of the body; closing with the rest unread is a reset."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body(after)
        body = json.dumps({"error": {"message": "Refused early.", "code": code}}).encode()
        headers = {"content-length": str(len(body)), "connection": "close"}
        exchange.write_head(status, headers, body)
        exchange.close()

    return behave


def send_raw(data: bytes) -> Behaviour:
    """Send raw bytes and close the connection."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.write(data)
        exchange.close()

    return behave


def respond_truncated(
    body: bytes, missing: int = 10, media_type: str = "application/json"
) -> Behaviour:
    """Send a body that is `missing` bytes shorter than announced."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: "
    return send_raw(f"{head}{len(body) + missing}\r\n\r\n".encode() + body)


def reset_connection(before: int | None = None, data: bytes = b"") -> Behaviour:
    """Read `before` bytes of the body (or all), send `data`, and reset the connection."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body(before)
        exchange.write(data)
        exchange.reset()

    return behave


def stay_silent(data: bytes = b"") -> Behaviour:
    """Send `data`, then nothing until the client disconnects."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.write(data)
        exchange.wait_for_disconnect()

    return behave


def stop_reading(after: int = 0) -> Behaviour:
    """Read `after` bytes of the body, then neither read nor send anything."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body(after)
        exchange.closing.wait()
        exchange.close()

    return behave


def send_slowly(first: bytes, then: bytes = b" ", pause: float = 0.02) -> Behaviour:
    """Send `first` at once, then `then` repeatedly with pauses until the client disconnects."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.write(first)
        for _ in itertools.takewhile(lambda _: not exchange.closing.wait(pause), itertools.count()):
            exchange.write(then)

    return behave


def respond_chunked(
    chunks: Iterable[bytes], media_type: str, *, is_whole: bool = True
) -> Behaviour:
    """Send a chunked response; an iterable that blocks delays the chunks."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.write_head(200, {"content-type": media_type, "transfer-encoding": "chunked"})
        for chunk in chunks:
            exchange.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        if is_whole:
            exchange.write(b"0\r\n\r\n")
        else:
            exchange.close()

    return behave
