"""LlamaIndex's messages taken apart for the service."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from io import IOBase
from typing import Any, BinaryIO, cast

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

from apertis_audio_tools.adapters import chat_schema
from apertis_audio_tools.adapters.chat_schema import Block, SpokenTurn, Turn
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.results import ToolCall

_OF_THE_MODEL = frozenset({MessageRole.ASSISTANT, MessageRole.CHATBOT, MessageRole.MODEL})
_OF_TOOLS = frozenset({MessageRole.TOOL, MessageRole.FUNCTION})


@dataclass(frozen=True, slots=True)
class MessageReader:
    """Reads the messages of a conversation.

    Attributes:
        access: The files that audio blocks may point to; None for any: a program wrote the path.
        files: Keeps those files open until they were sent.
        now: The time, in Unix seconds: a spoken answer is known to the service for a while only.
    """

    access: FileAccess | None
    files: ExitStack
    now: float

    def turns(self, messages: Iterable[ChatMessage]) -> list[Turn]:
        """The conversation in the chat schema.

        The sound in the results of tools comes right after them, as if the user played it.

        Raises:
            UnsupportedError: The service cannot be sent such a message.
            AccessError: A file may not be read, or is not there.
        """
        turns: list[Turn] = []
        for are_results, group in itertools.groupby(messages, key=_is_result):
            together = list(group)
            turns += map(self._turn, together)
            if are_results and (clips := self._clips(together)):
                turns.append(chat_schema.tool_audio_turn(clips))
        return turns

    def _turn(self, message: ChatMessage) -> Turn:
        match message.role:
            case MessageRole.USER:
                return chat_schema.user_turn(
                    self._heard(message), message.additional_kwargs.get("name")
                )
            case MessageRole.SYSTEM | MessageRole.DEVELOPER as role:
                return chat_schema.instruction_turn(_words(message), role.value)
            case role if role in _OF_THE_MODEL:
                words = "\n".join(_texts(message.blocks))
                return chat_schema.assistant_turn(
                    words, list(calls_of(message)), _spoken(message), now=self.now
                )
            case _:
                return chat_schema.tool_turn(_result(message.blocks), _call_id(message))

    def _heard(self, message: ChatMessage) -> str | Sequence[Block]:
        blocks = list(_flat(message.blocks))
        if len(blocks) == 1 and isinstance(blocks[0], TextBlock):
            return blocks[0].text
        return [self._block(block) for block in blocks]

    def _block(self, block: ContentBlock) -> Block:
        if isinstance(block, TextBlock):
            return chat_schema.text_block(block.text)
        if isinstance(block, AudioBlock):
            return self._clip(block)
        raise UnsupportedError(
            f"A block of type {block.block_type!r} cannot be sent: the model takes text and audio."
        )

    def _clips(self, results: Iterable[ChatMessage]) -> list[Block]:
        blocks = itertools.chain.from_iterable(message.blocks for message in results)
        return [self._clip(block) for block in blocks if isinstance(block, AudioBlock)]

    def _clip(self, block: AudioBlock) -> Block:
        media_type = f"audio/{block.format}" if block.format else None
        if isinstance(block.audio, bytes):
            return chat_schema.base64_clip(
                block.audio.decode("ascii", errors="replace"), media_type
            )
        if isinstance(block.audio, IOBase):
            return chat_schema.stream_clip(cast("BinaryIO", block.audio), media_type)
        if block.path is not None and self.access is None:
            return chat_schema.trusted_file_clip(block.path)
        if block.path is not None:
            return chat_schema.file_clip(str(block.path), self.access, self.files)
        if block.url is not None:
            raise chat_schema.not_fetched_error("URL")
        raise UnsupportedError("A block of audio needs audio or a path.")


def calls_of(message: ChatMessage) -> Iterator[ToolCall]:
    """The tools that a message of the model calls: in blocks, or as they once were kept."""
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    for block in blocks:
        given = block.tool_kwargs
        written = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
        yield ToolCall(id=block.tool_call_id or "", name=block.tool_name, arguments=written)
    if not blocks:
        yield from map(_kept_call, message.additional_kwargs.get("tool_calls") or ())


def _kept_call(kept: Any) -> ToolCall:
    """A call in the chat schema, of this or of another integration."""
    call = kept.model_dump() if isinstance(kept, BaseModel) else kept
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise UnsupportedError("A tool call in the conversation is not in the chat schema.")
    return ToolCall(
        id=call.get("id") or "", name=function["name"], arguments=function.get("arguments") or ""
    )


def _is_result(message: ChatMessage) -> bool:
    return message.role in _OF_TOOLS


def _call_id(message: ChatMessage) -> str:
    """Which call a tool has answered."""
    if call_id := message.additional_kwargs.get("tool_call_id"):
        return str(call_id)
    raise UnsupportedError(
        "The result of a tool needs the id of its call, in additional_kwargs['tool_call_id']."
    )


def _flat(blocks: Iterable[ContentBlock]) -> Iterator[ContentBlock]:
    """The blocks, and in place of those that cite others what they cite."""
    for block in blocks:
        if isinstance(block, CitableBlock | CitationBlock):
            yield from cast("list[ContentBlock]", block.nested_blocks)
        elif not isinstance(block, CachePoint):
            yield block


def _texts(blocks: Iterable[ContentBlock]) -> list[str]:
    return [block.text for block in _flat(blocks) if isinstance(block, TextBlock)]


def _words(message: ChatMessage) -> str:
    """The text of an instruction, which has nothing else."""
    for block in _flat(message.blocks):
        if not isinstance(block, TextBlock):
            raise UnsupportedError(
                f"An instruction is text; it cannot have a block of type {block.block_type!r}."
            )
    return "\n".join(_texts(message.blocks))


def _result(blocks: Iterable[ContentBlock]) -> str:
    """What a tool answered, as text."""
    return "\n".join(map(_shown, _flat(blocks)))


def _shown(block: ContentBlock) -> str:
    if isinstance(block, TextBlock):
        return block.text
    if isinstance(block, AudioBlock):
        return chat_schema.tool_audio_note(f"audio/{block.format}" if block.format else "audio")
    return chat_schema.omitted_note(block.block_type)


def _spoken(message: ChatMessage) -> SpokenTurn | None:
    """What an earlier turn said aloud; a sound without a name is of somebody else."""
    audio = message.additional_kwargs.get("audio")
    if isinstance(audio, Mapping):
        return SpokenTurn(
            id=audio.get("id"),
            expires_at=audio.get("expires_at"),
            transcript=audio.get("transcript"),
        )
    has_audio = any(isinstance(block, AudioBlock) for block in message.blocks)
    return SpokenTurn() if has_audio else None
