"""Responses up to the size limits that cost as much as possible to read."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from support.loopback_server import Behaviour
from support.scripted_responses import respond, respond_chunked

MAX_JSON, MAX_TEXT, MAX_ERROR = 8 << 20, 4 << 20, 1 << 20
SEGMENT = b'{"start":0,"end":1,"text":"%b"},'
TIMES = b"0:0,0-->0:0,0\n"
WIDE = "🎙".encode()
"""Character that makes Python use four bytes for every other character of the same text."""


@dataclass(frozen=True)
class HostileResponse:
    """Response, and the call that reads it."""

    verb: str
    make: Callable[[], Behaviour]
    options: dict[str, Any] = field(default_factory=dict)


def fill(head: bytes, unit: bytes, tail: bytes, size: int = MAX_JSON) -> bytes:
    """Return a body of up to `size` bytes that is full of one unit."""
    return head + unit * ((size - len(head) - len(tail)) // len(unit)) + tail


def segments(count: int, size: int = MAX_JSON) -> bytes:
    """Return a body of almost a size with so many segments."""
    text = b"a" * (size // count - len(SEGMENT) + len(b"%b") - 1)
    return b'{"text":"' + WIDE + b'","segments":[' + (SEGMENT % text * count)[:-1] + b"]}"


def in_json(body: Callable[[], bytes]) -> HostileResponse:
    """Return the response to a request for verbose JSON."""
    return HostileResponse(
        "transcribe",
        lambda: respond(200, body(), "application/json"),
        {"response_format": "verbose_json"},
    )


def in_text(response_format: str, body: Callable[[], bytes], media: str = "") -> HostileResponse:
    """Return the response to a request for text or subtitles."""
    return HostileResponse(
        "transcribe",
        lambda: respond(200, body(), media or "text/plain"),
        {"response_format": response_format},
    )


def error(body: Callable[[], bytes], **headers: str) -> HostileResponse:
    """Return an error response."""
    return HostileResponse("models", lambda: respond(400, body(), "application/json", **headers))


def chat(body: Callable[[], bytes]) -> HostileResponse:
    """Return the response to a chat."""
    return HostileResponse("chat", lambda: respond(200, body(), "application/json"))


def stream(body: Callable[[], bytes], chunk: int) -> HostileResponse:
    """Return a streamed reply that arrives in chunks of so many bytes."""

    def make() -> Behaviour:
        data = body()
        chunks = (data[at : at + chunk] for at in range(0, len(data), chunk))
        return respond_chunked(chunks, "text/event-stream")

    return HostileResponse("stream_chat", make)


def gzipped(body: bytes) -> bytes:
    """Return a body compressed as gzip."""
    packer = zlib.compressobj(wbits=31)
    return packer.compress(body) + packer.flush()


RESPONSES: dict[str, HostileResponse] = {
    "lists": in_json(lambda: fill(b"[", b"[],", b"[]]")),
    "lists in lists": in_json(lambda: b"[" * MAX_JSON),
    "lists in the usage": in_json(lambda: fill(b'{"text":"x","usage":[', b"[],", b"[]]}")),
    "words in an unknown field": in_json(
        lambda: fill(b'{"text":"x","words":[', b'{"word":"a","start":0,"end":1},', b"1]}")
    ),
    "unknown lists in segments": in_json(
        lambda: fill(b'{"text":"x","segments":[{"start":0', b',"a":[]', b"}]}")
    ),
    "objects in an unknown field": in_json(lambda: fill(b'{"text":"x","a":[', b'{"a":1},', b"1]}")),
    "numbers in the usage": in_json(lambda: fill(b'{"text":"x","usage":[', b"1,", b"1]}")),
    "invalid segments": in_json(lambda: fill(b'{"text":"x","segments":[', b"{},", b"{}]}")),
    "many segments": in_json(lambda: fill(b'{"text":"x","segments":[', SEGMENT % b"", b"1]}")),
    "30,000 segments": in_json(lambda: segments(30_000)),
    "30,000 segments with all fields": in_json(
        lambda: segments(30_000, 4 << 20).replace(
            b'"start":0',
            b'"start":0.1,"id":70000,"tokens":[1,2],"temperature":0.1,"avg_logprob":0.1',
        )
    ),
    "one long text": in_json(lambda: fill(b'{"text":"' + WIDE, b"ab ", b'"}')),
    "escapes": in_json(lambda: fill(b'{"text":"' + WIDE, b"\\u00fc", b'"}')),
    "backslashes and quotes": in_json(lambda: fill(b'{"text":"', b'\\"', b"")),
    "escaped quotes before a backslash": in_json(lambda: fill(b"", b'\\"', b"\\")),
    "quotes": in_json(lambda: fill(b'{"text":', b'"', b"")),
    "long number": in_json(lambda: fill(b'{"text":"a","duration":', b"1", b"}")),
    "names": in_json(
        lambda: b'{"text":"a","usage":{' + b",".join(b'"%x":1' % n for n in range(700_000)) + b"}}"
    ),
    "JSON in place of text": in_text(
        "text", lambda: fill(b"[", b"[],", b"[]]", MAX_TEXT), "application/json"
    ),
    "a text that begins like JSON": in_text(
        "text", lambda: fill(b"{" + WIDE, b"{} ", b"", MAX_TEXT)
    ),
    "srt without times": in_text(
        "srt", lambda: fill(b"1\n" + TIMES + WIDE, b"\n\nab", b"", MAX_TEXT)
    ),
    "srt with one long text": in_text(
        "srt", lambda: fill(b"1\n" + TIMES + WIDE, b"ab ", b"", MAX_TEXT)
    ),
    "srt with many lines": in_text(
        "srt", lambda: fill(b"1\n" + TIMES + WIDE, b"ab\n", b"", MAX_TEXT)
    ),
    "srt with many texts": in_text(
        "srt", lambda: fill(WIDE + b"\n\n", TIMES + b"\n", b"", MAX_TEXT)
    ),
    "srt with 30,000 texts": in_text(
        "srt", lambda: (TIMES + b"a" * (MAX_TEXT // 30_000 - 20) + b"\n\n") * 30_000 + WIDE
    ),
    "srt of empty lines": in_text(
        "srt", lambda: fill(b"1\n" + TIMES + b"a", b"\n \n", b"a", MAX_TEXT)
    ),
    "srt of spaces": in_text("srt", lambda: fill(b"1", b" ", TIMES, MAX_TEXT)),
    "srt of tags": in_text("srt", lambda: fill(b"1\n" + TIMES, b"<b", b"", MAX_TEXT)),
    "vtt of tags": in_text("vtt", lambda: fill(b"WEBVTT\n\n" + TIMES, b"<1", b"", MAX_TEXT)),
    "vtt of references": in_text("vtt", lambda: fill(b"WEBVTT\n\n" + TIMES, b"&", b"", MAX_TEXT)),
    "vtt with a long reference": in_text(
        "vtt", lambda: fill(b"WEBVTT\n\n" + TIMES + b"&#", b"1", b";", MAX_TEXT)
    ),
    "error of lists": error(lambda: fill(b"[", b"[],", b"[]]", MAX_ERROR)),
    "error of lists in lists": error(lambda: b"[" * MAX_ERROR),
    "error with a long message": error(
        lambda: fill(b'{"error":{"message":"' + WIDE, b"a ", b'"}}', MAX_ERROR)
    ),
    "error that is too large": error(lambda: fill(b"[", b"[],", b"[]]")),
    "compressed error": error(
        lambda: gzipped(fill(b"[", b"[],", b"[]]", 100 << 20)), content_encoding="gzip"
    ),
    "choices": chat(lambda: fill(b'{"choices":[', b"{},", b"{}]}", 12 << 20)),
    "90,000 choices": chat(lambda: b'{"choices":[' + b"{}," * 90_000 + b"{}]}"),
    "tool calls": chat(
        lambda: fill(b'{"choices":[{"message":{"tool_calls":[', b"{},", b"{}]}}]}", 12 << 20)
    ),
    "45,000 tool calls": chat(
        lambda: (
            b'{"choices":[{"message":{"tool_calls":['
            + b",".join([b'{"id":"a","function":{"name":"a"}}'] * 45_000)
            + b"]}}]}"
        )
    ),
    "probabilities of a reply": chat(
        lambda: fill(
            b'{"choices":[{"message":{"content":"a"},"logprobs":[',
            b'{"token":"a","logprob":-1,"bytes":[97],"top_logprobs":[]},',
            b"1]}]}",
            16 << 20,
        )
    ),
    "a page in place of a reply": chat(lambda: fill(b"<html>", b"a ", b"", 12 << 20)),
    "an event of lists": stream(lambda: fill(b'data: {"choices":[', b"{},", b"{}]}\n\n"), 1 << 16),
    "an event in single bytes": stream(lambda: fill(b"data: ", b"a", b"\n\n", 100_000), 1),
    "empty events": stream(
        lambda: fill(b"", b'data: {"choices":[]}\n\n', b"data: [DONE]\n\n", 2 << 20), 1 << 16
    ),
    "lines of an event": stream(lambda: fill(b"", b"data:\n", b"\n\n"), 1 << 16),
    "calls without an index": stream(
        lambda: b"".join(
            b'data: {"choices":[{"delta":{"tool_calls":[{"id":"%d"}]}}]}\n\n' % number
            for number in range(20_000)
        ),
        1 << 16,
    ),
    "events in place of JSON": stream(lambda: fill(b"", b"a", b""), 1 << 16),
}
