"""A part of a stream, as a stream of its own that can seek."""

import contextlib
import io
import os
from typing import BinaryIO, cast

from apertis_audio_tools.concurrency import fork_safety


class _Window(io.RawIOBase):
    """A header, and after it a range of a stream that others may be reading too."""

    def __init__(
        self,
        stream: BinaryIO,
        start: int,
        size: int,
        *,
        header: bytes,
        shared: fork_safety.ForkSafeLock | None,
        rest: int | None,
    ) -> None:
        self._stream = stream
        self._start = start - len(header)
        self._size = len(header) + size
        self._header = header
        self._shared = shared
        self._rest = rest
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(origin + offset, 0)
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), self._size - self._position)
        data = self._header[self._position : self._position + max(wanted, 0)]
        if not data and wanted > 0:
            data = self._read(wanted)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def _read(self, wanted: int) -> bytes:
        with self._shared or contextlib.nullcontext():
            try:
                self._stream.seek(self._start + self._position)
                try:
                    return self._stream.read(wanted)
                finally:
                    if self._rest is not None:
                        self._stream.seek(self._rest)
            except ValueError as error:  # its owner has closed it
                raise OSError(str(error)) from error

    def close(self) -> None:
        if self._shared is None:
            self._stream.close()
        super().close()


def open_window(
    stream: BinaryIO,
    start: int,
    size: int,
    *,
    header: bytes = b"",
    shared: fork_safety.ForkSafeLock | None = None,
    rest: int | None = None,
) -> BinaryIO:
    """A header, and after it a range of a stream, never held in memory.

    Args:
        stream: Whose bytes they are; closed with the window unless it is shared.
        start: Where the range begins.
        size: Bytes of the range.
        header: What comes before it.
        shared: Taken for each read, where several windows look at the stream from any thread.
        rest: Where the stream is left after each read.
    """
    found = _Window(stream, start, size, header=header, shared=shared, rest=rest)
    return cast("BinaryIO", io.BufferedReader(found))
