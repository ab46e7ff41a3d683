"""Tells whether anybody opened a file: the kernel says so, however it was opened."""

import ctypes
import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

_OPENED = 0x20
_NONBLOCKING = 0x800
_EVENT = struct.Struct("iIII")


class Watch:
    """Counts how often a file was opened (Linux only)."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self._queue: int = library.inotify_init1(_NONBLOCKING)
        assert self._queue >= 0
        assert library.inotify_add_watch(self._queue, os.fsencode(path), _OPENED) >= 0

    def opened(self) -> int:
        """How often it was opened since this was asked last."""
        try:
            return len(os.read(self._queue, 65_536)) // _EVENT.size
        except BlockingIOError:
            return 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        os.close(self._queue)
