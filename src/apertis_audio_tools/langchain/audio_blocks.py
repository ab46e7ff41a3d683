"""Audio in LangChain's content blocks, in all shapes that integrations write."""

import base64
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Self

from apertis_audio_tools.adapters.chat_schema.clips import (
    base64_clip,
    file_clip,
    not_fetched_error,
    split_data_url,
)
from apertis_audio_tools.adapters.chat_schema.turns import Block
from apertis_audio_tools.errors import UnsupportedError
from apertis_audio_tools.files.access import FileAccess

_NAME_KEYS = ("name", "filename", "file_name")
_NAMELESS = "clip"


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """One block with audio.

    Attributes:
        content: Content in base64, if the block holds it.
        media_type: Media type, if it is known.
        path: Path of a file, if the block refers to one.
        elsewhere: ``URL`` or ``file id``, if the block refers to something that is not fetched.
        name: Name for messages.
        words: Words, if the block has them beside the audio.
    """

    content: object = None
    media_type: str | None = None
    path: object = None
    elsewhere: str | None = None
    name: str = _NAMELESS
    words: str | None = None

    @classmethod
    def read(cls, block: object) -> Self | None:
        """Return the audio of a block, or None if it is a block of something else.

        Accepted are LangChain's ``audio`` and ``file`` blocks, OpenAI's ``input_audio`` and
        Google's ``media``, each with base64, a ``data:`` URL or a path.
        """
        if not isinstance(block, Mapping) or not _is_audio(block):
            return None
        nested = block.get("input_audio")
        fields: Mapping[str, Any] = nested if isinstance(nested, Mapping) else block
        extras = block.get("extras") if isinstance(block.get("extras"), Mapping) else {}
        every = {**(extras or {}), **block}
        data, path = _content(fields), every.get("path")
        return cls(
            content=data,
            media_type=_media_type(fields),
            path=path,
            elsewhere=None if data is not None else _elsewhere(fields),
            name=_name(every, path),
            words=every.get("transcript") or None,
        )

    def clip(self, access: FileAccess | None, files: ExitStack) -> Block:
        """Return the block in the chat schema.

        Raises:
            UnsupportedError: If there is no audio in it, or only a reference to some elsewhere.
            AccessError: If a file may not be read, or does not exist.
        """
        if self.path is not None:
            return file_clip(self.path, access, files)
        if self.content is not None:
            return base64_clip(self.content, self.media_type, self.name)
        if self.elsewhere is not None:
            raise not_fetched_error(self.elsewhere)
        raise UnsupportedError("A block of audio needs base64 with its mime_type, or a path.")


def _is_audio(block: Mapping[str, Any]) -> bool:
    kind = block.get("type")
    if kind in {"audio", "input_audio"}:
        return True
    return kind in {"file", "media"} and str(_media_type(block)).startswith("audio/")


def _media_type(fields: Mapping[str, Any]) -> str | None:
    """Return the media type of a block, as it says, or as its ``data:`` URL does."""
    embedded = _data_url(fields)
    found = fields.get("mime_type") or (embedded and embedded[0])
    if not found and fields.get("format"):
        found = f"audio/{fields['format']}"
    return str(found).lower() if found else None


def _data_url(fields: Mapping[str, Any]) -> tuple[str | None, str] | None:
    """Return the parts of a ``data:`` URL in base64, wherever the block has it."""
    urls = (fields.get(key) for key in ("url", "data", "base64"))
    embedded = (split_data_url(url) for url in urls if isinstance(url, str))
    return next(filter(None, embedded), None)


def _content(fields: Mapping[str, Any]) -> object:
    """Return the content of a block in base64, or None if it has none."""
    if embedded := _data_url(fields):
        return embedded[1]
    if isinstance(data := fields.get("data"), bytes):  # as Google's blocks may have it
        return base64.b64encode(data).decode()
    return fields.get("base64", data)


def _elsewhere(fields: Mapping[str, Any]) -> str | None:
    if fields.get("url") is not None or fields.get("file_uri") is not None:
        return "URL"
    return "file id" if fields.get("file_id") is not None else None


def _name(fields: Mapping[str, Any], path: object) -> str:
    given = next((fields[key] for key in _NAME_KEYS if fields.get(key)), None)
    if given is None and isinstance(path, str):
        given = PurePath(path.replace("\\", "/")).name
    return str(given or _NAMELESS)
