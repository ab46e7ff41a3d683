"""A streamed reply is read event by event, however its bytes arrive."""

import io
import json
from functools import partial
from typing import Any

import pytest

from apertis_audio_tools import APIConnectionError, ChatDelta, MalformedResponseError, Usage
from apertis_audio_tools.api.chat import chat_stream_call
from apertis_audio_tools.api.options import ChatOptions
from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.api.response import Response
from apertis_audio_tools.models import Capabilities
from apertis_audio_tools.results import ToolCallDelta

HEAD = Response(200, {"content-type": "text/event-stream; charset=utf-8", "x-request-id": "req-1"})

piece = partial(ChatDelta, request_id="req-1")
"""A delta, which has the request id of the response it belongs to."""


def never(_: Any) -> tuple[Upload, str]:
    return Upload("", "", 0, io.BytesIO), "wav"


CALL = chat_stream_call(
    [{"role": "user", "content": "Hello?"}],
    ChatOptions(model="gpt-4o-audio-preview"),
    capabilities=Capabilities(),
    encode_clip=never,
)


def event(delta: Any = None, finish: str | None = None, **fields: Any) -> bytes:
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish}]
    return b"data: " + json.dumps({"choices": choices, **fields}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"
REPLY = (
    event({"role": "assistant", "content": ""})
    + event({"content": "Grüß "}, model="gpt")
    + event({"content": "dich 🎙"})
    + event({"tool_calls": [{"index": 0, "id": "c-1", "function": {"name": "f"}}]})
    + event({"tool_calls": [{"index": 0, "function": {"arguments": '{"a": 1}'}}]})
    + event(finish="stop")
    + b'data: {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}\n\n'
    + DONE
)
DELTAS = [
    piece(),
    piece(text="Grüß ", model="gpt"),
    piece(text="dich 🎙"),
    piece(tool_calls=(ToolCallDelta(index=0, id="c-1", name="f"),)),
    piece(tool_calls=(ToolCallDelta(index=0, arguments='{"a": 1}'),)),
    piece(finish_reason="stop"),
    piece(usage=Usage(input_tokens=3, output_tokens=2)),
]


def read(body: bytes, chunk_size: int = 1 << 20) -> list[ChatDelta]:
    reader = CALL.reader(HEAD)
    deltas = [
        delta
        for start in range(0, len(body), chunk_size)
        for delta in reader.feed(body[start : start + chunk_size])
    ]
    return [*deltas, *reader.finish()]


def test_request() -> None:
    """The request is for a stream with usage."""
    assert CALL.request.body is not None
    assert json.loads(b"".join(CALL.request.body.chunks())) == {
        "model": "gpt-4o-audio-preview",
        "messages": [{"role": "user", "content": "Hello?"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert CALL.request.accept == "text/event-stream"


@pytest.mark.parametrize("chunk_size", [1, 2, 3, 7, 64, 1 << 20])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_any_chunks(line_end: bytes, chunk_size: int) -> None:
    """Fed byte by byte or whole, with each kind of line end, the deltas are the same."""
    assert read(REPLY.replace(b"\n", line_end), chunk_size) == DELTAS


@pytest.mark.parametrize("line_end", [b"\n", b"\r"])
def test_as_it_arrives(line_end: bytes) -> None:
    """A delta is there as soon as its event is complete, and not before."""
    reader = CALL.reader(HEAD)
    first = event({"content": "a"}).replace(b"\n", line_end)
    assert list(reader.feed(first[:-1])) == []
    assert list(reader.feed(first[-1:])) == [piece(text="a")]


def test_mixed_line_ends() -> None:
    """Each line may end in its own way; one line feed after a return belongs to it, two do not."""
    reader = CALL.reader(HEAD)
    data = event({"content": "a"}).strip()
    assert list(reader.feed(data + b"\r")) == []
    assert list(reader.feed(b"")) == []
    assert list(reader.feed(b"\n")) == []
    assert list(reader.feed(b"\n" + data + b"\n\r")) == [piece(text="a")] * 2


USAGE_EVENT = b'data: {"choices": [], "usage": {"prompt_tokens": 3}}'
WITH_USAGE = [piece(finish_reason="stop"), piece(usage=Usage(input_tokens=3))]


@pytest.mark.parametrize("chunk_size", [1, 7, 1 << 20])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r", b"\r\n", b"\n: bye"])
def test_no_empty_line_at_the_end(end: bytes, chunk_size: int) -> None:
    """The last event counts when it is whole, also without the empty line that should follow."""
    assert read(event(finish="stop") + USAGE_EVENT + end, chunk_size) == WITH_USAGE
    assert (
        read(event(finish="stop") + USAGE_EVENT + b"\n\ndata: [DONE]" + end, chunk_size)
        == WITH_USAGE
    )
    assert read(event({"content": "a"}) + b"data: [DONE]" + end) == [piece(text="a")]
    assert read(event(finish="stop").strip() + end) == WITH_USAGE[:1]


@pytest.mark.parametrize("size", [7, 12, len(USAGE_EVENT) - 1])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_cut_off_in_the_usage(size: int, end: bytes) -> None:
    """A reply whose last event is incomplete is cut off, even if its text is complete."""
    with pytest.raises(APIConnectionError, match="cut off before its end"):
        read(event(finish="stop") + USAGE_EVENT[:size] + end)


def test_failure_at_the_end() -> None:
    """A failure reported in the last event is an error, with or without the empty line."""
    with pytest.raises(MalformedResponseError, match="Overloaded"):
        read(event({"content": "a"}) + b'data: {"error": {"message": "Overloaded."}}\n')


def test_events_after_the_end() -> None:
    """Events after the end of a reply are ignored."""
    assert read(event({"content": "a"}) + DONE + b'data: {"cho') == [piece(text="a")]


@pytest.mark.parametrize(
    "noise",
    [b": keep-alive\n\n", b"\n\n\n", b"event: message\nid: 7\nretry: 10\n", b"data\n\n"],
)
def test_ignored_lines(noise: bytes) -> None:
    """Comments, empty lines and unknown fields are ignored."""
    body = noise + event({"content": "a"}) + noise + DONE
    assert read(body) == [piece(text="a")]


def test_event_in_lines() -> None:
    """An event may span several data lines, with or without the space."""
    body = b'data:{"choices": [{\ndata: "delta": {"content": "a"}}]}\n\ndata:[DONE]\n\n'
    assert read(body) == [piece(text="a")]


@pytest.mark.parametrize("end", [event(finish="length"), DONE])
def test_ends(end: bytes) -> None:
    """A reply is complete after a finish reason or the end marker."""
    assert read(event({"content": "a"}) + end)[0] == piece(text="a")


@pytest.mark.parametrize("choices", ["", '"choices": null, ', '"choices": [], '])
def test_usage_without_choices(choices: str) -> None:
    """Usage at the end may come without choices, and does not change the reply."""
    usage_event = f'data: {{{choices}"usage": {{"prompt_tokens": 3}}}}\n\n'.encode()
    assert read(event({"content": "a"}) + event(finish="stop") + usage_event + DONE) == [
        piece(text="a"),
        piece(finish_reason="stop"),
        piece(usage=Usage(input_tokens=3)),
    ]


def test_nulls() -> None:
    """Fields that are null count as absent."""
    nothing = b'data: {"model": null, "choices": [{"delta": null, "finish_reason": "stop"}]}\n\n'
    pieces = [{"index": None, "id": None, "function": None}]
    events = event({"content": None, "tool_calls": None}) + event({"tool_calls": pieces})
    assert read(events + nothing) == [
        piece(),
        piece(tool_calls=(ToolCallDelta(index=0),)),
        piece(finish_reason="stop"),
    ]


@pytest.mark.parametrize(
    ("pieces", "numbers"),
    [
        ([(0, "a"), (0, None), (1, "b"), (1, None)], [0, 0, 1, 1]),
        ([(1, "b"), (0, "a"), (1, None), (0, None)], [1, 0, 1, 0]),
        ([(0, "a"), (0, None), (0, "b"), (0, None)], [0, 0, 1, 1]),
        ([(0, "a"), (0, "b"), (1, "c"), (1, None)], [0, 1, 2, 2]),
        ([(0, "a"), (0, "a"), (0, "b"), (0, "a")], [0, 0, 1, 0]),
        ([(0, "a"), (0, ""), (0, "b")], [0, 0, 1]),
        ([(0, None), (0, "a"), (0, "b")], [0, 0, 1]),
        ([(0, "a"), (1, "a")], [0, 1]),
        ([(None, "a"), (None, None), (None, "b"), (None, None)], [0, 0, 1, 1]),
        ([(None, "a"), (None, "b"), (None, "a")], [0, 1, 0]),
        ([(None, None), (None, None)], [0, 0]),
        ([(3, "a"), (None, None), (None, "b")], [3, 3, 4]),
    ],
)
def test_calls_are_distinguished(
    pieces: list[tuple[int | None, str | None]], numbers: list[int]
) -> None:
    """Every tool call gets its own index, whatever the service sends, if the ids differ."""
    body = b"".join(event({"tool_calls": [{"index": i, "id": c}]}) for i, c in pieces) + DONE
    assert [call.index for delta in read(body) for call in delta.tool_calls] == numbers


def test_calls_without_an_index() -> None:
    """Tool calls without an index are distinguished by their ids, also within one event."""
    calls = [{"id": name, "function": {"name": "f"}} for name in "ab"]
    (delta,) = read(event({"tool_calls": calls}) + DONE)
    assert [(call.index, call.id) for call in delta.tool_calls] == [(0, "a"), (1, "b")]


@pytest.mark.parametrize("size", [0, 10, 60, len(event({"content": "a"})) - 1])
def test_cut_off(size: int) -> None:
    """A reply that is cut off anywhere is an error."""
    body = event({"content": "a"}) + event({"content": "b"})[:size]
    with pytest.raises(APIConnectionError, match="cut off before its end") as caught:
        read(body)
    assert caught.value.request_id == "req-1"
    with pytest.raises(APIConnectionError, match="cut off"):
        read(b"")


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (b'{"error": {"message": "Overloaded.", "code": "model_overloaded"}}', "Overloaded"),
        (b'{"error":{"message":"Overloaded."}}', "Overloaded"),
        (b'{ "error": "Overloaded." }', "Overloaded"),
        (b'{"id": 1, "choices": [], "error": {"message": "Overloaded."}}', "Overloaded"),
        (b'{"detail": "Overloaded."}', "Overloaded"),
        (b'{"type": "ping"}', "broke off with an error"),
        (b"null", "not as documented"),
        (b"[]", "not as documented"),
        (b'{"choices": [{"delta": {"content": "a', "not as documented"),
        (b'{"choices": [{"delta": {"content": 7}}]}', "not as documented"),
        (b'{"choices": [{"delta": {"content": "\xff"}}]', "not as documented"),
        (b"<html>", "not as documented"),
        (b"[" * 100_000, "not as documented"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_failures(failure: bytes, message: str) -> None:
    """An event that reports a failure, or is unknown, ends the reply with an error."""
    body = event({"content": "a"}) + b"data: " + failure + b"\n\n" + DONE
    reader = CALL.reader(HEAD)
    arriving = iter(reader.feed(body))
    assert next(arriving) == piece(text="a")
    with pytest.raises(MalformedResponseError, match=message) as caught:
        next(arriving)
    assert caught.value.request_id == "req-1"


def test_code_of_a_failure() -> None:
    """The error of a failed reply has the code of the service."""
    body = b'data: {"error": {"message": "No.", "code": "model_overloaded"}}\n\n'
    with pytest.raises(MalformedResponseError) as caught:
        read(body)
    assert caught.value.code == "model_overloaded"


@pytest.mark.parametrize("media_type", ["application/json", "text/html", ""])
def test_other_responses(media_type: str) -> None:
    """A response that is not a stream of events yields nothing, and its message is reported."""
    reader = CALL.reader(Response(200, {"content-type": media_type}))
    assert list(reader.feed(b'{"error": {"message": "The model is tired."}}')) == []
    with pytest.raises(MalformedResponseError, match="in place of events: The model is tired"):
        reader.finish()


def test_line_without_end() -> None:
    """A line that is far longer than any event is an error before it ends."""
    reader = CALL.reader(HEAD)
    list(reader.feed(bytes(5_000_000)))
    with pytest.raises(MalformedResponseError, match="does not end"):
        list(reader.feed(bytes(1)))
