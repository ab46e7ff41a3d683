"""Count how often a file is opened, by any process and in any way, as the kernel reports it."""

import ctypes
import os
import struct
from pathlib import Path
from types import TracebackType
from typing import Self

_IN_ACCESS, _IN_CLOSE, _IN_OPEN = 0x1, 0x18, 0x20
_IN_NONBLOCK = 0x800
_EVENT = struct.Struct("iIII")
"""An event about a watched file itself, which has no name after it."""


class FileOpenWatch:
    """Counts how often a file is opened (Linux only).

    It watches reads too, because the kernel merges equal events that follow one another.
    """

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self._queue: int = library.inotify_init1(_IN_NONBLOCK)
        assert self._queue >= 0
        events = _IN_ACCESS | _IN_CLOSE | _IN_OPEN
        assert library.inotify_add_watch(self._queue, os.fsencode(path), events) >= 0

    def count(self) -> int:
        """Return how often the file was opened since the last call."""
        count = 0
        try:
            while events := os.read(self._queue, 65_536):
                count += sum(bool(mask & _IN_OPEN) for _, mask, *_ in _EVENT.iter_unpack(events))
        except BlockingIOError:
            pass
        return count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        os.close(self._queue)
