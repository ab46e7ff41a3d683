"""Conversion of the service's replies into LlamaIndex's responses."""

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

from apertis_audio_tools.adapters.chat_schema.replies import ReplyBuilder, parse_arguments
from apertis_audio_tools.adapters.chat_schema.turns import dump_spoken_reply, dump_tool_call
from apertis_audio_tools.errors import MalformedResponseError
from apertis_audio_tools.llama_index.messages import read_calls
from apertis_audio_tools.results import ChatReply, ToolCall

_RAW_FIELDS = {"model", "finish_reason", "request_id", "usage"}


def build_response(reply: ChatReply, delta: str | None = None) -> ChatResponse:
    """Return a whole reply as a response; `delta` is its new text, when it ends a stream."""
    return _response(reply, list(map(_call_block, reply.tool_calls)), delta)


def build_partial_response(builder: ReplyBuilder, delta: str) -> ChatResponse:
    """Return an unfinished reply: its whole text so far, and its calls as far as they parse."""
    return _response(builder.build(), list(map(_partial_call_block, builder.tool_calls)), delta)


def select_tools(
    response: ChatResponse, *, must_call: bool, must_parse: bool
) -> list[ToolSelection]:
    """Return the tools that a response calls.

    A tool is never called without the arguments that the model wrote, because that is not the call
    it made. If they are not a JSON object, the call gets the reason as the name of an argument:
    the tool refuses it, and the model reads why and can call again.

    Raises:
        ValueError: If it calls none and `must_call` is true.
        MalformedResponseError: If `must_parse` is true and the arguments of a call are not a JSON
            object.
    """
    calls = list(read_calls(response.message))
    if must_call and not calls:
        raise ValueError("The model was required to call a tool, and called none.")
    return [_selection(call, must_parse=must_parse) for call in calls]


def drop_further_calls(response: ChatResponse) -> ChatResponse:
    """Return the response with its first tool call only."""
    message = response.message
    calls = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if not calls:
        return response
    others = [block for block in message.blocks if not isinstance(block, ToolCallBlock)]
    first = message.additional_kwargs["tool_calls"][:1]
    update = {
        "blocks": [*others, calls[0]],
        "additional_kwargs": {**message.additional_kwargs, "tool_calls": first},
    }
    return response.model_copy(update={"message": message.model_copy(update=update)})


def _selection(call: ToolCall, *, must_parse: bool) -> ToolSelection:
    try:
        arguments = parse_arguments(call)
    except ValueError as error:
        if must_parse:
            raise MalformedResponseError(str(error)) from None
        arguments = {f"{error} Call it again with a JSON object.": call.arguments}
    return ToolSelection(tool_id=call.id, tool_name=call.name, tool_kwargs=arguments)


def _response(reply: ChatReply, calls: list[ToolCallBlock], delta: str | None) -> ChatResponse:
    message = ChatMessage(
        role=MessageRole.ASSISTANT,
        blocks=[*_content(reply), *calls],
        additional_kwargs=_additional_kwargs(reply),
    )
    return ChatResponse(
        message=message,
        delta=delta,
        raw=reply.model_dump(mode="json", include=_RAW_FIELDS),
        additional_kwargs=_token_counts(reply),
    )


def _content(reply: ChatReply) -> list[ContentBlock]:
    """Return the text, which may be empty if there is nothing else, and the audio."""
    text = [TextBlock(text=reply.text)] if reply.text or not reply.tool_calls else []
    if reply.audio is None:
        return [*text]
    audio = base64.b64encode(reply.audio)  # an AudioBlock guesses whether raw bytes are base64
    return [*text, AudioBlock(audio=audio, format=reply.audio_format)]


def _additional_kwargs(reply: ChatReply) -> dict[str, object]:
    """Return the facts that later turns need, where LlamaIndex and its chat stores keep them."""
    facts: dict[str, object] = {}
    if reply.tool_calls:
        facts["tool_calls"] = [dump_tool_call(call) for call in reply.tool_calls]
    if reply.audio is not None:
        facts["audio"] = dump_spoken_reply(reply)
    return facts


def _token_counts(reply: ChatReply) -> dict[str, int]:
    """Return the token counts under the names that LlamaIndex's other integrations use."""
    if (usage := reply.usage) is None:
        return {}
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _call_block(call: ToolCall) -> ToolCallBlock:
    """Return a call as a block; arguments that are not a JSON object stay as they are."""
    try:
        arguments: dict[str, Any] | str = parse_arguments(call)
    except ValueError:
        arguments = call.arguments
    return ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=arguments)


def _partial_call_block(call: ToolCall) -> ToolCallBlock:
    try:
        parsed: object = parse_partial_json(call.arguments)
    except (ValueError, RecursionError):
        parsed = None
    arguments = parsed if isinstance(parsed, dict) else {}
    return ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=arguments)
