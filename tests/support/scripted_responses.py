"""What a loopback server can be told to do with a request."""

import itertools
import json
from collections.abc import Iterable
from typing import Any

from support.loopback import Behaviour, Exchange


def answer(status: int = 200, body: bytes = b"", media_type: str = "", **headers: str) -> Behaviour:
    """A whole answer; ``retry_after="1"`` is the header ``retry-after: 1``."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if media_type:
        given["content-type"] = media_type

    def behave(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.write_head(status, {"content-length": str(len(body))} | given, body)

    return behave


def json_answer(data: Any, status: int = 200, **headers: str) -> Behaviour:
    """A whole answer in JSON."""
    return answer(status, json.dumps(data).encode(), "application/json", **headers)


def error(status: int, code: str = "internal_error", **headers: str) -> Behaviour:
    """A refusal with the documented error object."""
    said = {"message": f"Said the server: {code}", "type": "api_error", "code": code}
    return json_answer({"error": said}, status, **{"x_request_id": "req-7"} | headers)


def early(status: int, code: str, after: int = 100_000) -> Behaviour:
    """A refusal after `after` bytes of the body; closing with the rest unread is a reset."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body(after)
        body = json.dumps({"error": {"message": "Refused early.", "code": code}}).encode()
        headers = {"content-length": str(len(body)), "connection": "close"}
        exchange.write_head(status, headers, body)
        exchange.close()

    return behave


def raw(data: bytes) -> Behaviour:
    """Any bytes, and then the end of the connection."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.write(data)
        exchange.close()

    return behave


def truncated(body: bytes, missing: int = 10, media_type: str = "application/json") -> Behaviour:
    """A body that ends `missing` bytes before it should."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: "
    return raw(f"{head}{len(body) + missing}\r\n\r\n".encode() + body)


def reset(before: int | None = None, data: bytes = b"") -> Behaviour:
    """A reset after `before` bytes of the body were read (or all), and `data` was sent."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body(before)
        exchange.write(data)
        exchange.reset()

    return behave


def silence(data: bytes = b"") -> Behaviour:
    """No word after `data`, until the client leaves."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.write(data)
        exchange.wait_for_client_to_leave()

    return behave


def deafness(after: int = 0) -> Behaviour:
    """Nothing is read after `after` bytes of the body, and nothing is said."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body(after)
        exchange.closing.wait()
        exchange.close()

    return behave


def drip(first: bytes, then: bytes = b" ", pause: float = 0.02) -> Behaviour:
    """All of `first` at once, and `then` again and again with pauses, as long as one listens."""

    def behave(exchange: Exchange) -> None:
        exchange.read_body()
        exchange.write(first)
        for _ in itertools.takewhile(lambda _: not exchange.closing.wait(pause), itertools.count()):
            exchange.write(then)

    return behave


def chunked(chunks: Iterable[bytes], media_type: str, *, is_whole: bool = True) -> Behaviour:
    """A chunked answer; an iterable that blocks makes the server wait between the chunks."""

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
