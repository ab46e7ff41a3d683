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


def kept(
    name: str, body: object, media_type: str = "application/json", response_format: str = "json"
) -> Fault:
    """Return a fault: words in a form that was not requested, or with details that are invalid."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    script = always(respond(200, data, media_type))
    return Fault(
        name,
        "keep the words",
        script,
        attempts=1,
        endpoints=[TRANSCRIBE],
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
        for body in (b"null", b"[1]", b"42", b"{}", b'{"choices": []}')
    ),
    invalid('200 with "?"', respond(200, b'"?"', "application/json"), [CHAT]),
    *(
        invalid(f"200 with {body.decode()}", respond(200, body, "application/json"), [TRANSCRIBE])
        for body in (b'{"text": null}', b'{"text": 7}')
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

SEGMENT: dict[str, object] = {"start": 0.0, "end": 0.5, "text": WORDS}
SUBTITLES = f"1\n00:00:00,000 --> 00:00:00,500\n{WORDS}\n".encode()

KEPT = (
    kept("200 with a duration of NaN", {"text": WORDS, "duration": math.nan}),
    kept("a JSON string in place of an object", WORDS),
    kept("a list around the object", [{"text": WORDS}]),
    kept("plain text in place of JSON", WORDS.encode(), "text/plain"),
    kept("plain text in place of srt", WORDS.encode(), "text/plain", "srt"),
    kept("segments in place of srt", {"text": WORDS, "segments": [SEGMENT]}, response_format="srt"),
    kept("srt in place of JSON", SUBTITLES, "text/plain"),
    kept("srt of an unknown media type", SUBTITLES, "application/x-srt", "srt"),
    kept("a null text beside good segments", {"text": None, "segments": [SEGMENT]}),
    kept("a good text beside null segments", {"text": WORDS, "segments": [None]}),
    kept("a string as the id of a segment", {"text": WORDS, "segments": [SEGMENT | {"id": "a"}]}),
    kept("half a character of UTF-16", f'{{"text": "{WORDS}", "who": "\\ud83d"}}'.encode()),
)

INVALID_RESPONSES = (*PAGES, *SHAPES, *SIZES, *UNWRAPPED, *KEPT)
