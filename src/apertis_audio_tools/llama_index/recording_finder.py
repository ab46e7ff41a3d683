"""Where a reader's recordings are: on this machine, in another file system, or in memory."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from apertis_audio_tools.adapters.loading import get_source_name
from apertis_audio_tools.audio import Source
from apertis_audio_tools.errors import RecordingError

ReaderSource = Source | Iterable[Source]
"""A recording, a folder of them, or several of these."""


@dataclass(frozen=True, slots=True, eq=False)
class LocatedRecording:
    """A recording on its way; two of the same name are two.

    Attributes:
        name: What it is called; None if only its content was given.
        path: Where it is, if it is a file of this machine.
        opened: What was opened for it in another file system.
    """

    name: str | None = None
    path: Path | None = None
    opened: BinaryIO | None = None

    def close(self) -> None:
        """Close what was opened for it; what the caller has opened is the caller's."""
        if self.opened is not None:
            self.opened.close()


@dataclass(frozen=True, slots=True)
class RecordingFinder:
    """How places are looked at.

    Attributes:
        find: The recordings in a file or folder of this machine that were not met before.
        fs: The fsspec file system that paths are in instead.
    """

    find: Callable[[Any, set[str]], Iterable[Path]]
    fs: Any

    def recordings(self, place: ReaderSource) -> Iterator[tuple[LocatedRecording, Source]]:
        """What is found there, one after the other; of a file, only where it is first met.

        Raises:
            RecordingError: There is no such file or folder, or it cannot be opened.
        """
        met: set[str] = set()
        several = cast("Iterable[Source]", place if _are_several(place) else [place])
        for each in several:
            if not isinstance(each, str | os.PathLike):
                yield LocatedRecording(get_source_name(each)), each
            elif self.fs is None:
                yield from (
                    (LocatedRecording(str(path), path), path) for path in self.find(each, met)
                )
            elif (name := os.fspath(each)) not in met:
                met.add(name)
                file = self._open(name)
                yield LocatedRecording(name, opened=file), (name, file)

    def _open(self, name: str) -> BinaryIO:
        try:
            file: BinaryIO = self.fs.open(name, "rb")
        except OSError as error:
            raise RecordingError(f"{name} cannot be read: {error.strerror or error}.") from error
        return file


def _are_several(place: Any) -> bool:
    """Whether it is a number of recordings; a tuple is one, with its name, or several paths."""
    if isinstance(place, tuple) and place:
        return all(isinstance(each, str | os.PathLike) for each in place)
    is_one = isinstance(place, str | os.PathLike | bytes | bytearray | memoryview | tuple)
    return isinstance(place, Iterable) and not is_one and not hasattr(place, "read")
