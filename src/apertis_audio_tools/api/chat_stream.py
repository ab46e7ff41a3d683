"""Streamed chat replies: server-sent events become deltas."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, FailFast, ValidationError
from pydantic_core import from_json

from apertis_audio_tools.api.json_limits import has_few_values
from apertis_audio_tools.api.response import Response, malformed_error, snippet
from apertis_audio_tools.api.tool_call_indexes import ToolCallIndexes
from apertis_audio_tools.api.usage import parse_usage
from apertis_audio_tools.errors import APIConnectionError, MalformedResponseError
from apertis_audio_tools.results import ChatDelta, ToolCallDelta

_DONE = "[DONE]"
_MAX_EVENT_BYTES = 4 * 1024 * 1024
"""Far more than an event needs, which is one line and carries a few words."""
_MAX_LINES = 500_000
"""Enough for several times the tokens of the longest replies; an event is two lines."""
_MAX_TOOL_CALLS = 1_000


def _write_arguments(value: object) -> object:
    """Return the arguments of a call as text: some services send null, or an object."""
    return json.dumps(value) if isinstance(value, dict) else "" if value is None else value


ArgumentsText = Annotated[str, BeforeValidator(_write_arguments)]
"""Arguments of a tool call, as JSON text."""


class _FunctionDelta(BaseModel):
    name: str | None = None
    arguments: ArgumentsText = ""


class _ToolCallDelta(BaseModel):
    index: int | None = None
    id: str | None = None
    function: _FunctionDelta | None = None


class _Delta(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: Annotated[list[_ToolCallDelta] | None, FailFast()] = None


class _ChunkChoice(BaseModel):
    delta: _Delta | None = None
    finish_reason: str | None = None
    logprobs: object = None


class _Chunk(BaseModel):
    choices: Annotated[list[_ChunkChoice] | None, FailFast()] = None
    error: object = None
    id: object = None
    model: str | None = None
    usage: object = None


class ChatEventReader:
    """Reader of a stream of server-sent events."""

    def __init__(self, head: Response) -> None:
        self._head = head
        self._rest = bytearray()
        self._data: list[str] = []
        self._event_bytes = self._line_count = 0
        self.content_bytes: int = 0
        self._tool_call_indexes = ToolCallIndexes()
        self._is_empty = True
        self._ends_in_return = self._has_events = False
        self._has_finish_reason = self._has_end_marker = False
        self._is_events = head.media_type == "text/event-stream"

    def feed(self, chunk: bytes) -> Iterator[ChatDelta]:
        """Yield the deltas that are complete with this chunk.

        An event that is not as documented, or reports a failure, raises `MalformedResponseError`.
        """
        self._is_empty = self._is_empty and not chunk
        if self._event_bytes + len(self._rest) > _MAX_EVENT_BYTES:
            raise malformed_error(
                replace(self._head, body=bytes(self._rest)), "with a line that does not end"
            )
        if not self._is_events:
            self._rest += chunk
            return
        for line in self._split_lines(chunk):
            self._collect(line)
            if not line and self._data:
                data = "\n".join(self._data).strip()
                self._data.clear()
                self._event_bytes = 0
                if data:
                    yield from self._parse_event(data)

    def finish(self) -> Sequence[ChatDelta]:
        """Return the delta of an event at the end of the body, without an empty line after it.

        Raises:
            APIConnectionError: If the body ended before the reply did.
            MalformedResponseError: If the body was not a stream of events.
        """
        if not self._is_events:
            media_type = self._head.media_type or "nothing"
            raise malformed_error(
                replace(self._head, body=bytes(self._rest)),
                f"with {media_type} in place of events",
            )
        self._collect(bytes(self._rest))
        if not (self._is_empty or self._has_events):
            raise malformed_error(replace(self._head, body=bytes(self._rest)), "without any event")
        data = "\n".join(self._data).strip()
        is_whole = _is_whole(data)
        deltas = tuple(self._parse_event(data)) if is_whole else ()
        is_cut_off = bool(data) and not is_whole
        if not self._has_end_marker and (is_cut_off or not self._has_finish_reason):
            raise APIConnectionError(
                "The reply was cut off before its end.", request_id=self._head.request_id
            )
        return deltas

    def _split_lines(self, chunk: bytes) -> list[bytes]:
        """Return the lines that end with this chunk, in a line feed, a carriage return or both."""
        if not chunk:
            return []
        more = chunk.removeprefix(b"\n") if self._ends_in_return else chunk
        self._ends_in_return = chunk.endswith(b"\r")
        self._rest += more
        if b"\n" not in more and b"\r" not in more:  # searched only once, as it may be long
            if len(self._rest) > len(b"data: ") and self._rest.startswith(b"data:"):
                self.content_bytes += len(more.strip())
            return []
        self._line_count += more.count(b"\n") + more.count(b"\r")
        if self._line_count > _MAX_LINES:
            raise malformed_error(self._head, f"with more than {_MAX_LINES} lines")
        text = bytes(self._rest).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = text.split(b"\n")
        self._rest = bytearray(rest)
        return lines

    def _collect(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            self._has_events = True
            data = line[5:].strip()
            self.content_bytes += len(data)
            self._event_bytes += len(line)
            self._data.append(data.decode("utf-8", errors="replace"))

    def _parse_event(self, data: str) -> Iterator[ChatDelta]:
        if data == _DONE:
            self._has_end_marker = True
            return
        response = replace(self._head, body=data.encode())
        if not has_few_values(response.body):
            raise malformed_error(response, "with an event of far more values than it needs")
        chunk = _parse_chunk(response)
        if chunk.error is not None or (chunk.choices is None and chunk.usage is None):
            raise malformed_error(response, "the reply broke off with an error")
        choice = chunk.choices[0] if chunk.choices else _ChunkChoice()
        self._has_finish_reason = self._has_finish_reason or choice.finish_reason is not None
        yield self._read_delta(chunk, choice)

    def _read_delta(self, chunk: _Chunk, choice: _ChunkChoice) -> ChatDelta:
        delta = choice.delta or _Delta()
        return ChatDelta(
            text=delta.content or delta.refusal or "",
            refusal=delta.refusal or "",
            tool_calls=tuple(map(self._read_tool_call, delta.tool_calls or ())),
            finish_reason=choice.finish_reason,
            usage=parse_usage(chunk.usage) if chunk.usage else None,
            model=self._head.actual_model or chunk.model or "",
            id=chunk.id if isinstance(chunk.id, str) else None,
            logprobs=choice.logprobs if isinstance(choice.logprobs, dict) else None,
            request_id=self._head.request_id,
        )

    def _read_tool_call(self, call: _ToolCallDelta) -> ToolCallDelta:
        function = call.function or _FunctionDelta()
        index = self._tool_call_indexes.resolve(call.index, call.id)
        if self._tool_call_indexes.count > _MAX_TOOL_CALLS:
            raise malformed_error(self._head, f"with more than {_MAX_TOOL_CALLS} tool calls")
        return ToolCallDelta(
            index=index,
            id=call.id,
            name=function.name,
            arguments=function.arguments,
        )


def _parse_chunk(response: Response) -> _Chunk:
    with contextlib.suppress(ValidationError):  # raised below, as it would be the context
        return _Chunk.model_validate_json(response.body)
    raise MalformedResponseError(
        f"An event of the streamed reply is not as documented: {snippet(response)}.",
        status=response.status,
        request_id=response.request_id,
    )


def _is_whole(data: str) -> bool:
    """Return whether the data of an event is complete."""
    if data == _DONE or not has_few_values(data.encode()):  # the latter is refused as it is read
        return True
    try:
        from_json(data)
    except ValueError:
        return False
    return True
