"""Bytes that are somewhere already, as streams of their own: never held in memory."""

import functools
import io
import os
import tempfile
import threading
from collections.abc import Callable
from typing import BinaryIO, cast

from apertis_audio_tools.recordings.sources import Bytes
from apertis_audio_tools.wire import Upload

Opener = Callable[[], BinaryIO]


class _View(io.RawIOBase):
    """A header, and after it a range of a stream that others may be reading too."""

    def __init__(
        self,
        stream: BinaryIO,
        start: int,
        size: int,
        *,
        header: bytes = b"",
        shared: "threading.Lock | None" = None,
    ) -> None:
        self._stream = stream
        self._start = start - len(header)
        self._size = len(header) + size
        self._header = header
        self._shared = shared
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
        with self._shared or threading.Lock():
            self._stream.seek(self._start + self._position)
            return self._stream.read(wanted)

    def close(self) -> None:
        if self._shared is None:
            self._stream.close()
        super().close()


def range_of(content: Bytes, start: int, size: int, header: bytes = b"") -> Opener:
    """Opens the bytes of a content from `start` on, after a header of ours."""

    def opened() -> BinaryIO:
        view = _View(content.open(), start, size, header=header)
        return cast("BinaryIO", io.BufferedReader(view))

    return opened


class Spool:
    """A file on disk without a name, gone with the last who may read it, even after a crash."""

    def __init__(self) -> None:
        self.file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  # see close
        self._lock = threading.Lock()

    def upload(self, name: str, media_type: str) -> Upload:
        """What was written; each attempt to send it has a stream of its own."""
        size = self.file.seek(0, os.SEEK_END)
        return Upload(name, media_type, size, functools.partial(self._view, size))

    def _view(self, size: int) -> BinaryIO:
        return cast("BinaryIO", io.BufferedReader(_View(self.file, 0, size, shared=self._lock)))

    def close(self) -> None:
        """Give the disk space back."""
        self.file.close()

    def __del__(self) -> None:
        self.close()
