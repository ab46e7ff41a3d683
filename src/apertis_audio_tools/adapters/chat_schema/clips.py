"""Audio in a user's message, as blocks of the chat schema."""

import base64
import binascii
import re
from contextlib import ExitStack
from typing import BinaryIO

from apertis_audio_tools.adapters.chat_schema.turns import Block
from apertis_audio_tools.audio import Source
from apertis_audio_tools.errors import AccessError, UnsupportedError
from apertis_audio_tools.files.access import FileAccess

_CONTAINER_TYPES = frozenset(
    {
        "application/octet-stream",
        "application/ogg",
        "video/mp4",
        "video/mpeg",
        "video/ogg",
        "video/webm",
        "video/x-matroska",
    }
)
"""Media types that may hold audio, besides ``audio/*``. The client probes what they hold."""

_NAME = "clip"  # in error messages
_DATA_URL = re.compile(r"\s*data:([^,;]*)(?:;[^,;]*)*;\s*base64\s*,", re.IGNORECASE)
_HEADERLESS = {"basic", "g711_alaw", "g711_ulaw", "l16", "pcm", "pcm16", "raw"}


def source_clip(source: Source) -> Block:
    """Return a block with a clip that the program itself has chosen."""
    return {"type": "input_audio", "input_audio": {"data": source}}


def base64_clip(data: object, media_type: object = None, name: str = _NAME) -> Block:
    """Return a block with a clip in base64; the client converts formats that chats do not accept.

    Refuse data that is not base64 (line breaks and a ``data:`` prefix included), media types that
    are not audio, and audio without a header.
    """
    _require_audio_type(media_type)
    if not isinstance(data, str):
        raise UnsupportedError(f"Audio in base64 is text, not {type(data).__name__}.")
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise UnsupportedError("The audio in a message is not base64.") from None
    return source_clip((name, content))


def split_data_url(url: str) -> tuple[str | None, str] | None:
    """Return the media type and the base64 of a ``data:`` URL, or None for any other URL."""
    match = _DATA_URL.match(url)
    if match is None:
        return None
    media_type = match[1] if "/" in match[1] else None  # LlamaIndex also writes "data:audio;"
    return media_type, url[match.end() :]


def stream_clip(stream: BinaryIO, media_type: str | None = None) -> Block:
    """Return a block with a clip in an open binary file, which is sent from its beginning."""
    _require_audio_type(media_type)
    if stream.seekable():
        stream.seek(0)
    return source_clip((_NAME, stream))


def file_clip(path: object, access: FileAccess | None, files: ExitStack) -> Block:
    """Return a block with a clip in a file, which `files` keeps open until the message is sent.

    Raises:
        AccessError: If the file may not be read, or does not exist; without `access`, always.
        RecordingError: If opening it in a child process takes too much memory or time.
    """
    if access is None:
        raise AccessError(
            "A message refers to a file, and none may be read: pass file_access=FileAccess(folder)."
        )
    if not isinstance(path, str):
        raise AccessError(f"The path of a clip is text, not {type(path).__name__}.")
    source = files.enter_context(access.reading(path))
    if access.isolate_probe:
        from apertis_audio_tools.audio import probe_in_child

        probe_in_child(source)
    return source_clip(source)


def not_fetched_error(kind: str) -> UnsupportedError:
    """Return the error for audio that is elsewhere; `kind` is ``URL`` or ``file id``."""
    return UnsupportedError(
        f"Audio by {kind} is not fetched: pass it in base64, or as the path of a local file."
    )


def _require_audio_type(media_type: object) -> None:
    if media_type is None:
        return
    plain = str(media_type).partition(";")[0].strip().lower()
    kind, _, name = plain.partition("/")
    if name.removeprefix("x-") in _HEADERLESS:
        raise UnsupportedError(f"{media_type} does not state its sample rate: pass it as wav.")
    if kind != "audio" and plain not in _CONTAINER_TYPES:
        raise UnsupportedError(f"{media_type} is not an audio type.")
