"""Sources of audio, as content that can be read any number of times."""

import errno
import functools
import hashlib
import io
import os
import re
import shutil
import stat
import tempfile
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeGuard, cast

from apertis_audio_tools.audio.input.mpeg_frames import MpegFrames
from apertis_audio_tools.audio.input.stream_window import open_parts, open_window
from apertis_audio_tools.concurrency.fork_safety import ForkSafeLock
from apertis_audio_tools.errors import RecordingError
from apertis_audio_tools.files.paths import NOT_FETCHED_HINT, looks_like_a_url

Content = bytes | bytearray | memoryview | BinaryIO
Source = str | os.PathLike[str] | Content | tuple[str, Content]
"""A path, bytes, a binary file object (read from its current position), or (name, content)."""

_SPOOL_BYTES = 1024 * 1024
_DISK_FULL_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT})
_stream_locks = weakref.WeakKeyDictionary[BinaryIO, ForkSafeLock]()
"""The lock of each file object that callers passed, as long as the object exists."""
_registry_lock, _fallback_lock = ForkSafeLock(), ForkSafeLock()

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and bytes of a file name that are not UTF-8."""


class OpenFile(NamedTuple):
    """An open file, and the position in it at which a content begins."""

    file: BinaryIO
    start: int


@dataclass(frozen=True, slots=True)
class SourceContent:
    """The content of one source.

    Attributes:
        label: Name of the source in messages.
        suffix: Extension of its name in lower case, or an empty string.
        size: Number of bytes.
        open: Function that returns a new stream over all of the bytes.
        close: Function that closes the file. `open` opens it again.
        open_file: File of the system whose end is also that of the content, or None.
        notes: Sentences about what was left out of it.
        open_source: Function that opens all bytes of the source if parts are left out, or None.
        frames: The frames of which it consists if it is a plain mp3 file, or None.
    """

    label: str
    suffix: str
    size: int
    open: Callable[[], BinaryIO] = field(repr=False)
    close: Callable[[], None] = field(repr=False, default=lambda: None)
    open_file: OpenFile | None = field(repr=False, default=None)
    notes: tuple[str, ...] = ()
    open_source: Callable[[], BinaryIO] | None = field(repr=False, default=None)
    frames: MpegFrames | None = None

    def window(self, start: int, size: int, header: bytes = b"") -> "SourceContent":
        """Return a header and a range of the bytes as content that is not held in memory."""

        def open_range() -> BinaryIO:
            return open_window(self.open(), start, size, header=header)

        return self._changed(len(header) + size, open_range)

    def parts(self, ranges: Iterable[tuple[int, int]]) -> "SourceContent":
        """Return ranges of the bytes, each from its start to its end, one after the other."""
        parts = [(start, end - start) for start, end in ranges if end > start]

        def open_all() -> BinaryIO:
            return open_parts(self.open(), parts)

        return self._changed(sum(size for _, size in parts), open_all)

    def without(self, ranges: Iterable[tuple[int, int]]) -> "SourceContent":
        """Return the bytes without ranges of them, which are in order and do not overlap."""
        edges = [0, *chain.from_iterable(ranges), self.size]
        return self.parts(zip(edges[::2], edges[1::2], strict=True))

    def _changed(self, size: int, opener: Callable[[], BinaryIO]) -> "SourceContent":
        source = self.open_source or self.open
        return replace(
            self, size=size, open=opener, open_source=source, open_file=None, frames=None
        )

    def digest(self) -> str:
        """Return the SHA-256 of all bytes of the source, in hexadecimal."""
        try:
            with (self.open_source or self.open)() as stream:
                return hashlib.file_digest(cast("io.BufferedReader", stream), "sha256").hexdigest()
        except OSError as error:
            raise unreadable_error(self.label, error) from error


def open_source(source: Source) -> SourceContent:
    """Return the content of a source without reading it.

    A file is opened once, and all streams read it through that descriptor until the content is
    closed or deleted: a file that is replaced meanwhile is sent as it was when it was opened. An
    object that cannot seek is copied to a temporary file.

    Raises:
        RecordingError: If the source is missing, empty, not a regular file, or not binary.
    """
    name, content = _split_name(source)
    if isinstance(content, str | os.PathLike):
        opened = _open_path(Path(content))
    elif isinstance(content, bytes | bytearray | memoryview):
        opened = _open_bytes(bytes(content), _base_name(name) or "the given bytes")
    else:
        opened = _open_stream(content, _base_name(name or getattr(content, "name", None)))
    if opened.size == 0:
        raise RecordingError(f"{opened.label} is empty.")
    return opened


def require_file(source: Source) -> None:
    """Raise if a source is none, or a path that names no file with content. Nothing is opened.

    Raises:
        RecordingError: If the file is missing, empty or not a regular file, or the source is of
            another type.
    """
    _, content = _split_name(source)
    if isinstance(content, str | os.PathLike):
        label, status = _require_regular(Path(content))
        if status.st_size == 0:
            raise RecordingError(f"{label} is empty.")


def is_named_source(source: object) -> TypeGuard[tuple[str, Content]]:
    """Return whether a source is (name, content), and not a pair of paths or of contents."""
    if not isinstance(source, tuple) or len(source) != 2:  # noqa: PLR2004  # (name, content)
        return False
    name, content = source
    is_name = name is None or isinstance(name, str | os.PathLike)
    return is_name and not isinstance(content, str | os.PathLike)


def source_label(source: Source) -> str:
    """Return the name of a source in messages, without opening the source or checking its type."""
    name, content = source if is_named_source(source) else (None, source)
    if isinstance(content, tuple):
        return "the given tuple"
    if isinstance(content, str | os.PathLike):
        return _base_name(content) or _printable(os.fspath(content))
    if isinstance(content, bytes | bytearray | memoryview):
        return _base_name(name) or "the given bytes"
    return _base_name(name or getattr(content, "name", None)) or "the given file object"


def unreadable_error(label: str, error: BaseException) -> RecordingError:
    """Return the error for a recording that cannot be read, or not be kept while it is used."""
    if getattr(error, "errno", None) in _DISK_FULL_ERRORS:
        return RecordingError(
            f"There is not enough room in {tempfile.gettempdir()} to work on {label} "
            f"({_reason(error)}); make room there, or set TMPDIR to another folder."
        )
    return RecordingError(f"{label} cannot be read: {_reason(error)}.")


def _split_name(source: Source) -> tuple[str | None, str | os.PathLike[str] | Content]:
    if not isinstance(source, tuple):
        _require_content(source)
        return None, source
    if is_named_source(source):
        _require_content(source[1])
        return source
    values = f"{len(source)} values"
    if len(source) == 2:  # noqa: PLR2004  # (name, content)
        values = f"({', '.join(type(value).__name__ for value in source)})"
    raise RecordingError(
        f"A named recording is (name, bytes or a binary file object), not {values}; "
        f"several recordings go in a list."
    )


def _require_content(content: object) -> None:
    known = isinstance(content, str | os.PathLike | bytes | bytearray | memoryview)
    if not known and not hasattr(content, "read"):
        raise RecordingError(
            f"A recording is a path, bytes, a binary file object or (name, content), "
            f"not {type(content).__name__}."
        )


class _SharedFile(io.FileIO):
    """A file that is opened once for many streams, and closed when it is deleted at the latest."""

    def __init__(self, path: Path) -> None:
        try:
            super().__init__(os.fspath(path))
        except OSError as error:
            raise unreadable_error(_printable(str(path)), error) from error
        self._path = path
        self._lock = ForkSafeLock()

    def open(self, size: int) -> BinaryIO:
        """Return a stream over all bytes. If the file is closed, the stream has its own."""
        file, lock = (_SharedFile(self._path), None) if self.closed else (self, self._lock)
        return open_window(cast("BinaryIO", file), 0, size, lock=lock)

    def __del__(self) -> None:
        self.close()


def _require_regular(path: Path) -> tuple[str, os.stat_result]:
    """Return the label and the status of a regular file."""
    label = _printable(str(path))
    try:
        status = path.stat()
    except FileNotFoundError:
        hint = NOT_FETCHED_HINT if looks_like_a_url(path) else ""
        raise RecordingError(f"There is no file {label}{hint}.") from None
    except (OSError, ValueError) as error:
        raise RecordingError(f"{label} cannot be read: {_reason(error)}.") from error
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "not a regular file"
        raise RecordingError(f"{label} is {kind}; a recording is a file.")
    return label, status


def _open_path(path: Path) -> SourceContent:
    _, status = _require_regular(path)
    file, name, size = _SharedFile(path), path.name, status.st_size
    opener = functools.partial(file.open, size)
    opened = OpenFile(cast("BinaryIO", file), 0)
    return SourceContent(_printable(name), _suffix(name), size, opener, file.close, opened)


def _open_bytes(data: bytes, label: str) -> SourceContent:
    return SourceContent(label, _suffix(label), len(data), functools.partial(io.BytesIO, data))


def _open_stream(stream: BinaryIO, name: str | None) -> SourceContent:
    label = name or "the given file object"
    try:
        if not isinstance(stream.read(0), bytes):
            raise RecordingError(f"{label} does not return bytes; open it in binary mode ('rb').")
        if not stream.seekable():
            stream = _spool(stream)
        lock = _lock_of(stream)
        with lock:
            start = stream.tell()
            size = stream.seek(0, os.SEEK_END) - start
            stream.seek(start)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise unreadable_error(label, error) from error
    size = max(size, 0)
    opener = functools.partial(open_window, stream, start, size, lock=lock, rest_position=start)
    opened = OpenFile(stream, start) if _is_plain_file(stream) else None
    return SourceContent(label, _suffix(label), size, opener, open_file=opened)


def _is_plain_file(stream: BinaryIO) -> bool:
    """Return whether a file object returns what is in its descriptor; gzip's does not."""
    raw = stream.raw if type(stream) is io.BufferedReader else stream
    return type(raw) is io.FileIO


def _lock_of(stream: BinaryIO) -> ForkSafeLock:
    """Return the lock of a file object, which all calls that read it share with its position."""
    try:
        with _registry_lock:
            return _stream_locks.setdefault(stream, ForkSafeLock())
    except TypeError:  # the object has no hash, or cannot be referred to weakly
        return _fallback_lock


class _Spool(tempfile.SpooledTemporaryFile[bytes]):
    """A temporary file that is closed, without a warning, when nothing refers to it any more."""

    def __del__(self) -> None:
        self.close()


def _spool(stream: BinaryIO) -> BinaryIO:
    spool = _Spool(max_size=_SPOOL_BYTES)
    shutil.copyfileobj(stream, spool)
    spool.seek(0)
    return cast("BinaryIO", spool)


def _base_name(name: object) -> str | None:
    """Return the last part of a name, so that the caller's folders are not disclosed."""
    if not isinstance(name, str | os.PathLike):
        return None
    return _printable(os.fspath(name).replace("\\", "/").rpartition("/")[2]) or None


def _suffix(name: str) -> str:
    return name.rpartition(".")[2].lower() if "." in name else ""


def _printable(name: str) -> str:
    """Return a name as messages, forms and metadata can carry it."""
    return _UNPRINTABLE.sub("_", name)


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
