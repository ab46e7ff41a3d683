"""Location of a reader's recordings: local files, another file system, or memory."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

from apertis_audio_tools.adapters.loading import get_source_name
from apertis_audio_tools.audio import Source
from apertis_audio_tools.errors import RecordingError
from apertis_audio_tools.files.discovery import RecordingPath

ReaderSource = Source | Iterable[Source]
"""A recording, a folder of recordings, or several of these."""


class FileSystem(Protocol):
    """File system of fsspec, as far as it is used here."""

    def open(self, path: str, mode: str, /) -> Any:  # fsspec has no types
        """Open a file."""


@dataclass(frozen=True, slots=True, eq=False)
class LocatedRecording:
    """A recording to be read; two recordings of one name are not equal.

    Attributes:
        name: Name or path. None if only the content was given.
        path: Path, if the recording is a local file.
        file: File that was opened in another file system.
    """

    name: str | None = None
    path: Path | None = None
    file: BinaryIO | None = None

    def close(self) -> None:
        """Close the file that was opened here; files of the caller stay open."""
        if self.file is not None:
            self.file.close()


def locate_recordings(
    sources: ReaderSource,
    find: Callable[[RecordingPath, set[str]], Iterable[Path]],
    fs: FileSystem | None,
) -> Iterator[tuple[LocatedRecording, Source]]:
    """Yield the recordings, in order; a file that is found again is left out.

    Args:
        sources: A recording, a folder, or several of these.
        find: Function that yields the recordings in a local file or folder, except for those whose
            real paths are in a set, to which it adds the paths of those it yields.
        fs: File system of the paths. None for the local one.
    """
    seen: set[str] = set()
    for source in _as_iterable(sources):
        if not isinstance(source, str | os.PathLike):
            yield LocatedRecording(get_source_name(source)), source
        elif fs is None:
            for path in find(source, seen):
                yield LocatedRecording(str(path), path), path
        elif (name := os.fspath(source)) not in seen:
            seen.add(name)
            file = _open(fs, name)
            yield LocatedRecording(name, file=file), (name, file)


def _open(fs: FileSystem, name: str) -> BinaryIO:
    try:
        file: BinaryIO = fs.open(name, "rb")
    except OSError as error:
        raise RecordingError(f"{name} cannot be read: {error.strerror or error}.") from error
    return file


def _as_iterable(sources: ReaderSource) -> Iterable[Source]:
    """Return the sources; a tuple is either several paths, or one recording with its name."""
    if isinstance(sources, tuple) and sources:
        is_one = not all(isinstance(each, str | os.PathLike) for each in sources)
    else:
        is_one = isinstance(
            sources, str | os.PathLike | bytes | bytearray | memoryview | tuple
        ) or hasattr(sources, "read")
    if is_one or not isinstance(sources, Iterable):
        return [cast("Source", sources)]
    return cast("Iterable[Source]", sources)
