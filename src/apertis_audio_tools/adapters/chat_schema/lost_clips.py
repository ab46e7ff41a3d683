"""Clips of a stored conversation that are gone, or make a request too large, become notes."""

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from apertis_audio_tools.adapters.chat_schema.turns import Block, Turn, text_block, words_or_note
from apertis_audio_tools.api.request import Base64Upload, ClipEncoder
from apertis_audio_tools.audio import source_label
from apertis_audio_tools.errors import ApertisError
from apertis_audio_tools.models import MAX_UPLOAD_BYTES

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

_OTHER_BYTES = 1024 * 1024
"""Room in a request for tools and options."""


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """A clip that could not be read, in place of its content."""

    name: str
    error: ApertisError


def clip_or_error(name: str, make: Callable[[], Block]) -> Block:
    """Return a block with a clip; the error of one that cannot be read is for `encode_clips`."""
    try:
        return make()
    except ApertisError as error:
        return {"type": "input_audio", "input_audio": {"data": _Unreadable(name, error)}}


def encode_clips(turns: Sequence[Turn], encode: ClipEncoder) -> list[Turn]:
    """Return the turns with encoded clips, and with notes in place of those that cannot be sent.

    A clip that cannot be read or encoded becomes a note, unless it is in the last turn, and so do
    the oldest clips of a request that would be too large; one warning names them all. Otherwise a
    stored conversation could not be continued any more once a file of it is gone.

    Raises:
        ApertisError: If a clip of the last turn cannot be read or encoded.
    """
    contents = [_find_clips(turn, is_new=turn is turns[-1]) for turn in turns]
    clips = [block for content in contents for block in content if isinstance(block, _Clip)]
    for clip in clips:
        clip.encode(encode)
    _make_room(clips, sum(map(_size, contents)))
    if lost := [clip.name for clip in clips if clip.is_lost]:
        logger.warning("Audio is left out of the conversation: %s.", ", ".join(lost))
    return [_with_content(turn, blocks) for turn, blocks in zip(turns, contents, strict=True)]


@dataclass(slots=True)
class _Clip:
    """One clip of a conversation, and the block that is sent for it."""

    name: str
    is_new: bool
    block: Block
    size: int = 0
    is_lost: bool = False

    def encode(self, encode: ClipEncoder) -> None:
        data = self.block["input_audio"]["data"]
        try:
            if isinstance(data, _Unreadable):
                raise data.error
            upload, audio_format = encode(data)
        except ApertisError:
            if self.is_new:
                raise
            self.drop()
        else:
            self.size = Base64Upload(upload).size
            audio = {"data": upload, "format": audio_format}
            self.block = {"type": "input_audio", "input_audio": audio}

    def drop(self) -> None:
        """Replace the clip by a note."""
        self.block, self.size, self.is_lost = text_block(words_or_note(None, self.name)), 0, True


def _find_clips(turn: Turn, *, is_new: bool) -> list[Block | _Clip]:
    content = turn.get("content")
    if not isinstance(content, list):
        return []
    return [_clip(block, is_new=is_new) if _is_clip(block) else block for block in content]


def _is_clip(block: Block) -> bool:
    """Return whether a block holds a clip that is not encoded yet."""
    return block.get("type") == "input_audio" and not isinstance(block["input_audio"]["data"], str)


def _clip(block: Block, *, is_new: bool) -> _Clip:
    data: Any = block["input_audio"]["data"]
    name = data.name if isinstance(data, _Unreadable) else source_label(data)
    return _Clip(name, is_new, block)


def _size(content: Iterable[Block | _Clip]) -> int:
    blocks = [block for block in content if not isinstance(block, _Clip)]
    return len(json.dumps(blocks, default=str).encode())


def _make_room(clips: Iterable[_Clip], other_bytes: int) -> None:
    """Drop the oldest clips until the request is not too large, but none of the last turn."""
    pending = list(clips)
    excess = sum(clip.size for clip in pending) + other_bytes + _OTHER_BYTES - MAX_UPLOAD_BYTES
    for clip in pending:
        if excess > 0 and not clip.is_new:
            excess -= clip.size
            clip.drop()


def _with_content(turn: Turn, content: list[Block | _Clip]) -> Turn:
    if not content:
        return turn
    return {
        **turn,
        "content": [each.block if isinstance(each, _Clip) else each for each in content],
    }
