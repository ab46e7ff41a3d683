"""A chat reply as it arrives: server-sent events become deltas."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from apertis_audio_tools.api.response import Response, malformed_error, snippet
from apertis_audio_tools.api.tool_call_indexes import ToolCallIndexes
from apertis_audio_tools.api.usage import parse_usage
from apertis_audio_tools.errors import APIConnectionError, MalformedResponseError
from apertis_audio_tools.results import ChatDelta, ToolCallDelta

_DONE = "[DONE]"
_LONGEST_LINE = 4 * 1024 * 1024
"""Bytes; an event is one line, and the longest ones carry some words."""


class _FunctionDelta(BaseModel):
    name: str | None = None
    arguments: str | None = None


class _ToolCallDelta(BaseModel):
    index: int | None = None
    id: str | None = None
    function: _FunctionDelta | None = None


class _Delta(BaseModel):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_ToolCallDelta] | None = None


class _ChunkChoice(BaseModel):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(BaseModel):
    choices: list[_ChunkChoice] | None = None
    error: Any = None
    model: str | None = None
    usage: Any = None


class ChatEventReader:
    """Server-sent events, fed as bytes arrive, read as deltas.

    Args:
        head: The answer the events belong to, without its body.
    """

    def __init__(self, head: Response) -> None:
        self._head = head
        self._rest = b""
        self._data: list[str] = []
        self._numbers = ToolCallIndexes()
        self._is_empty = True
        self._is_after_return = self._has_begun = self._is_done = self._is_over = False
        self._is_events = head.media_type == "text/event-stream"

    def feed(self, chunk: bytes) -> Iterator[ChatDelta]:
        """The deltas that are complete with this chunk.

        Raises:
            MalformedResponseError: An event is not as documented, or tells of a failure.
        """
        self._is_empty = self._is_empty and not chunk
        if len(self._rest) > _LONGEST_LINE:
            raise malformed_error(
                replace(self._head, body=self._rest), "with a line that does not end"
            )
        if not self._is_events:
            self._rest += chunk
            return
        for line in self._lines(chunk):
            self._note(line)
            if not line and self._data:
                yield from self._event("\n".join(self._data))
                self._data.clear()

    def finish(self) -> Sequence[ChatDelta]:
        """Called when the body has ended: the delta of an event with no empty line after it.

        Raises:
            APIConnectionError: It ended before the reply did.
            MalformedResponseError: It was something else than events.
        """
        if not self._is_events:
            kind = self._head.media_type or "nothing"
            raise malformed_error(
                replace(self._head, body=self._rest), f"with {kind} in place of events"
            )
        self._note(self._rest)
        if not (self._is_empty or self._has_begun):
            raise malformed_error(replace(self._head, body=self._rest), "without any event")
        data = "\n".join(self._data)
        last = tuple(self._event(data)) if _is_whole(data) else ()
        if not self._is_done or (data and not _is_whole(data) and not self._is_over):
            raise APIConnectionError(
                "The reply was cut off before its end.", request_id=self._head.request_id
            )
        return last

    def _lines(self, chunk: bytes) -> list[bytes]:
        """Those that end with this chunk: in a line feed, a return, or both, one chunk each."""
        if not chunk:
            return []
        more = chunk.removeprefix(b"\n") if self._is_after_return else chunk
        self._is_after_return = chunk.endswith(b"\r")
        text = (self._rest + more).replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._rest = text.split(b"\n")
        return lines

    def _note(self, line: bytes) -> None:
        if line.startswith(b"data:"):
            self._has_begun = True
            self._data.append(line[5:].strip().decode("utf-8", errors="replace"))

    def _event(self, data: str) -> Iterator[ChatDelta]:
        if data == _DONE:
            self._is_done = self._is_over = True
            return
        answer = Response(self._head.status, self._head.headers, data.encode())
        try:
            chunk = _Chunk.model_validate_json(answer.body)
        except ValidationError:
            raise MalformedResponseError(
                f"An event of the streamed reply is not as documented: {snippet(answer.body)}.",
                status=answer.status,
                request_id=answer.request_id,
            ) from None
        if chunk.error is not None or (chunk.choices is None and chunk.usage is None):
            raise malformed_error(answer, "the reply failed half-way")
        choice = chunk.choices[0] if chunk.choices else _ChunkChoice()
        self._is_done = self._is_done or choice.finish_reason is not None
        yield self._delta(chunk, choice)

    def _delta(self, chunk: _Chunk, choice: _ChunkChoice) -> ChatDelta:
        delta = choice.delta or _Delta()
        return ChatDelta(
            text=delta.content or delta.refusal or "",
            tool_calls=tuple(map(self._piece, delta.tool_calls or ())),
            finish_reason=choice.finish_reason,
            usage=parse_usage(chunk.usage) if chunk.usage else None,
            model=chunk.model or "",
            request_id=self._head.request_id,
        )

    def _piece(self, call: _ToolCallDelta) -> ToolCallDelta:
        function = call.function or _FunctionDelta()
        return ToolCallDelta(
            index=self._numbers.number(call.index, call.id),
            id=call.id,
            name=function.name,
            arguments=function.arguments or "",
        )


def _is_whole(data: str) -> bool:
    """Whether nothing was cut off it."""
    if data == _DONE:
        return True
    try:
        from_json(data)
    except ValueError:
        return False
    return True
