"""A chat reply as it arrives: server-sent events become deltas."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from apertis_audio_tools.answers import malformed, snippet
from apertis_audio_tools.calls.tool_call_numbers import ToolCallNumbers
from apertis_audio_tools.calls.usage import read_usage
from apertis_audio_tools.errors import APIConnectionError, MalformedAnswerError
from apertis_audio_tools.results import ChatDelta, ToolCallDelta
from apertis_audio_tools.wire import Answer

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


class ChatEvents:
    """Server-sent events, fed as bytes arrive, read as deltas.

    Args:
        head: The answer the events belong to, without its body.
    """

    def __init__(self, head: Answer) -> None:
        self._head = head
        self._rest = b""
        self._data: list[str] = []
        self._numbers = ToolCallNumbers()
        self._is_empty = True
        self._has_begun = self._is_done = False
        self._is_events = head.media_type == "text/event-stream"

    def feed(self, chunk: bytes) -> Iterator[ChatDelta]:
        """The deltas that are complete with this chunk.

        Raises:
            MalformedAnswerError: An event is not as documented, or tells of a failure.
        """
        self._is_empty = self._is_empty and not chunk
        if len(self._rest) > _LONGEST_LINE:
            raise malformed(replace(self._head, body=self._rest), "with a line that does not end")
        if not self._is_events:
            self._rest += chunk
            return
        *lines, self._rest = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self._has_begun = True
                self._data.append(line[5:].strip().decode("utf-8", errors="replace"))
            elif not line and self._data:
                yield from self._event("\n".join(self._data))
                self._data.clear()

    def finish(self) -> None:
        """Called when the body has ended.

        Raises:
            APIConnectionError: It ended before the reply did.
            MalformedAnswerError: It was something else than events.
        """
        if not self._is_events:
            kind = self._head.media_type or "nothing"
            raise malformed(replace(self._head, body=self._rest), f"with {kind} in place of events")
        if not (self._is_empty or self._has_begun):
            raise malformed(replace(self._head, body=self._rest), "without any event")
        if not self._is_done:
            raise APIConnectionError(
                "The reply was cut off before its end.", request_id=self._head.request_id
            )

    def _event(self, data: str) -> Iterator[ChatDelta]:
        if data == "[DONE]":
            self._is_done = True
            return
        answer = Answer(self._head.status, self._head.headers, data.encode())
        try:
            chunk = _Chunk.model_validate_json(answer.body)
        except ValidationError:
            raise MalformedAnswerError(
                f"An event of the streamed reply is not as documented: {snippet(answer.body)}.",
                status=answer.status,
                request_id=answer.request_id,
            ) from None
        if chunk.error is not None or (chunk.choices is None and chunk.usage is None):
            raise malformed(answer, "the reply failed half-way")
        choice = chunk.choices[0] if chunk.choices else _ChunkChoice()
        self._is_done = self._is_done or choice.finish_reason is not None
        yield self._delta(chunk, choice)

    def _delta(self, chunk: _Chunk, choice: _ChunkChoice) -> ChatDelta:
        delta = choice.delta or _Delta()
        return ChatDelta(
            text=delta.content or delta.refusal or "",
            tool_calls=tuple(map(self._piece, delta.tool_calls or ())),
            finish_reason=choice.finish_reason,
            usage=read_usage(chunk.usage) if chunk.usage else None,
            model=chunk.model or "",
        )

    def _piece(self, call: _ToolCallDelta) -> ToolCallDelta:
        function = call.function or _FunctionDelta()
        return ToolCallDelta(
            index=self._numbers.number(call.index, call.id),
            id=call.id,
            name=function.name,
            arguments=function.arguments or "",
        )
