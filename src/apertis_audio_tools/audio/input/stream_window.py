"""A range of a stream, as a stream of its own."""

import contextlib
import io
import os
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import BinaryIO, cast

from apertis_audio_tools.concurrency.fork_safety import ForkSafeLock


class _Range(io.RawIOBase):
    """A number of bytes that can be read from any position."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(origin + offset, 0)
        return self._position


class _StreamWindow(_Range):
    """A header, followed by a range of a stream that others may be reading too."""

    def __init__(
        self,
        stream: BinaryIO,
        start: int,
        size: int,
        *,
        header: bytes,
        lock: ForkSafeLock | None,
        rest_position: int | None,
    ) -> None:
        super().__init__(len(header) + size)
        self._stream = stream
        self._start = start - len(header)
        self._header = header
        self._lock = lock
        self._rest_position = rest_position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        size = max(min(len(buffer), self._size - self._position), 0)
        data = self._header[self._position : self._position + size]
        if size and not data:
            data = self._read(size)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _read(self, size: int) -> bytes:
        with self._lock or contextlib.nullcontext():
            try:
                self._stream.seek(self._start + self._position)
                try:
                    return self._stream.read(size)
                finally:
                    if self._rest_position is not None:
                        self._stream.seek(self._rest_position)
            except ValueError as error:  # its owner has closed it
                raise OSError(str(error)) from error

    def close(self) -> None:
        if self._lock is None:
            self._stream.close()
        super().close()


class _StreamParts(_Range):
    """Several ranges of a stream, one after the other."""

    def __init__(self, stream: BinaryIO, parts: Sequence[tuple[int, int]]) -> None:
        self._ends = list(accumulate(size for _, size in parts))
        super().__init__(self._ends[-1] if parts else 0)
        self._stream = stream
        self._parts = parts

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        at = bisect_right(self._ends, self._position)
        if at == len(self._parts):
            return 0
        start, size = self._parts[at]
        left = self._ends[at] - self._position
        self._stream.seek(start + size - left)
        data = self._stream.read(min(len(buffer), left))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        self._stream.close()
        super().close()


def open_parts(stream: BinaryIO, parts: Sequence[tuple[int, int]]) -> BinaryIO:
    """Return ranges of a stream, each with its position and size, as a seekable stream.

    The stream is closed with it.
    """
    return cast("BinaryIO", io.BufferedReader(_StreamParts(stream, parts)))


def open_window(
    stream: BinaryIO,
    start: int,
    size: int,
    *,
    header: bytes = b"",
    lock: ForkSafeLock | None = None,
    rest_position: int | None = None,
) -> BinaryIO:
    """Return a header and a range of a stream as a seekable stream that holds neither in memory.

    The stream is closed with the window. A lock, which is held during each read, lets several
    windows share the stream, and keeps it open. `rest_position` is where each read leaves it.
    """
    window = _StreamWindow(
        stream, start, size, header=header, lock=lock, rest_position=rest_position
    )
    return cast("BinaryIO", io.BufferedReader(window))
