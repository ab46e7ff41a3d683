"""Replies of a chat model, and what decides their shape."""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from apertis_audio_tools.audio import SPEECH_MEDIA_TYPES
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.results import ChatDelta, ChatReply, ToolCall, Usage

ToolChoice = str | bool | Mapping[str, Any] | None


def is_spoken_reply(modalities: Sequence[str] | None, voice: str | None) -> bool:
    """Whether a reply will be spoken, which cannot be streamed."""
    return "audio" in modalities if modalities else voice is not None


def media_type(audio_format: str) -> str:
    """Of a spoken reply: ``audio/mpeg`` for mp3, and so on."""
    return SPEECH_MEDIA_TYPES[audio_format.removesuffix("16")]


def parse_arguments(call: ToolCall) -> dict[str, Any]:
    """The arguments of a tool call, which the model wrote as JSON.

    Raises:
        ValueError: They are no JSON object; the message says what is wrong, for the model to read.
    """
    try:
        found = json.loads(call.arguments or "{}", strict=False)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The arguments of {call.name} are not JSON: {error}.") from None
    if not isinstance(found, dict):
        raise ValueError(f"The arguments of {call.name} are no JSON object.")  # noqa: TRY004
    return found


def resolve_tool_choice(
    choice: ToolChoice, names: Collection[str]
) -> str | Mapping[str, Any] | None:
    """What frameworks call a choice, in the words of the service.

    Args:
        choice: ``auto``, ``none``, ``any`` or ``required`` or True, the name of a tool, a choice
            already in the chat schema, or nothing.
        names: Of the tools there are.

    Raises:
        UnsupportedError: There is no such tool, or no tool at all.
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


class ReplyBuilder:
    """A streamed reply, put together: the words, and tool calls piece by piece."""

    def __init__(self) -> None:
        self.text = ""
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self.model = ""
        self.request_id: str | None = None
        self._calls: dict[int, ToolCall] = {}

    def add(self, delta: ChatDelta) -> None:
        """The next piece."""
        self.text += delta.text
        self.finish_reason = delta.finish_reason or self.finish_reason
        self.usage = delta.usage or self.usage
        self.model = delta.model or self.model
        self.request_id = delta.request_id or self.request_id
        for piece in delta.tool_calls:
            begun = self._calls.get(piece.index, ToolCall(id="", name="", arguments=""))
            self._calls[piece.index] = ToolCall(
                id=begun.id or piece.id or "",
                name=begun.name or piece.name or "",
                arguments=begun.arguments + piece.arguments,
            )

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls so far, in their order; their arguments may still be incomplete."""
        return tuple(self._calls[index] for index in sorted(self._calls))

    def build(self) -> ChatReply:
        """All of it, once it has ended."""
        return ChatReply(
            text=self.text,
            tool_calls=self.tool_calls,
            finish_reason=self.finish_reason,
            usage=self.usage,
            model=self.model,
            request_id=self.request_id,
        )
