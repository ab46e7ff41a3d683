"""Whatever a caller hands over, as something that can be read again from where it begins."""

import errno
import functools
import io
import os
import re
import shutil
import stat
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard, cast

from apertis_audio_tools.audio.input.stream_window import open_window
from apertis_audio_tools.concurrency import fork_safety
from apertis_audio_tools.errors import RecordingError
from apertis_audio_tools.files.paths import NOT_FETCHED_HINT, looks_like_a_url

Content = bytes | bytearray | memoryview | BinaryIO
Source = str | os.PathLike[str] | Content | tuple[str, Content]
"""A path, the bytes, a binary file object (from its current position), or (name, content)."""

_SPOOL_BYTES = 1024 * 1024
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_locks = weakref.WeakKeyDictionary[BinaryIO, fork_safety.ForkSafeLock]()
_locking, _lock_of_the_others = fork_safety.ForkSafeLock(), fork_safety.ForkSafeLock()
"""Of the file objects that callers hand over, as long as anybody holds them."""

_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and bytes of a file name that are no UTF-8."""


@dataclass(frozen=True, slots=True)
class SourceContent:
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
    open: Callable[[], BinaryIO] = field(repr=False)


def open_source(source: Source) -> SourceContent:
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


def is_named_source(source: object) -> TypeGuard[tuple[str, Content]]:
    """Whether it is (name, content); of two paths, or two contents, one would be dropped."""
    if not isinstance(source, tuple) or len(source) != 2:  # noqa: PLR2004  # (name, content)
        return False
    name, content = source
    is_name = name is None or isinstance(name, str | os.PathLike)
    return is_name and not isinstance(content, str | os.PathLike)


def source_label(source: Source) -> str:
    """What messages call a source, found out without opening it; nothing is no source here."""
    name, content = source if is_named_source(source) else (None, source)
    if isinstance(content, tuple):
        return "the given tuple"
    if isinstance(content, str | os.PathLike):
        return _base_name(content) or _spoken(os.fspath(content))
    if isinstance(content, bytes | bytearray | memoryview):
        return _base_name(name) or "the given bytes"
    return _base_name(name or getattr(content, "name", None)) or "the given file object"


def unreadable_error(label: str, error: BaseException) -> RecordingError:
    """What to say of a recording that could not be read, or not be kept while it is worked on."""
    if getattr(error, "errno", None) in _NO_ROOM:
        return RecordingError(
            f"There is not enough room in {tempfile.gettempdir()} to work on {label} "
            f"({_why(error)}); make room there, or set TMPDIR to another folder."
        )
    return RecordingError(f"{label} cannot be read: {_why(error)}.")


def _named(source: Source) -> tuple[str | None, Any]:
    if not isinstance(source, tuple):
        return None, source
    if is_named_source(source):
        return source
    found = f"{len(source)} values"
    if len(source) == 2:  # noqa: PLR2004  # (name, content)
        found = f"({', '.join(type(value).__name__ for value in source)})"
    raise RecordingError(
        f"A named recording is (name, bytes or a binary file object), not {found}; "
        f"several recordings go in a list."
    )


def _from_path(path: Path) -> SourceContent:
    try:
        status = path.stat()
    except FileNotFoundError:
        hint = NOT_FETCHED_HINT if looks_like_a_url(path) else ""
        raise RecordingError(f"There is no file {_shown(path)}{hint}.") from None
    except (OSError, ValueError) as error:
        raise RecordingError(f"{_shown(path)} cannot be read: {_why(error)}.") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise RecordingError(f"{_shown(path)} is {kind}; a recording is a file.")
    return SourceContent(
        _spoken(path.name), _suffix(path.name), status.st_size, functools.partial(_open, path)
    )


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise RecordingError(f"{_shown(path)} cannot be read: {_why(error)}.") from error


def _from_bytes(data: bytes, label: str) -> SourceContent:
    return SourceContent(label, _suffix(label), len(data), functools.partial(io.BytesIO, data))


def _from_stream(stream: BinaryIO, name: str | None) -> SourceContent:
    label = name or "the given file object"
    try:
        if not isinstance(stream.read(0), bytes):
            raise RecordingError(f"{label} gives no bytes; open it in binary mode ('rb').")
        if not stream.seekable():
            stream = _spooled(stream)
        shared = _lock_of(stream)
        with shared:
            start = stream.tell()
            size = stream.seek(0, os.SEEK_END) - start
            stream.seek(start)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise unreadable_error(label, error) from error
    size = max(size, 0)
    opened = functools.partial(open_window, stream, start, size, shared=shared, rest=start)
    return SourceContent(label, _suffix(label), size, opened)


def _lock_of(stream: BinaryIO) -> fork_safety.ForkSafeLock:
    """What all calls take that read the same stream: it has one position."""
    try:
        with _locking:
            return _locks.setdefault(stream, fork_safety.ForkSafeLock())
    except TypeError:  # it has no hash, or cannot be referred to weakly
        return _lock_of_the_others


class _Spool(tempfile.SpooledTemporaryFile[bytes]):
    """A spool that nobody has to close: it goes with the last who may read it again."""

    def __del__(self) -> None:
        self.close()


def _spooled(stream: BinaryIO) -> BinaryIO:
    spool = _Spool(max_size=_SPOOL_BYTES)
    shutil.copyfileobj(stream, spool)
    spool.seek(0)
    return cast("BinaryIO", spool)


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
