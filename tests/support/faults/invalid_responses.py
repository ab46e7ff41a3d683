"""The answer comes with success and cannot be believed, or only after a second look."""

import json
import zlib
from collections.abc import Iterable
from functools import cache

from support.faults.endpoints import (
    ALL,
    CHAT,
    EVENTS,
    IN_JSON,
    MPEG,
    SPOKEN,
    STREAM_CHAT,
    TRANSCRIBE,
    WAYS,
    WORDS,
    Endpoint,
)
from support.faults.error_responses import always
from support.faults.fault import Fault, Refused, Script
from support.loopback import Behaviour
from support.scripted_responses import answer, chunked, drip, json_answer

PAGE = b"<!DOCTYPE html><html><body>Please log in.</body></html>"
ERROR = {"error": {"message": "Overloaded.", "code": "model_overloaded"}}
UNBELIEVED = Refused("MalformedResponseError", 200)
TOLD = Refused("MalformedResponseError", 200, "model_overloaded", says="Overloaded")
RIGHT = "typed error, asked once, no file"
BOMB_BYTES = 300_000_000


def nonsense(
    name: str, behaviour: Behaviour, on: Iterable[Endpoint] = ALL, error: Refused = UNBELIEVED
) -> Fault:
    """An answer that was paid for: asking again would only cost more."""
    return Fault(name, RIGHT, always(behaviour), error, attempts=1, on=tuple(on))


def labelled(body: bytes) -> Script:
    """A body under the name of a right answer."""
    return lambda endpoint: [answer(200, body, endpoint.media_type)]


def belied(name: str, body: bytes, on: Iterable[Endpoint]) -> Fault:
    """The same, where the content type says what was asked for."""
    return Fault(name, RIGHT, labelled(body), UNBELIEVED, attempts=1, on=tuple(on))


@cache
def bomb() -> bytes:
    """As many bytes, packed to a thousandth."""
    packer = zlib.compressobj(wbits=31)
    zeros = bytes(1_000_000)
    packed = [packer.compress(zeros) for _ in range(BOMB_BYTES // len(zeros))]
    return b"".join(packed) + packer.flush()


def exploding(endpoint: Endpoint) -> list[Behaviour]:
    """The bomb as an answer."""
    return [answer(200, bomb(), endpoint.media_type, content_encoding="gzip")]


def wrapped(name: str, said: bytes, media_type: str, wanted: str = "text") -> Fault:
    """A text that came in JSON."""
    script = always(answer(200, said, media_type))
    return Fault(name, "unwrap it", script, attempts=1, on=(TRANSCRIBE,), wanted=wanted)


PAGES = (
    nonsense("200 with a page", answer(200, PAGE, "text/html")),
    belied("200 with a page under the right type", PAGE, ALL),
    nonsense("200 with an error", json_answer(ERROR), error=TOLD),
    Fault(
        "200 with an error under the right type",
        RIGHT,
        labelled(json.dumps(ERROR).encode()),
        TOLD,
        attempts=1,
        on=SPOKEN,
    ),
    nonsense("200 with an error as bytes", answer(200, json.dumps(ERROR).encode()), SPOKEN, TOLD),
    belied("200 with nothing", b"", (TRANSCRIBE, CHAT, *SPOKEN)),
    nonsense("204", answer(204), error=Refused("MalformedResponseError", 204)),
)

SHAPES = (
    *(
        nonsense(f"200 with {body.decode()}", answer(200, body, "application/json"), IN_JSON)
        for body in (b"null", b"[1]", b"42", b'"?"', b"{}", b'{"choices": []}')
    ),
    *(
        nonsense(f"200 with {body.decode()}", answer(200, body, "application/json"), [TRANSCRIBE])
        for body in (b'{"text": null}', b'{"text": 7}', b'{"text": "a", "duration": NaN}')
    ),
    nonsense("JSON that is not UTF-8", answer(200, b'{"text": "caf\xe9"}'), IN_JSON),
    nonsense("JSON a hundred thousand deep", answer(200, b"[" * 100_000), IN_JSON),
    nonsense("JSON cut in two", answer(200, b'{"text": "a'), IN_JSON),
    nonsense("an event that is not JSON", answer(200, b"data: {oops\n\n", EVENTS), [STREAM_CHAT]),
    nonsense(
        "an event that tells of an error",
        answer(200, b"data: " + json.dumps(ERROR).encode() + b"\n\n", EVENTS),
        [STREAM_CHAT],
        TOLD,
    ),
)

SIZES = (
    Fault("300 KB that unpack to 300 MB", "give up on the way", exploding, UNBELIEVED, 1, on=WAYS),
    nonsense(
        "an answer without end",
        drip(b"HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\n\r\nID3", bytes(200_000), pause=0.0),
        (TRANSCRIBE, *SPOKEN),
    ),
    nonsense(
        "an event without end",
        drip(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n", bytes(200_000), pause=0.0
        ),
        [STREAM_CHAT],
    ),
    Fault(
        "a refusal without end",
        "hear its beginning, one request",
        always(drip(b"HTTP/1.1 400 No\r\n\r\n", bytes(200_000), pause=0.0)),
        Refused("InvalidRequestError", 400),
        attempts=1,
        on=WAYS,
    ),
    nonsense("packed as nobody asked", answer(200, b"tiny", MPEG, content_encoding="br")),
    nonsense(
        "said to be packed and is not",
        answer(200, b"plain", MPEG, content_encoding="gzip"),
        error=Refused("MalformedResponseError"),
    ),
)

SECOND_LOOKS = (
    wrapped("text asked, JSON came", json.dumps({"text": WORDS}).encode(), "application/json"),
    wrapped("text asked, a JSON string came", json.dumps(WORDS).encode(), "application/json"),
    wrapped("text asked, JSON came as text", json.dumps({"text": WORDS}).encode(), "text/plain"),
    wrapped("JSON behind a byte order mark", b"\xef\xbb\xbf" + TRANSCRIBE.body, "", "json"),
    Fault(
        "events in single bytes",
        "take the answer",
        lambda endpoint: [
            chunked([endpoint.body[at : at + 1] for at in range(len(endpoint.body))], EVENTS)
        ],
        attempts=1,
        on=(STREAM_CHAT,),
    ),
)

NONSENSE = (*PAGES, *SHAPES, *SIZES, *SECOND_LOOKS)
