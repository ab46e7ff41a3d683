"""Estimates of the tokens of messages, in which audio weighs by its seconds."""

from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from apertis_audio_tools.adapters.chat_schema.token_counts import (
    MESSAGE_TOKENS,
    base64_seconds,
    clip_seconds,
    clip_tokens,
    json_tokens,
    spoken_tokens,
    text_tokens,
)
from apertis_audio_tools.adapters.chat_schema.turns import words_or_note
from apertis_audio_tools.errors import AccessError
from apertis_audio_tools.files.access import FileAccess
from apertis_audio_tools.langchain.audio_blocks import AudioBlock
from apertis_audio_tools.langchain.messages import spoken_turn

_MAX_BLOCK_TOKENS = 1_000
"""Tokens counted for a block of something else at most, as its data may be an image in base64."""


def count_tokens(
    messages: Iterable[BaseMessage],
    tools: Sequence[Any] | None,
    access: FileAccess | None,
    *,
    now: float,
) -> int:
    """Return about how many tokens messages and tools have for the model."""
    declared = [convert_to_openai_tool(tool) for tool in tools or ()]
    total = sum(json_tokens(tool) for tool in declared)
    for message in messages:
        if isinstance(message, AIMessage):
            total += MESSAGE_TOKENS + _reply_tokens(message, now)
        else:
            total += MESSAGE_TOKENS + _content_tokens(message, access)
    return total


def _reply_tokens(message: AIMessage, now: float) -> int:
    calls = [{"name": each["name"], "args": each["args"]} for each in message.tool_calls]
    total = json_tokens(calls) if calls else 0
    spoken = spoken_turn(message)
    words = message.text or (spoken.transcript if spoken else None) or ""
    if spoken is None or not spoken.is_available(now):
        return total + text_tokens(words)
    return total + spoken_tokens(words, _reply_seconds(message))


def _reply_seconds(message: AIMessage) -> float | None:
    """Return the length of the audio that a reply still holds."""
    for block in message.content if isinstance(message.content, list) else ():
        audio = AudioBlock.read(block)
        if audio is not None and isinstance(audio.content, str):
            return base64_seconds(audio.content, audio.media_type)
    return None


def _content_tokens(message: BaseMessage, access: FileAccess | None) -> int:
    if isinstance(message.content, str):
        return text_tokens(message.content)
    return sum(_block_tokens(block, access) for block in message.content)


def _block_tokens(block: str | dict[Any, Any], access: FileAccess | None) -> int:
    audio = AudioBlock.read(block)
    if audio is not None:
        return _audio_tokens(audio, access)
    text = block if isinstance(block, str) else block.get("text")
    if isinstance(text, str):
        return text_tokens(text)
    return min(json_tokens(block), _MAX_BLOCK_TOKENS)


def _audio_tokens(audio: AudioBlock, access: FileAccess | None) -> int:
    seconds = None
    if isinstance(audio.content, str):
        seconds = base64_seconds(audio.content)
    elif isinstance(audio.path, str) and access is not None:
        seconds = _file_seconds(audio.path, access)
    if seconds is None:
        return text_tokens(words_or_note(audio.words, audio.name))
    return clip_tokens(seconds)


def _file_seconds(path: str, access: FileAccess) -> float | None:
    try:
        with access.reading(path) as source:
            return clip_seconds(source)
    except AccessError:
        return None
