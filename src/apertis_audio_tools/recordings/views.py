"""Bytes that are somewhere already, as streams of their own: never held in memory."""

import functools
import os
import tempfile
from collections.abc import Callable
from typing import BinaryIO, cast

from apertis_audio_tools import forks
from apertis_audio_tools.recordings.sources import Bytes
from apertis_audio_tools.recordings.windows import window
from apertis_audio_tools.wire import Upload

Opener = Callable[[], BinaryIO]


def range_of(content: Bytes, start: int, size: int, header: bytes = b"") -> Opener:
    """Opens the bytes of a content from `start` on, after a header of ours."""

    def opened() -> BinaryIO:
        return window(content.open(), start, size, header=header)

    return opened


class Spool:
    """A file on disk without a name, gone with the last who may read it, even after a crash."""

    def __init__(self) -> None:
        self.file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  # see close
        self._lock = forks.Lock()

    def upload(self, name: str, media_type: str) -> Upload:
        """What was written; each attempt to send it has a stream of its own."""
        size = self.file.seek(0, os.SEEK_END)
        return Upload(name, media_type, size, functools.partial(self._view, size))

    def _view(self, size: int) -> BinaryIO:
        return window(self.file, 0, size, shared=self._lock)

    def close(self) -> None:
        """Give the disk space back."""
        self.file.close()

    def __del__(self) -> None:
        self.close()
