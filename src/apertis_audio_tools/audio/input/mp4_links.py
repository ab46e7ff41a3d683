"""MP4 files joined byte by byte: several movies after one another, of which players play one."""

from collections.abc import Iterator
from typing import NamedTuple

from apertis_audio_tools.audio.input.mp4_claims import box_head
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.errors import RecordingError

_MAX_LINKS = 1_000
"""More than anyone joins. Each has to be opened by itself."""
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


def movie_links(content: SourceContent) -> tuple[SourceContent, ...]:
    """Return the movies that an MP4 file was joined of, in nearly all cases only itself.

    Raises:
        RecordingError: If there are more than any real file has.
    """
    movies = [_Movie(0, set())]
    for kind, start in _boxes(content):
        if kind in _BEGINNINGS and movies[-1].is_complete:
            movies.append(_Movie(start, set()))
        movies[-1].kinds.add(kind)
    starts = [movie.start for movie in movies if movie.is_complete]
    if len(starts) > _MAX_LINKS:
        raise RecordingError(
            f"{content.label} is joined of more than {_MAX_LINKS} recordings; send them one by one."
        )
    if len(starts) < 2:  # noqa: PLR2004  # two movies were joined
        return (content,)
    ends = [*starts[1:], content.size]
    return tuple(
        content.window(start, end - start) for start, end in zip(starts, ends, strict=True)
    )


def _boxes(content: SourceContent) -> Iterator[tuple[bytes, int]]:
    """Yield the kind and the position of each box that is in no other."""
    position = 0
    with content.open() as stream:
        while position < content.size:
            stream.seek(position)
            kind, size, head_size = box_head(stream.read(_HEAD_BYTES), content.size - position)
            if not head_size:
                return
            yield kind, position
            position += size
