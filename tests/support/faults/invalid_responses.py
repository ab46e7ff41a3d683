"""Faults in which a successful response is invalid, or valid only after unwrapping."""

import json
import math
import zlib
from collections.abc import Iterable
from functools import cache

from support.faults.endpoints import (
    ALL,
    CHAT,
    EVENTS,
    IN_JSON,
    MPEG,
    ONE_OF_EACH,
    SPOKEN,
    STREAM_CHAT,
    TRANSCRIBE,
    WORDS,
    Endpoint,
)
from support.faults.error_responses import always
from support.faults.fault import ExpectedError, Fault, Script
from support.loopback_server import Behaviour
from support.scripted_responses import respond, respond_chunked, respond_json, send_slowly

PAGE = b"<!DOCTYPE html><html><body>Please log in.</body></html>"
ERROR = {"error": {"message": "Overloaded.", "code": "model_overloaded"}}
MALFORMED = ExpectedError("MalformedResponseError", 200)
OVERLOADED = ExpectedError("MalformedResponseError", 200, "model_overloaded", message="Overloaded")
REACTION = "typed error, one request, no file"
BOMB_BYTES = 300_000_000


def invalid(
    name: str,
    behaviour: Behaviour,
    endpoints: Iterable[Endpoint] = ALL,
    error: ExpectedError = MALFORMED,
) -> Fault:
    """Return a fault: an invalid response, which was paid for and is not requested again."""
    return Fault(name, REACTION, always(behaviour), error, attempts=1, endpoints=tuple(endpoints))


def as_requested_type(body: bytes) -> Script:
    """Send a body with the content type of a correct response."""
    return lambda endpoint: [respond(200, body, endpoint.media_type)]


def mislabelled(name: str, body: bytes, endpoints: Iterable[Endpoint]) -> Fault:
    """Return a fault: an invalid body with the content type of a correct response."""
    return Fault(
        name, REACTION, as_requested_type(body), MALFORMED, attempts=1, endpoints=tuple(endpoints)
    )


@cache
def bomb() -> bytes:
    """Return `BOMB_BYTES` zeros, compressed to a thousandth."""
    packer = zlib.compressobj(wbits=31)
    zeros = bytes(1_000_000)
    packed = [packer.compress(zeros) for _ in range(BOMB_BYTES // len(zeros))]
    return b"".join(packed) + packer.flush()


def send_bomb(endpoint: Endpoint) -> list[Behaviour]:
    """Send the decompression bomb."""
    return [respond(200, bomb(), endpoint.media_type, content_encoding="gzip")]


def wrapped(name: str, body: bytes, media_type: str, response_format: str = "text") -> Fault:
    """Return a fault: a text that is wrapped in JSON."""
    script = always(respond(200, body, media_type))
    return Fault(
        name,
        "unwrap the text",
        script,
        attempts=1,
        endpoints=(TRANSCRIBE,),
        response_format=response_format,
    )


PAGES = (
    invalid("200 with a page", respond(200, PAGE, "text/html")),
    mislabelled("200 with a page as the requested type", PAGE, ALL),
    invalid("200 with an error", respond_json(ERROR), error=OVERLOADED),
    Fault(
        "200 with an error as the requested type",
        REACTION,
        as_requested_type(json.dumps(ERROR).encode()),
        OVERLOADED,
        attempts=1,
        endpoints=SPOKEN,
    ),
    invalid(
        "200 with an error as bytes", respond(200, json.dumps(ERROR).encode()), SPOKEN, OVERLOADED
    ),
    mislabelled("200 with an empty body", b"", (TRANSCRIBE, CHAT, *SPOKEN)),
    invalid("204", respond(204), error=ExpectedError("MalformedResponseError", 204)),
)

SHAPES = (
    *(
        invalid(f"200 with {body.decode()}", respond(200, body, "application/json"), IN_JSON)
        for body in (b"null", b"[1]", b"42", b'"?"', b"{}", b'{"choices": []}')
    ),
    *(
        invalid(f"200 with {body.decode()}", respond(200, body, "application/json"), [TRANSCRIBE])
        for body in (b'{"text": null}', b'{"text": 7}')
    ),
    Fault(
        "200 with a duration of NaN",
        "keep the words",
        lambda endpoint: [respond_json({"text": endpoint.value, "duration": math.nan})],
        attempts=1,
        endpoints=[TRANSCRIBE],
    ),
    invalid("JSON that is not UTF-8", respond(200, b'{"text": "caf\xe9"}'), IN_JSON),
    invalid("JSON nested a hundred thousand deep", respond(200, b"[" * 100_000), IN_JSON),
    invalid("truncated JSON", respond(200, b'{"text": "a'), IN_JSON),
    invalid("an event that is not JSON", respond(200, b"data: {oops\n\n", EVENTS), [STREAM_CHAT]),
    invalid(
        "an event with an error",
        respond(200, b"data: " + json.dumps(ERROR).encode() + b"\n\n", EVENTS),
        [STREAM_CHAT],
        OVERLOADED,
    ),
)

SIZES = (
    Fault(
        "300 KB that decompress to 300 MB",
        "stop at the size limit",
        send_bomb,
        MALFORMED,
        1,
        endpoints=ONE_OF_EACH,
    ),
    invalid(
        "an endless response",
        send_slowly(
            b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n\r\nID3", bytes(200_000), pause=0.0
        ),
        (TRANSCRIBE, *SPOKEN),
    ),
    invalid(
        "an endless event",
        send_slowly(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", bytes(200_000), pause=0.0
        ),
        [STREAM_CHAT],
    ),
    Fault(
        "an endless error response",
        "report its beginning, one request",
        always(send_slowly(b"HTTP/1.1 400 No\r\n\r\n", bytes(200_000), pause=0.0)),
        ExpectedError("InvalidRequestError", 400),
        attempts=1,
        endpoints=ONE_OF_EACH,
    ),
    invalid(
        "compressed without being requested", respond(200, b"tiny", MPEG, content_encoding="br")
    ),
    invalid(
        "declared as gzip, but not compressed",
        respond(200, b"plain", MPEG, content_encoding="gzip"),
        error=ExpectedError("MalformedResponseError"),
    ),
)

UNWRAPPED = (
    wrapped("JSON in place of text", json.dumps({"text": WORDS}).encode(), "application/json"),
    wrapped("a JSON string in place of text", json.dumps(WORDS).encode(), "application/json"),
    wrapped(
        "JSON as text/plain in place of text", json.dumps({"text": WORDS}).encode(), "text/plain"
    ),
    wrapped("JSON after a byte order mark", b"\xef\xbb\xbf" + TRANSCRIBE.body, "", "json"),
    Fault(
        "events in single bytes",
        "accept the response",
        lambda endpoint: [
            respond_chunked(
                [endpoint.body[at : at + 1] for at in range(len(endpoint.body))], EVENTS
            )
        ],
        attempts=1,
        endpoints=(STREAM_CHAT,),
    ),
)

INVALID_RESPONSES = (*PAGES, *SHAPES, *SIZES, *UNWRAPPED)
