"""What a user plays, as blocks of the chat schema."""

import base64
import binascii
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from apertis_audio_tools.adapters.chat_schema.turns import Block
from apertis_audio_tools.errors import AccessError, UnsupportedError
from apertis_audio_tools.files.access import FileAccess

_SUFFIXES = {
    "application/octet-stream": "",
    "application/ogg": ".ogg",
    "audio/aac": ".aac",
    "audio/aiff": ".aiff",
    "audio/flac": ".flac",
    "audio/m4a": ".m4a",
    "audio/mp3": ".mp3",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/mpga": ".mp3",
    "audio/ogg": ".ogg",
    "audio/opus": ".ogg",
    "audio/vnd.wave": ".wav",
    "audio/wav": ".wav",
    "audio/wave": ".wav",
    "audio/webm": ".webm",
    "audio/x-aiff": ".aiff",
    "audio/x-flac": ".flac",
    "audio/x-m4a": ".m4a",
    "audio/x-matroska": ".mkv",
    "audio/x-wav": ".wav",
    "video/mp4": ".mp4",
    "video/mpeg": ".mpeg",
    "video/ogg": ".ogg",
    "video/webm": ".webm",
    "video/x-matroska": ".mkv",
}
"""What content of a media type is named; what it is, is found out by looking into it."""

_HEADERLESS = {"basic", "g711_alaw", "g711_ulaw", "l16", "pcm", "pcm16", "raw"}


def base64_clip(data: Any, media_type: str | None = None) -> Block:
    """A clip given in base64; a format that chats do not take is converted when it is sent.

    Args:
        data: The base64, without line breaks or a ``data:`` prefix.
        media_type: Such as ``audio/x-wav``, if it is known.

    Raises:
        UnsupportedError: It is no base64, no audio, or audio that does not say what it is.
    """
    suffix = _suffix(media_type)
    if not isinstance(data, str):
        raise UnsupportedError(f"Audio in base64 is text, not {type(data).__name__}.")
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise UnsupportedError("The audio in a message is not base64.") from None
    return _block((f"audio{suffix}", content))


def stream_clip(stream: BinaryIO, media_type: str | None = None) -> Block:
    """A clip in an open binary file, from its beginning, however often it is sent."""
    if stream.seekable():
        stream.seek(0)
    return _block((f"audio{_suffix(media_type)}", stream))


def trusted_file_clip(path: Path) -> Block:
    """A clip in a file that the program itself has chosen: nothing is asked, but that it is one."""
    return _block(path)


def file_clip(path: Any, access: FileAccess | None, files: ExitStack) -> Block:
    """A clip in a file that may be read.

    Args:
        path: As `FileAccess.reading` takes it.
        access: What may be read; None for nothing.
        files: Keeps the file open until the message was sent.

    Raises:
        AccessError: The file may not be read, or is not there.
    """
    if access is None:
        raise AccessError(
            "A message refers to a file, and none may be read: pass file_access=FileAccess(folder)."
        )
    if not isinstance(path, str):
        raise AccessError(f"The path of a clip is text, not {type(path).__name__}.")
    return _block(files.enter_context(access.reading(path)))


def not_fetched_error(kind: str) -> UnsupportedError:
    """What to say of audio that is somewhere else: `kind` is ``URL`` or ``file id``."""
    return UnsupportedError(
        f"Audio by {kind} is not fetched: give it in base64, or as the path of a local file."
    )


def _suffix(media_type: str | None) -> str:
    if media_type is None:
        return ""
    plain = media_type.partition(";")[0].strip().lower()
    kind, _, name = plain.partition("/")
    if name.removeprefix("x-") in _HEADERLESS:
        raise UnsupportedError(
            f"{media_type} does not say how fast it is to be played: give it as wav."
        )
    if kind != "audio" and plain not in _SUFFIXES:
        raise UnsupportedError(f"{media_type} is no audio.")
    return _SUFFIXES.get(plain, "")


def _block(source: Any) -> Block:
    return {"type": "input_audio", "input_audio": {"data": source}}
