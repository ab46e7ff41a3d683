"""Whatever a caller hands over, as something that can be read again from where it begins."""

import functools
import io
import os
import re
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from apertis_audio_tools.errors import RecordingError

Content = bytes | bytearray | memoryview | BinaryIO
Source = str | os.PathLike[str] | Content | tuple[str, Content]
"""A path, the bytes, a binary file object (from its current position), or (name, content)."""

_SPOOL_BYTES = 1024 * 1024
_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and bytes of a file name that are no UTF-8."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """The content of one source.

    Attributes:
        label: What messages call it.
        suffix: The extension the caller's name for it had, in lower case, or nothing.
        size: Bytes.
        open: Gives a fresh stream over all of them.
    """

    label: str
    suffix: str
    size: int
    open: Callable[[], BinaryIO]


def open_source(source: Source) -> Bytes:
    """The content of a source, without reading it (an object that cannot seek is spooled to disk).

    Raises:
        RecordingError: It is missing, empty, not a regular file, or not binary.
    """
    name, content = _named(source)
    if isinstance(content, str | os.PathLike):
        found = _from_path(Path(content))
    elif isinstance(content, bytes | bytearray | memoryview):
        found = _from_bytes(bytes(content), _base_name(name) or "the given bytes")
    elif hasattr(content, "read"):
        found = _from_stream(content, _base_name(name or getattr(content, "name", None)))
    else:
        raise RecordingError(
            f"A recording is a path, bytes, a binary file object or (name, content), "
            f"not {type(content).__name__}."
        )
    if found.size == 0:
        raise RecordingError(f"{found.label} is empty.")
    return found


def _named(source: Source) -> tuple[str | None, Any]:
    if not isinstance(source, tuple):
        return None, source
    if len(source) != 2:  # noqa: PLR2004  # (name, content)
        raise RecordingError(f"A named recording is (name, content), not {len(source)} values.")
    return source


def _from_path(path: Path) -> Bytes:
    try:
        status = path.stat()
    except FileNotFoundError:
        hint = " (URLs are not fetched)" if ":/" in str(path) else ""
        raise RecordingError(f"There is no file {_shown(path)}{hint}.") from None
    except (OSError, ValueError) as error:
        raise RecordingError(f"{_shown(path)} cannot be read: {_why(error)}.") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise RecordingError(f"{_shown(path)} is {kind}; a recording is a file.")
    return Bytes(
        _spoken(path.name), _suffix(path.name), status.st_size, functools.partial(_open, path)
    )


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise RecordingError(f"{_shown(path)} cannot be read: {_why(error)}.") from error


def _from_bytes(data: bytes, label: str) -> Bytes:
    return Bytes(label, _suffix(label), len(data), functools.partial(io.BytesIO, data))


def _from_stream(stream: BinaryIO, name: str | None) -> Bytes:
    label = name or "the given file object"
    try:
        if not isinstance(stream.read(0), bytes):
            raise RecordingError(f"{label} gives no bytes; open it in binary mode ('rb').")
        if not stream.seekable():
            stream = _spooled(stream)
        start = stream.tell()
        size = stream.seek(0, os.SEEK_END) - start
        stream.seek(start)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise RecordingError(f"{label} cannot be read: {_why(error)}.") from error
    opened = functools.partial(_window, stream, start, threading.Lock())
    return Bytes(label, _suffix(label), max(size, 0), opened)


class _Spool(tempfile.SpooledTemporaryFile[bytes]):
    """A spool that nobody has to close: it goes with the last who may read it again."""

    def __del__(self) -> None:
        self.close()


def _spooled(stream: BinaryIO) -> BinaryIO:
    spool = _Spool(max_size=_SPOOL_BYTES)
    shutil.copyfileobj(stream, spool)
    spool.seek(0)
    return cast("BinaryIO", spool)


class _Window(io.RawIOBase):
    """A file object from one position on; the caller's object stays open, and where it was.

    Several may be read by several threads at once.
    """

    def __init__(self, stream: BinaryIO, start: int, lock: "threading.Lock") -> None:
        self._stream = stream
        self._start = start
        self._lock = lock
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_CUR:
            offset += self._position
        elif whence == os.SEEK_END:
            with self._lock:
                offset += self._stream.seek(0, os.SEEK_END) - self._start
                self._stream.seek(self._start)
        self._position = max(offset, 0)
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        with self._lock:
            self._stream.seek(self._start + self._position)
            try:
                data = self._stream.read(len(buffer))
            finally:
                self._stream.seek(self._start)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _window(stream: BinaryIO, start: int, lock: "threading.Lock") -> BinaryIO:
    return cast("BinaryIO", io.BufferedReader(_Window(stream, start, lock)))


def _base_name(name: object) -> str | None:
    """The last part of a name: what a caller's folders are called is nobody else's business."""
    if not isinstance(name, str | os.PathLike):
        return None
    return _spoken(os.fspath(name).replace("\\", "/").rpartition("/")[2]) or None


def _suffix(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def _spoken(name: str) -> str:
    """The name as messages, forms and metadata can carry it."""
    return _UNSPEAKABLE.sub("_", name)


def _shown(path: Path) -> str:
    return _spoken(str(path))


def _why(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
