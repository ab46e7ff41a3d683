"""Replies of a chat model: tool calls, media types, and streams put together."""

import io
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.models import SPEECH_MEDIA_TYPES
from apertis_audio_tools.results import ChatDelta, ChatReply, ToolCall, ToolCallDelta, Usage

ToolChoice = str | bool | Mapping[str, Any] | None


def speech_media_type(audio_format: str) -> str:
    """Return the media type of a spoken reply: ``audio/mpeg`` for mp3, and so on."""
    return SPEECH_MEDIA_TYPES[audio_format.removesuffix("16")]


def parse_arguments(call: ToolCall) -> dict[str, Any]:
    """Return the arguments of a tool call, which the model wrote as JSON; ``null`` is none.

    Raises:
        ValueError: If they are not a JSON object; the message is meant for the model.
    """
    try:
        arguments = json.loads(call.arguments or "{}", strict=False)
    except (ValueError, RecursionError) as error:
        problem = f"JSON: {error}"
    else:
        if arguments is None or isinstance(arguments, dict):
            return arguments or {}
        problem = "a JSON object"
    # Raised out here, because the other error would be its context and holds the arguments.
    raise ValueError(f"The arguments of {call.name} are not {problem}.")


def resolve_tool_choice(
    choice: ToolChoice, names: Collection[str]
) -> str | Mapping[str, Any] | None:
    """Return a framework's tool choice in the terms of the chat schema.

    A choice is ``auto``, ``none``, ``any``, ``required`` or True, one of the `names` of tools,
    or already in the chat schema.

    Raises:
        UnsupportedError: If there is no such tool, or no tool at all.
    """
    if choice is None or choice is False or isinstance(choice, Mapping):
        return choice or None
    if choice is True or choice in {"any", "required"}:
        if not names:
            raise UnsupportedError("A tool has to be called, and there are none.")
        return "required"
    if choice in names:
        return {"type": "function", "function": {"name": choice}}
    if choice in {"auto", "none"}:
        return choice if names else None
    known = ", ".join(sorted(names)) or "none"
    raise UnsupportedError(f"tool_choice is {choice!r}; the tools are: {known}.")


@dataclass(slots=True)
class _CallBuilder:
    """Tool call that is still arriving."""

    id: str = ""
    name: str = ""
    arguments: io.StringIO = field(default_factory=io.StringIO)

    def add(self, part: ToolCallDelta) -> None:
        self.id = self.id or part.id or ""
        self.name = self.name or part.name or ""
        self.arguments.write(part.arguments)

    def build(self) -> ToolCall:
        return ToolCall(id=self.id, name=self.name, arguments=self.arguments.getvalue())


class ReplyBuilder:
    """Joins the deltas of a stream into a reply, in time that is linear in their number."""

    def __init__(self) -> None:
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.model: str = ""
        self.id: str | None = None
        self._logprobs: dict[str, list[Any]] = {}
        self.request_id: str | None = None
        self._text, self._refusal = io.StringIO(), io.StringIO()
        self._calls: dict[int, _CallBuilder] = {}

    def add(self, delta: ChatDelta) -> None:
        """Append a delta."""
        self._text.write(delta.text)
        self._refusal.write(delta.refusal)
        self.finish_reason = delta.finish_reason or self.finish_reason
        self.usage = delta.usage or self.usage
        self.model = delta.model or self.model
        self.id = delta.id or self.id
        for name, entries in (delta.logprobs or {}).items():
            if isinstance(entries, list):
                self._logprobs.setdefault(name, []).extend(entries)
        self.request_id = delta.request_id or self.request_id
        for part in delta.tool_calls:
            self._calls.setdefault(part.index, _CallBuilder()).add(part)

    def build(self) -> ChatReply:
        """Return the reply so far; the arguments of its tool calls may be incomplete."""
        return ChatReply(
            text=self._text.getvalue(),
            refusal=self._refusal.getvalue() or None,
            tool_calls=tuple(self._calls[index].build() for index in sorted(self._calls)),
            finish_reason=self.finish_reason,
            usage=self.usage,
            model=self.model,
            id=self.id,
            logprobs=self._logprobs or None,
            request_id=self.request_id,
        )
