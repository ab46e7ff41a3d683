"""Translation of LangChain messages into turns, and of replies into LangChain messages."""

import base64
import functools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolMessage,
    UsageMetadata,
)
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails
from langchain_core.messages.tool import ToolCall as MessageToolCall
from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk

from apertis_audio_tools.adapters.chat_schema.lost_clips import clip_or_error
from apertis_audio_tools.adapters.chat_schema.replies import parse_arguments, speech_media_type
from apertis_audio_tools.adapters.chat_schema.turns import (
    Block,
    SpokenTurn,
    Turn,
    assistant_turn,
    dump_spoken_reply,
    instruction_turn,
    omitted_note,
    text_block,
    tool_turn,
    user_turn,
)
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.langchain.audio_blocks import AudioBlock
from apertis_audio_tools.results import ChatDelta, ChatReply, ToolCall, Usage

PROVIDER = "apertis"

ContentBlock = str | Mapping[str, Any]

_BINARY_BLOCK_TYPES = frozenset(
    {"audio", "file", "image", "image_url", "input_audio", "video", "media"}
)


def build_turns(
    messages: Iterable[BaseMessage], access: FileAccess | None, files: ExitStack, *, now: float
) -> list[Turn]:
    """Return messages as turns of the chat schema, whose clips are for `encode_clips`.

    Args:
        messages: Conversation so far.
        access: Files that messages may refer to.
        files: Stack that keeps those files open until the request is sent.
        now: Unix time; the service keeps spoken replies for a while only.

    Raises:
        UnsupportedError: If the service does not accept such a message.
    """
    return [_turn(message, access, files, now) for message in messages]


def _turn(message: BaseMessage, access: FileAccess | None, files: ExitStack, now: float) -> Turn:
    match message:
        case AIMessage():
            text = message.text or str(message.additional_kwargs.get("refusal") or "")
            return assistant_turn(text, list(_tool_calls(message)), spoken_turn(message), now=now)
        case ToolMessage():
            return tool_turn(_tool_text(message.content), message.tool_call_id)
        case SystemMessage():
            return instruction_turn(_instruction_text(message))
        case HumanMessage() | ChatMessage(role="user"):
            return user_turn(_user_content(message, access, files), message.name)
        case ChatMessage(role="assistant"):
            return assistant_turn(message.text, now=now)
        case ChatMessage(role="system" | "developer" as role):
            return instruction_turn(_instruction_text(message), role)
        case ChatMessage(role=role):
            pass
        case _:
            role = message.type
    raise UnsupportedError(f"The service has no message role {role!r:.100}.")


def _user_content(
    message: BaseMessage, access: FileAccess | None, files: ExitStack
) -> str | Sequence[Block]:
    if isinstance(message.content, str):
        return message.content
    return [_block(block, access, files) for block in message.content]


def _block(block: ContentBlock, access: FileAccess | None, files: ExitStack) -> Block:
    if isinstance(block, str):
        return text_block(block)
    if (audio := AudioBlock.read(block)) is not None:
        return clip_or_error(audio.name, functools.partial(audio.clip, access, files))
    match block.get("type"):
        case "text" | "text-plain" if isinstance(block.get("text"), str):
            return text_block(block["text"])
        case kind:
            raise UnsupportedError(
                f"A block of type {kind!r:.100} cannot be sent: the model accepts text and audio."
            )


def _instruction_text(message: BaseMessage) -> str:
    """Return the text of a message that can hold nothing else."""
    for block in message.content if isinstance(message.content, list) else ():
        if isinstance(block, dict) and block.get("type") not in {"text", "text-plain"}:
            raise UnsupportedError(
                f"An instruction is text; it cannot have a block of type {block.get('type')!r}."
            )
    return message.text


def _tool_text(content: str | Sequence[ContentBlock]) -> str:
    """Return the result of a tool as text, the only content the service accepts there."""
    if isinstance(content, str):
        return content
    return "\n".join(_tool_block_text(block) for block in content)


def _tool_block_text(block: ContentBlock) -> str:
    if isinstance(block, str):
        return block
    if isinstance(text := block.get("text"), str):
        return text
    kind = block.get("type")
    if kind in _BINARY_BLOCK_TYPES:
        return omitted_note(str(block.get("mime_type") or kind))
    return json.dumps(block, ensure_ascii=False, default=str)


def _tool_calls(message: AIMessage) -> Iterator[ToolCall]:
    """Yield the tool calls of an earlier turn, also the invalid ones: they have results too."""
    for call in message.tool_calls:
        arguments = json.dumps(call["args"], ensure_ascii=False)
        yield ToolCall(id=call["id"] or "", name=call["name"], arguments=arguments)
    for failed in message.invalid_tool_calls:
        yield ToolCall(
            id=failed["id"] or "", name=failed["name"] or "", arguments=failed["args"] or ""
        )


def spoken_turn(message: AIMessage) -> SpokenTurn | None:
    """Return the audio of an earlier turn; an id of another provider is dropped."""
    audio = message.additional_kwargs.get("audio")
    if isinstance(audio, dict):
        is_ours = message.response_metadata.get("model_provider", PROVIDER) == PROVIDER
        return SpokenTurn.from_dict(audio if is_ours else {**audio, "id": None})
    blocks = message.content if isinstance(message.content, list) else []
    has_audio = any(isinstance(each, dict) and each.get("type") == "audio" for each in blocks)
    return SpokenTurn() if has_audio else None


def reply_message(reply: ChatReply) -> AIMessage:
    """Return a reply as a message: text, audio as a standard block, tool calls and usage."""
    calls, failed = _parse_calls(reply.tool_calls)
    return AIMessage(
        content=_content(reply),
        additional_kwargs=_additional_kwargs(reply),
        response_metadata=_metadata(reply),
        tool_calls=calls,
        invalid_tool_calls=failed,
        usage_metadata=_usage(reply.usage),
    )


def reply_chunk(reply: ChatReply) -> AIMessageChunk:
    """Return a reply as the only chunk of a stream."""
    calls = [
        tool_call_chunk(id=call.id, name=call.name, args=call.arguments, index=index)
        for index, call in enumerate(reply.tool_calls)
    ]
    return AIMessageChunk(
        content=_content(reply),
        additional_kwargs=_additional_kwargs(reply),
        response_metadata=_metadata(reply),
        tool_call_chunks=calls,
        usage_metadata=_usage(reply.usage),
        chunk_position="last",
    )


def delta_chunk(delta: ChatDelta) -> AIMessageChunk:
    """Return a delta as a chunk; `last_chunk` has what must not be repeated when chunks merge."""
    calls = [
        tool_call_chunk(id=part.id, name=part.name, args=part.arguments, index=part.index)
        for part in delta.tool_calls
    ]
    refusal = {**_refusal_block(delta.refusal), "index": 0}
    return AIMessageChunk(
        content=[refusal] if delta.refusal else delta.text,
        additional_kwargs={"refusal": delta.refusal} if delta.refusal else {},
        response_metadata={"model_provider": PROVIDER},
        tool_call_chunks=calls,
    )


def last_chunk(reply: ChatReply) -> AIMessageChunk:
    """Return the last chunk of a stream: finish reason, model and usage."""
    return AIMessageChunk(
        content="",
        response_metadata=_metadata(reply),
        usage_metadata=_usage(reply.usage),
        chunk_position="last",
    )


def _content(reply: ChatReply) -> str | list[str | dict[Any, Any]]:
    if reply.audio is None:
        return _text_content(reply)
    audio = {
        "type": "audio",
        "base64": base64.b64encode(reply.audio).decode(),
        "mime_type": speech_media_type(reply.audio_format or "wav"),
        **({"id": reply.audio_id} if reply.audio_id else {}),
    }
    return [text_block(reply.text), audio] if reply.text else [audio]


def _text_content(reply: ChatReply) -> str | list[str | dict[Any, Any]]:
    if reply.refusal is None:
        return reply.text
    text = [] if reply.text == reply.refusal else [text_block(reply.text)]
    return [*text, _refusal_block(reply.refusal)]


def _refusal_block(words: str) -> dict[str, Any]:
    """Return a refusal as LangChain's standard block, which older versions do not know."""
    return {"type": "refusal", "refusal": words}


def _additional_kwargs(reply: ChatReply) -> dict[str, object]:
    refusal: dict[str, object] = {"refusal": reply.refusal} if reply.refusal else {}
    return refusal if reply.audio is None else {**refusal, "audio": dump_spoken_reply(reply)}


def _metadata(reply: ChatReply) -> dict[str, Any]:
    facts = {
        "model_name": reply.model,
        "finish_reason": reply.finish_reason,
        "id": reply.id,
        "logprobs": reply.logprobs,
        "request_id": reply.request_id,
    }
    return {"model_provider": PROVIDER, **{name: value for name, value in facts.items() if value}}


def _parse_calls(
    calls: Iterable[ToolCall],
) -> tuple[list[MessageToolCall], list[InvalidToolCall]]:
    valid, invalid = [], []
    for call in calls:
        try:
            args = parse_arguments(call)
        except ValueError as error:
            invalid.append(
                invalid_tool_call(name=call.name, args=call.arguments, id=call.id, error=str(error))
            )
        else:
            valid.append(tool_call(name=call.name, args=args, id=call.id))
    return valid, invalid


def _usage(usage: Usage | None) -> UsageMetadata | None:
    if usage is None:
        return None
    return UsageMetadata(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.input_tokens + usage.output_tokens,
        input_token_details=InputTokenDetails(
            audio=usage.input_audio_tokens, cache_read=usage.cached_tokens
        ),
        output_token_details=OutputTokenDetails(
            audio=usage.output_audio_tokens, reasoning=usage.reasoning_tokens
        ),
    )
