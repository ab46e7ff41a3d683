"""Bytes that are somewhere already, as streams of their own: never held in memory."""

import functools
import os
import tempfile
from collections.abc import Callable
from typing import BinaryIO, cast

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.input.stream_window import open_window
from apertis_audio_tools.concurrency import fork_safety

Opener = Callable[[], BinaryIO]


def byte_range(content: SourceContent, start: int, size: int, header: bytes = b"") -> Opener:
    """Opens the bytes of a content from `start` on, after a header of ours."""

    def opened() -> BinaryIO:
        return open_window(content.open(), start, size, header=header)

    return opened


class UploadSpool:
    """A file on disk without a name, gone with the last who may read it, even after a crash."""

    def __init__(self) -> None:
        self.file = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115  # see close
        self._lock = fork_safety.ForkSafeLock()

    def upload(self, name: str, media_type: str) -> Upload:
        """What was written; each attempt to send it has a stream of its own."""
        size = self.file.seek(0, os.SEEK_END)
        return Upload(name, media_type, size, functools.partial(self._view, size))

    def _view(self, size: int) -> BinaryIO:
        return open_window(self.file, 0, size, shared=self._lock)

    def close(self) -> None:
        """Give the disk space back."""
        self.file.close()

    def __del__(self) -> None:
        self.close()
