"""The child process of `isolation`: it opens the recording that is its standard input."""

import contextlib
import io
import os
import re
import resource
from pathlib import Path
from typing import BinaryIO, cast

from apertis_audio_tools.audio.input.isolation import FINISHED, STARTED
from apertis_audio_tools.audio.input.probing import probe

_MAX_GROWTH = 512 << 20
"""Bytes of address space that opening a recording may take: twice an index of 100 hours."""
_HARD_LIMIT = 3 << 30
"""Bytes after which the system refuses. FFmpeg may conceal that it was refused memory, and asks
for at most 2 GiB at once, so that growth has passed `_MAX_GROWTH` by then."""


class _PositionedFile(io.RawIOBase):
    """A file read by position, because its descriptor shares the position with other processes."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        size = os.fstat(self._descriptor).st_size
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: size}[whence]
        self._position = max(origin + offset, 0)
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = os.pread(self._descriptor, len(buffer), self._position)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def main(start: int, seconds: int) -> None:
    """Open the recording at a position of the standard input, in so many seconds at most."""
    file = _PositionedFile(0)
    file.seek(start)
    before = _address_space("VmSize")
    _limit(resource.RLIMIT_AS, before + _HARD_LIMIT)
    _limit(resource.RLIMIT_CPU, seconds)
    _limit(resource.RLIMIT_CORE, 0)
    with contextlib.suppress(OSError):  # if memory runs out, the system ends this process first
        Path("/proc/self/oom_score_adj").write_text("1000")
    os.write(1, STARTED)
    with contextlib.suppress(Exception):  # the parent opens the recording itself and gets the same
        probe(cast("BinaryIO", io.BufferedReader(file)))
    if _address_space("VmPeak") - before <= _MAX_GROWTH:
        os.write(1, FINISHED)


def _address_space(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(re.search(rf"^{name}:\s*(\d+) kB", status, re.MULTILINE)[1]) << 10  # type: ignore[index]


def _limit(kind: int, value: int) -> None:
    """Set a limit, or keep the lower one of the parent."""
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))
