"""MP4 files joined byte by byte: several movies after one another, of which players play one."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from apertis_audio_tools.audio.input.mp4_claims import box_head

_HEAD_BYTES = 16
_BEGINNINGS = frozenset({b"ftyp", b"moov"})
_PARTS = frozenset({b"moov", b"mdat"})
"""Boxes that every movie has: its index and its media."""


class _Movie(NamedTuple):
    """A position at which a movie begins, and the kinds of its boxes."""

    start: int
    kinds: set[bytes]

    @property
    def is_complete(self) -> bool:
        return self.kinds >= _PARTS


def movie_starts(stream: BinaryIO, size: int) -> list[int]:
    """Return the positions of the movies of an MP4 file of a size in bytes.

    An index without media, such as a copy of another, is no movie of its own.
    """
    movies = [_Movie(0, set())]
    for kind, start in _boxes(stream, size):
        if kind in _BEGINNINGS and movies[-1].is_complete:
            movies.append(_Movie(start, set()))
        movies[-1].kinds.add(kind)
    return [movie.start for movie in movies if movie.is_complete]


def _boxes(stream: BinaryIO, size: int) -> Iterator[tuple[bytes, int]]:
    """Yield the kind and the position of each box that is in no other."""
    position = 0
    while position < size:
        stream.seek(position)
        kind, length, head_size = box_head(stream.read(_HEAD_BYTES), size - position)
        if not head_size:
            return
        yield kind, position
        position += length
