"""Replies of the service as LlamaIndex's responses."""

import base64
from typing import Any

from llama_index.core.base.llms.types import (
    AudioBlock,
    ChatMessage,
    ChatResponse,
    ContentBlock,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.llms.utils import parse_partial_json

from apertis_audio_tools.adapters import chat_schema
from apertis_audio_tools.adapters.chat_schema import ReplyBuilder
from apertis_audio_tools.errors import MalformedResponseError
from apertis_audio_tools.llama_index.messages import calls_of
from apertis_audio_tools.results import ChatReply, ToolCall

_FACTS = {"model", "finish_reason", "request_id", "usage"}


def response(reply: ChatReply, delta: str | None = None) -> ChatResponse:
    """A whole reply; `delta` is what of it is new to those who have followed a stream."""
    calls = [_called(call) for call in reply.tool_calls]
    return _response(reply, calls, delta)


def response_so_far(so_far: ReplyBuilder, delta: str) -> ChatResponse:
    """A reply that is still coming: all its words, and its calls as far as they can be read."""
    calls = [_called_so_far(call) for call in so_far.tool_calls]
    return _response(so_far.build(), calls, delta)


def selections(response: ChatResponse, *, must_call: bool) -> list[ToolSelection]:
    """The tools that a response calls.

    Raises:
        ValueError: It calls none, and had to.
        MalformedResponseError: The model wrote arguments that are no JSON object; to call the tool
            without them would not be what it wanted.
    """
    calls = list(calls_of(response.message))
    if must_call and not calls:
        raise ValueError("The model was to call a tool, and has called none.")
    return [
        ToolSelection(tool_id=call.id, tool_name=call.name, tool_kwargs=_arguments(call))
        for call in calls
    ]


def one_call(response: ChatResponse) -> ChatResponse:
    """The response with its first call only, where one at a time was asked for."""
    blocks = response.message.blocks
    kept = [block for block in blocks if isinstance(block, ToolCallBlock)][:1]
    if not kept:
        return response
    message = response.message.model_copy(
        update={
            "blocks": [each for each in blocks if not isinstance(each, ToolCallBlock)] + kept,
            "additional_kwargs": {
                **response.message.additional_kwargs,
                "tool_calls": response.message.additional_kwargs["tool_calls"][:1],
            },
        }
    )
    return response.model_copy(update={"message": message})


def _arguments(call: ToolCall) -> dict[str, Any]:
    try:
        return chat_schema.parse_arguments(call)
    except ValueError as error:
        raise MalformedResponseError(str(error)) from None


def _response(reply: ChatReply, calls: list[ToolCallBlock], delta: str | None) -> ChatResponse:
    message = ChatMessage(
        role=MessageRole.ASSISTANT,
        blocks=[*_content(reply), *calls],
        additional_kwargs=_kept(reply),
    )
    return ChatResponse(
        message=message,
        delta=delta,
        raw=reply.model_dump(mode="json", include=_FACTS),
        additional_kwargs=_tokens(reply),
    )


def _content(reply: ChatReply) -> list[ContentBlock]:
    """The words, also where there are none but nothing else either, and the sound."""
    words = [TextBlock(text=reply.text)] if reply.text or not reply.tool_calls else []
    if reply.audio is None:
        return [*words]
    sound = base64.b64encode(reply.audio)  # of raw bytes it would be guessed whether they are
    return [*words, AudioBlock(audio=sound, format=reply.audio_format)]


def _kept(reply: ChatReply) -> dict[str, Any]:
    """What later turns need, where LlamaIndex and its stores look for it and keep it."""
    kept: dict[str, Any] = {}
    if reply.tool_calls:
        kept["tool_calls"] = [chat_schema.dump_tool_call(call) for call in reply.tool_calls]
    if reply.audio is not None:
        kept["audio"] = {
            "id": reply.audio_id,
            "expires_at": reply.audio_expires_at,
            "transcript": reply.transcript,
        }
    return kept


def _tokens(reply: ChatReply) -> dict[str, int]:
    """The counts under the names that LlamaIndex's other integrations have."""
    if (usage := reply.usage) is None:
        return {}
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _called(call: ToolCall) -> ToolCallBlock:
    """A call; arguments that make no sense are kept as the model wrote them."""
    try:
        given: dict[str, Any] | str = chat_schema.parse_arguments(call)
    except ValueError:
        given = call.arguments
    return ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=given)


def _called_so_far(call: ToolCall) -> ToolCallBlock:
    try:
        found: Any = parse_partial_json(call.arguments)
    except (ValueError, RecursionError):
        found = {}
    given = found if isinstance(found, dict) else {}
    return ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=given)
