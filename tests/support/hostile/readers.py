"""Everything that reads or writes text from outside, with the tokens that its grammar knows."""

import io
import itertools
import json
from collections.abc import Callable
from typing import NamedTuple

from pydantic import SecretStr

from apertis_audio_tools.adapters.chat_schema.replies import ReplyBuilder, parse_arguments
from apertis_audio_tools.api.call import multipart_body
from apertis_audio_tools.api.chat import chat_call
from apertis_audio_tools.api.chat_stream import ChatEventReader
from apertis_audio_tools.api.json_limits import limit_values
from apertis_audio_tools.api.options import ChatOptions, TranscriptionOptions
from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.api.response import Response, malformed_error, retry_after, status_error
from apertis_audio_tools.api.speech import require_audio
from apertis_audio_tools.api.transcription import transcription_call
from apertis_audio_tools.cli.terminal import escape_controls
from apertis_audio_tools.errors import APIError, UnsupportedError
from apertis_audio_tools.models import Capabilities
from apertis_audio_tools.pipeline.overlaps import merge_overlap
from apertis_audio_tools.results import ChatDelta, Segment, ToolCall, ToolCallDelta, Transcript
from apertis_audio_tools.text.markdown import escape_markdown
from apertis_audio_tools.text.sentences import is_speakable, split_text
from apertis_audio_tools.transport.key_redaction import make_redactor

KEY = "sk-payg-Ab+/.9"
_WORDS = [
    "a",
    "a ",
    ". ",
    "! ",
    "\n",
    "\n\n",
    " ",
    "\u3042",
    "\u0301",
    "\u200d",
    "🎙",
    "\u2019",
    "dr. ",
    '"',
]
_JSON = [
    "[",
    "]",
    "{",
    "}",
    '"',
    "\\",
    '\\"',
    ":",
    ",",
    "[],",
    "{},",
    '"a":',
    '"a":[',
    '"",',
    "1",
    " ",
    "\\u0041",
]
_TIMES = [
    "0:0,0-->0:0,0\n",
    "00:00.000 --> 00:01.000\n",
    "1\n",
    "-->",
    " ",
    "\t",
    "\n",
    "\n\n",
    "\r",
    ":",
    "0",
]
_MARKUP = [
    "<",
    ">",
    "</b>",
    "<b",
    "<1",
    "&",
    "&amp",
    "&#",
    "&#x0",
    ";",
    "{\\",
    "WEBVTT",
    "NOTE ",
    "a",
    "🎙",
]
_EVENTS = [
    *(
        "data:",
        "data: ",
        "data: {}\n\n",
        "\n",
        "\r",
        "\r\n",
        ":",
        ": a\n",
        "event: a\n",
        "[DONE]",
        "a",
        " ",
    ),
    *('data: {"choices":[]}\n\n', 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n', "🎙"),
    'data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"a"}}]}}]}\n\n',
]
_DATES = [
    "1",
    ",",
    ", ",
    " ",
    "(",
    ")",
    "\\",
    '"',
    "Mon, ",
    "Jan",
    ":",
    "-",
    "+",
    "GMT",
    "\t",
    ".",
    "e",
    "1:",
    "/",
]
_TYPES = ["a", "/", ";", ",", "=", '"', " ", "charset=", "\\", "\t"]
_KEY_PARTS = [
    "s",
    "sk-",
    KEY[:-1],
    KEY,
    "%",
    "%25",
    "%73",
    "\\",
    "\\u0073",
    "&#x0",
    "&#115;",
    "&#x73;",
    "\n",
    " ",
    "c2st",
]
_PAGES = [
    "<",
    "<html>",
    "<!doctype",
    "<?xml",
    " ",
    "\n",
    "{",
    '{ "',
    '"',
    "\0",
    "\ufffd",
    "a",
    "sk-",
    "sk-aaaaaa",
    "-",
]
_TERMINAL = [
    "\x1b[2J",
    "\u202a",
    "\u202c",
    "\u2066",
    "\u2069",
    "\u202e",
    "\n",
    "\r",
    "a",
    "\x9b",
    "\t",
]
_MARKDOWN = [
    "*",
    "[",
    "](",
    ")",
    "#",
    "http",
    "https:",
    "www.",
    ":",
    "\\",
    "`",
    "\n",
    " ",
    "a",
    "mailto",
    "@",
    "_",
]


class Reader(NamedTuple):
    """A function of a text, and the tokens that it knows."""

    tokens: list[str]
    read: Callable[[str], object]


def no_upload(name: str = "a.mp3") -> Upload:
    """Return an upload without content."""
    return Upload(name, "audio/mpeg", 0, io.BytesIO)


def _transcription(response_format: str, media_type: str = "text/plain") -> Callable[[str], object]:
    call = transcription_call(
        no_upload(),
        TranscriptionOptions(response_format=response_format),  # type: ignore[arg-type]  # one of them
        capabilities=Capabilities(),
        source="a.mp3",
    )
    return lambda text: call.read(_response(text, media_type))


def _response(text: str, media_type: str = "", status: int = 200) -> Response:
    return Response(status, {"content-type": media_type}, text.encode())


def _chat(text: str) -> object:
    messages = [{"role": "user", "content": "Hi"}]
    call = chat_call(
        messages,
        ChatOptions(model="m"),
        capabilities=Capabilities(),
        encode_clip=lambda _: (no_upload(), "mp3"),
    )
    return call.read(_response(text, "application/json"))


def _events(size: int) -> Callable[[str], object]:
    """Return a reader of events that arrive in chunks of a size."""

    def read(text: str) -> object:
        reader, builder, data = (
            ChatEventReader(_response("", "text/event-stream")),
            ReplyBuilder(),
            text.encode(),
        )
        for start in range(0, len(data), size):
            for delta in reader.feed(data[start : start + size]):
                builder.add(delta)
        reader.finish()
        return builder.build()

    return read


def _deltas(text: str) -> object:
    builder = ReplyBuilder()
    for char in text:
        part = ToolCallDelta(index=0, arguments=char)
        builder.add(ChatDelta(text=char, tool_calls=(part,)))
    return builder.build()


def _segments(text: str, size: int) -> tuple[Segment, ...]:
    parts = (text[start : start + size] for start in range(0, len(text), size))
    return tuple(Segment(start=n % 7, end=n % 7 + 1, text=part) for n, part in enumerate(parts))


def _written(text: str) -> object:
    segments = _segments(text, 10)
    transcript = Transcript(text=text, segments=segments)
    overlapping = transcript.passages(overlap=5.0)
    texts = [transcript.to_srt(), transcript.to_vtt(), transcript.to_timecoded()]
    return [*texts, transcript._repr_html_(), overlapping]


def _overlap(text: str) -> object:
    segments = list(_segments(text, 200))
    whole = [Segment(start=0, end=8, text=text)]
    return [merge_overlap(segments, segments, 0, 8), merge_overlap(whole, whole, 0, 8)]


def _sent_clip(text: str) -> object:
    block = {"type": "input_audio", "input_audio": {"data": text, "format": "mp3"}}
    return chat_call(
        [{"role": "user", "content": [block]}],
        ChatOptions(model="m"),
        capabilities=Capabilities(),
        encode_clip=lambda _: (no_upload(), "mp3"),
    )


_redact = make_redactor(SecretStr(KEY))

READERS: dict[str, Reader] = {
    "srt": Reader(_TIMES + _MARKUP, _transcription("srt")),
    "vtt": Reader(_TIMES + _MARKUP, _transcription("vtt")),
    "text": Reader(_PAGES + _JSON, _transcription("text")),
    "text in JSON": Reader(_JSON, _transcription("text", "application/json")),
    "verbose_json": Reader(_JSON, _transcription("verbose_json", "application/json")),
    "chat": Reader(_JSON, _chat),
    "values of JSON": Reader(
        _JSON, lambda text: limit_values(b"[" + b"[]," * 100_001 + text.encode(), ["a"])
    ),
    "events": Reader(_EVENTS, _events(1 << 16)),
    "events in bytes": Reader(_EVENTS, _events(1)),
    "deltas": Reader(["a", "🎙"], _deltas),
    "arguments": Reader(
        _JSON, lambda text: parse_arguments(ToolCall(id="", name="f", arguments=text))
    ),
    "error": Reader(_JSON + _PAGES, lambda text: status_error(_response(text, "", 400))),
    "error with a message": Reader(
        _PAGES + _JSON[:6],
        lambda text: status_error(_response('{"error":' + json.dumps(text) + "}", "", 429)),
    ),
    "page": Reader(_PAGES, lambda text: malformed_error(_response(text, "text/html"), "a page")),
    "audio": Reader(_PAGES, lambda text: require_audio(_response(text, "audio/mpeg"))),
    "Retry-After": Reader(
        _DATES, lambda text: retry_after(429, {"retry-after": text, "retry-after-ms": text})
    ),
    "Date": Reader(
        _DATES,
        lambda text: retry_after(
            429,
            {
                "x-ratelimit-reset": text or "1",
                "date": text,
                "retry-after": "Fri, 31 Dec 2099 23:59:59 GMT",
            },
        ),
    ),
    "Content-Type": Reader(_TYPES, lambda text: Response(200, {"content-type": text}).media_type),
    "sentences": Reader(_WORDS, lambda text: list(split_text(text, itertools.repeat(1000), 4096))),
    "speakable": Reader(_WORDS, is_speakable),
    "transcript": Reader(_WORDS + _MARKUP, _written),
    "overlaps": Reader(_WORDS, _overlap),
    "Markdown": Reader(_MARKDOWN, escape_markdown),
    "terminal": Reader(_TERMINAL, escape_controls),
    "API key": Reader(_KEY_PARTS, _redact),
    "name of an upload": Reader(
        ['"', "\\", ";", "\r\n", "a"], lambda text: multipart_body({}, no_upload(text))
    ),
    "clip of a conversation": Reader(["A", "=", "+", "/", "-"], _sent_clip),
}
"""All readers by name."""

EXPECTED = (APIError, UnsupportedError, ValueError)
"""Errors by which readers refuse a text."""
