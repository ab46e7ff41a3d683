"""Conversion of LlamaIndex's messages into the chat schema of the service."""

import functools
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import IOBase
from typing import BinaryIO, cast

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    ContentBlock,
    MessageRole,
    TextBlock,
    ToolCallBlock,
)
from pydantic import BaseModel

from apertis_audio_tools.adapters.chat_schema.audio_age import older_than_last
from apertis_audio_tools.adapters.chat_schema.clips import (
    base64_clip,
    file_clip,
    not_fetched_error,
    source_clip,
    split_data_url,
    stream_clip,
)
from apertis_audio_tools.adapters.chat_schema.lost_clips import clip_or_error
from apertis_audio_tools.adapters.chat_schema.turns import (
    Block,
    SpokenTurn,
    Turn,
    assistant_turn,
    instruction_turn,
    omitted_note,
    text_block,
    tool_audio_note,
    tool_audio_turn,
    tool_turn,
    user_turn,
    words_or_note,
)
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.llama_index.clip_references import ClipReference
from apertis_audio_tools.results import ToolCall

_MODEL_ROLES = frozenset({MessageRole.ASSISTANT, MessageRole.CHATBOT, MessageRole.MODEL})
_TOOL_ROLES = frozenset({MessageRole.TOOL, MessageRole.FUNCTION})
_NAMELESS = "clip"


@dataclass(frozen=True, slots=True)
class MessageReader:
    """Converts the messages of a conversation.

    Attributes:
        access: Files that audio blocks may point to. None for any file.
        files: Stack that keeps those files open until the request is sent.
        now: Unix time; the service keeps spoken replies for a while only.
        keep_audio: Number of messages, counted from the end, that keep their audio. None for all.
    """

    access: FileAccess | None
    files: ExitStack
    now: float
    keep_audio: int | None = None

    def turns(self, messages: Iterable[ChatMessage]) -> list[Turn]:
        """Return the conversation in the chat schema, whose clips are for `encode_clips`.

        Audio in the results of tools follows them as a turn of the user, until the next reply.

        Raises:
            UnsupportedError: If the service does not accept such a message.
        """
        turns: list[Turn] = []
        current = _without_older_audio(list(_as_tool_calls(messages)), self.keep_audio)
        for is_result, group in itertools.groupby(current, lambda each: each.role in _TOOL_ROLES):
            adjacent = list(group)
            turns += map(self._turn, adjacent)
            if is_result and (clips := self._clips(adjacent)):
                turns.append(tool_audio_turn(clips))
        return turns

    def _turn(self, message: ChatMessage) -> Turn:
        match message.role:
            case MessageRole.USER:
                name = message.additional_kwargs.get("name")
                return user_turn(self._user_content(message), name)
            case MessageRole.SYSTEM | MessageRole.DEVELOPER as role:
                return instruction_turn(_instruction(message), role.value)
            case role if role in _MODEL_ROLES:
                return assistant_turn(
                    _text(message), list(read_calls(message)), _spoken_turn(message), now=self.now
                )
            case _:
                return _tool_turn(message)

    def _user_content(self, message: ChatMessage) -> str | Sequence[Block]:
        blocks = list(_flat(message))
        if len(blocks) == 1 and isinstance(blocks[0], TextBlock):
            return blocks[0].text
        return [self._block(block) for block in blocks]

    def _block(self, block: ContentBlock) -> Block:
        if isinstance(block, TextBlock):
            return text_block(block.text)
        if isinstance(block, AudioBlock):
            return self._clip(block)
        raise UnsupportedError(
            f"A block of type {block.block_type!r} cannot be sent: chats accept text and audio."
        )

    def _clips(self, results: Iterable[ChatMessage]) -> list[Block]:
        blocks = itertools.chain.from_iterable(message.blocks for message in results)
        return [self._clip(block) for block in blocks if isinstance(block, AudioBlock)]

    def _clip(self, block: AudioBlock) -> Block:
        if reference := ClipReference.from_block(block):
            clip = reference.cut(self.access)
            return text_block(reference.note) if clip is None else source_clip(("clip.mp3", clip))
        return clip_or_error(_clip_name(block), functools.partial(self._read_clip, block))

    def _read_clip(self, block: AudioBlock) -> Block:
        media_type = f"audio/{block.format}" if block.format else None
        if isinstance(block.audio, bytes):
            return base64_clip(block.audio.decode("ascii", errors="replace"), media_type)
        if isinstance(block.audio, IOBase):
            return stream_clip(cast("BinaryIO", block.audio), media_type)
        if block.path is not None and self.access is None:
            return source_clip(block.path)
        if block.path is not None:
            return file_clip(str(block.path), self.access, self.files)
        if block.url is not None:
            if (embedded := split_data_url(str(block.url))) is None:
                raise not_fetched_error("URL")
            return base64_clip(embedded[1], embedded[0])
        raise UnsupportedError("An audio block needs audio or a path.")


def _without_older_audio(
    messages: Sequence[ChatMessage], keep_audio: int | None
) -> list[ChatMessage]:
    """Return the messages with notes in place of audio that is older than the last ones.

    Results of tools lose theirs with the next reply, because the agent made it itself.
    """
    has_audio = [
        message.role not in _MODEL_ROLES and any(isinstance(b, AudioBlock) for b in message.blocks)
        for message in messages
    ]
    is_reply = [
        message.role in _MODEL_ROLES and not any(read_calls(message)) for message in messages
    ]
    count = len(messages) if keep_audio is None else keep_audio
    older = set(older_than_last(has_audio, is_reply, count))
    played = [holds and m.role in _TOOL_ROLES for holds, m in zip(has_audio, messages, strict=True)]
    older.update(older_than_last(played, is_reply, 0))
    return [
        _with_notes(message) if index in older else message
        for index, message in enumerate(messages)
    ]


def _with_notes(message: ChatMessage) -> ChatMessage:
    blocks = [
        TextBlock(text=words_or_note(None, _clip_name(block)))
        if isinstance(block, AudioBlock)
        else block
        for block in message.blocks
    ]
    return message.model_copy(update={"blocks": blocks})


def _clip_name(block: AudioBlock) -> str:
    if reference := ClipReference.from_block(block):
        return reference.name
    return _NAMELESS if block.path is None else block.path.name


def _as_tool_calls(messages: Iterable[ChatMessage]) -> Iterator[ChatMessage]:
    """Yield the messages, with calls of the older chat schema, one function a turn, as tool calls.

    Those calls have no id: a result belongs to the call before it.
    """
    call_id = ""
    for number, message in enumerate(messages):
        facts = message.additional_kwargs
        if (function := facts.get("function_call")) and not facts.get("tool_calls"):
            call_id = f"function_call_{number}"
            calls = [{"id": call_id, "type": "function", "function": function}]
            yield message.model_copy(update={"additional_kwargs": {**facts, "tool_calls": calls}})
        elif message.role in _TOOL_ROLES and call_id and not facts.get("tool_call_id"):
            result = {**facts, "tool_call_id": call_id}
            yield message.model_copy(update={"additional_kwargs": result})
        else:
            yield message


def read_calls(message: ChatMessage) -> Iterator[ToolCall]:
    """Yield the tool calls of a message: its blocks, or what older versions keep."""
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    for block in blocks:
        arguments = block.tool_kwargs
        if not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        yield ToolCall(id=block.tool_call_id or "", name=block.tool_name, arguments=arguments)
    if not blocks:
        yield from map(_read_call, message.additional_kwargs.get("tool_calls") or ())


def _read_call(value: object) -> ToolCall:
    """Return a call in the chat schema, as this or another integration wrote it."""
    call = value.model_dump() if isinstance(value, BaseModel) else value
    function = call.get("function") if isinstance(call, Mapping) else None
    if (
        not isinstance(call, Mapping)
        or not isinstance(function, Mapping)
        or not isinstance(function.get("name"), str)
    ):
        raise UnsupportedError("A tool call in the conversation is not in the chat schema.")
    return ToolCall(
        id=call.get("id") or "", name=function["name"], arguments=function.get("arguments") or ""
    )


def _flat(message: ChatMessage) -> Iterator[ContentBlock]:
    """Yield the blocks of a message, with the contents of citations in place of the citations."""
    for block in message.blocks:
        if isinstance(block, CitableBlock | CitationBlock):
            yield from cast("list[ContentBlock]", block.nested_blocks)
        elif not isinstance(block, CachePoint):
            yield block


def _text(message: ChatMessage) -> str:
    return "\n".join(block.text for block in _flat(message) if isinstance(block, TextBlock))


def _instruction(message: ChatMessage) -> str:
    """Return the text of an instruction, which cannot hold anything else."""
    for block in _flat(message):
        if not isinstance(block, TextBlock):
            raise UnsupportedError(
                f"An instruction is text; it cannot have a block of type {block.block_type!r}."
            )
    return _text(message)


def _tool_turn(message: ChatMessage) -> Turn:
    """Return the result of a tool as text, with notes in place of other blocks."""
    call_id = message.additional_kwargs.get("tool_call_id")
    if not call_id:
        raise UnsupportedError(
            "The result of a tool needs the id of its call, in additional_kwargs['tool_call_id']."
        )
    return tool_turn("\n".join(map(_as_text, _flat(message))), str(call_id))


def _as_text(block: ContentBlock) -> str:
    if isinstance(block, TextBlock):
        return block.text
    if isinstance(block, AudioBlock):
        return tool_audio_note(f"audio/{block.format}" if block.format else "audio")
    return omitted_note(block.block_type)


def _spoken_turn(message: ChatMessage) -> SpokenTurn | None:
    """Return the spoken reply of an earlier turn; one of another service has no id."""
    audio = message.additional_kwargs.get("audio")
    if isinstance(audio, Mapping):
        return SpokenTurn.from_dict(audio)
    has_audio = any(isinstance(block, AudioBlock) for block in message.blocks)
    return SpokenTurn() if has_audio else None
