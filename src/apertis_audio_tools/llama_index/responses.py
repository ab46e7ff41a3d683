"""Conversion of the service's replies into LlamaIndex's responses."""

import base64
from collections.abc import Iterator, Sequence
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

from apertis_audio_tools.adapters.chat_schema.options import fill_model_name
from apertis_audio_tools.adapters.chat_schema.replies import ReplyBuilder, parse_arguments
from apertis_audio_tools.adapters.chat_schema.turns import dump_spoken_reply, dump_tool_call
from apertis_audio_tools.api.options import ChatOptions
from apertis_audio_tools.errors import MalformedResponseError
from apertis_audio_tools.llama_index.messages import read_calls
from apertis_audio_tools.results import ChatDelta, ChatReply, ToolCall, ToolCallDelta

_SHORT_REPLY = 16_384
"""Characters of a reply up to which every delta has a response of its own."""
_MAX_RESPONSES_OF_A_REPLY = 64
"""Responses in which any part of a longer reply is repeated, about."""
_MAX_PARTIAL_ARGUMENTS = 32_768
"""Characters of arguments that are parsed before they are complete."""
_RAW_FIELDS = {"model", "finish_reason", "request_id", "usage"}


def build_response(reply: ChatReply, delta: str | None = None) -> ChatResponse:
    """Return a whole reply as a response; `delta` is its new text, when it ends a stream."""
    return _response(reply, list(map(_call_block, reply.tool_calls)), delta)


class PartialResponses:
    """Responses to the deltas of a stream, each with the whole text so far.

    In a long reply, a response stands for several deltas: with one for each, the whole text would
    be copied, and the arguments of all calls parsed, a million times.
    """

    def __init__(self) -> None:
        self._builder = ReplyBuilder()
        self._delta: list[str] = []
        self._size = self._new = 0

    def add(self, delta: ChatDelta) -> Iterator[ChatResponse]:
        """Yield the response to a delta and those before it, unless it waits for further ones."""
        self._builder.add(delta)
        self._delta.append(delta.text)
        self._new += len(delta.text) + sum(map(_weigh, delta.tool_calls))
        if self._new >= (self._size - _SHORT_REPLY) // _MAX_RESPONSES_OF_A_REPLY:
            reply = self._builder.build()
            yield _response(reply, _partial_call_blocks(reply.tool_calls), self._take_delta())

    def finish(self, options: ChatOptions) -> ChatResponse:
        """Return the last response, with the whole reply."""
        return build_response(fill_model_name(self._builder.build(), options), self._take_delta())

    def _take_delta(self) -> str:
        self._size += self._new
        self._new, deltas = 0, "".join(self._delta)
        self._delta.clear()
        return deltas


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


def _weigh(part: ToolCallDelta) -> int:
    """Return the size of a part of a tool call, by what it costs in every later response."""
    return 1000 + 8 * len(part.arguments)


def _partial_call_blocks(calls: Sequence[ToolCall]) -> list[ToolCallBlock]:
    """Return unfinished calls as blocks, with their arguments as far as they parse."""
    is_short = sum(len(call.arguments) for call in calls) <= _MAX_PARTIAL_ARGUMENTS
    return [
        ToolCallBlock(
            tool_call_id=call.id,
            tool_name=call.name,
            tool_kwargs=_parse_partially(call.arguments) if is_short else {},
        )
        for call in calls
    ]


def _parse_partially(arguments: str) -> dict[str, Any]:
    try:
        parsed: object = parse_partial_json(arguments)
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}
