"""A process that cuts an hour of audio, which is made as it is read.

It writes the growth of its memory in bytes, the number of pieces, and the end of the last one.
"""

import io
import random
import resource
import struct
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from apertis_audio_tools.audio import cut_pieces, probe
from support.hostile.samples import muxed

_SECOND = 32_000
_HOUR = 3600 * _SECOND


class Repeated(io.RawIOBase):
    """A header, followed by the same bytes again and again, up to a size."""

    def __init__(self, head: bytes, body: bytes, size: int) -> None:
        self._head, self._body, self._size = head, body, size
        self._position = 0

    def readable(self) -> bool:  # noqa: D102  # like any stream
        return True

    def seekable(self) -> bool:  # noqa: D102
        return True

    def seek(self, offset: int, whence: int = 0) -> int:  # noqa: D102
        self._position = (0, self._position, self._size)[whence] + offset
        return self._position

    def tell(self) -> int:  # noqa: D102
        return self._position

    def readinto(self, buffer: Any) -> int:  # noqa: D102
        size = max(min(len(buffer), self._size - self._position), 0)
        if self._position < len(self._head):
            data = self._head[self._position : self._position + size]
        else:
            at = (self._position - len(self._head)) % len(self._body)
            data = self._body[at : at + size]
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _wav() -> Repeated:
    form = struct.pack("<HHIIHH", 1, 1, _SECOND // 2, _SECOND, 2, 16)
    head = b"RIFF" + struct.pack("<I", _HOUR + 36) + b"WAVEfmt " + struct.pack("<I", 16) + form
    head += b"data" + struct.pack("<I", _HOUR)
    return Repeated(head, random.Random(1).randbytes(10 * _SECOND), _HOUR + len(head))


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> None:
    """Cut the recording into pieces of about ten minutes."""
    source: Any = _wav()
    list(cut_pieces(probe(muxed("wav", "pcm_s16le", {}, 9.0)), max_bytes=10**9, max_seconds=4))
    before, count, end = _peak(), 0, 0.0
    for piece in cut_pieces(probe(source), max_bytes=10**9, max_seconds=600):
        count, end = count + 1, piece.end
        piece.close()
    sys.stdout.buffer.write(struct.pack("<Qdd", _peak() - before, count, end))


if __name__ == "__main__":
    main()
