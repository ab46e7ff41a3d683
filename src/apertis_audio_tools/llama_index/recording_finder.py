"""Location of a reader's recordings: local files, another file system, or memory."""

import glob
import logging
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol, cast

from apertis_audio_tools.adapters.documents import path_source
from apertis_audio_tools.adapters.loading import get_source_name
from apertis_audio_tools.audio import Source
from apertis_audio_tools.errors import ConfigurationError, RecordingError
from apertis_audio_tools.files.discovery import (
    RecordingPath,
    find_recordings,
    is_chosen,
    may_be_recording,
    normalise_suffixes,
)

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

ReaderSource = Source | Iterable[Source]
"""A recording, a folder of recordings, or several of these."""


class FileSystem(Protocol):
    """File system of fsspec, as far as it is used here."""

    # fsspec has no types

    def open(self, path: str, mode: str, /) -> Any:
        """Open a file."""

    def info(self, path: str, /) -> Any:
        """Return the name of a file or folder, without its protocol, and its type."""

    def glob(self, path: str, /) -> Any:
        """Return the paths that match a pattern."""

    def isfile(self, path: str, /) -> bool:
        """Return whether a path is a file."""


@dataclass(frozen=True, slots=True)
class FolderSearch:
    """Search for recordings in folders.

    Attributes:
        glob: Pattern of the files.
        suffixes: A suffix, or several; None for those of all recordings.
        root: Folder that names of files are relative to; see `path_source`.
    """

    glob: str
    suffixes: str | Iterable[str] | None
    root: str | os.PathLike[str] | None = None

    def local(self, path: RecordingPath, seen: set[str]) -> Iterator[Path]:
        """Yield the recordings in a local file or folder; see `find_recordings`."""
        return find_recordings(path, glob=self.glob, suffixes=self.suffixes, seen=seen)

    def remote(self, fs: FileSystem, path: str) -> Iterator[str]:
        """Yield the paths of a file, or of the recordings in a folder, sorted by name.

        Hidden files and folders are left out, as in local folders.
        """
        name, is_folder = _describe(fs, path)
        if not is_folder:
            yield name
            return
        suffixes, is_empty = normalise_suffixes(self.suffixes), True
        for found in sorted(fs.glob(f"{glob.escape(name.rstrip('/'))}/{self.glob}")):
            parts = PurePosixPath(found).parts[len(PurePosixPath(name).parts) :]
            is_hidden = any(part.startswith(".") for part in parts)
            file, opener = PurePosixPath(found), partial(fs.open, found, "rb")
            is_file = not is_hidden and may_be_recording(file, suffixes) and fs.isfile(found)
            if is_file and is_chosen(file, suffixes, opener):
                is_empty = False
                yield found
        if is_empty:
            logger.warning("There are no recordings in %r that match %r.", name, self.glob)

    def remote_source(self, fs: FileSystem, name: str) -> str:
        """Return the ``source`` of a file: its path, or that relative to the root.

        Raises:
            ConfigurationError: If the file is not below the root.
        """
        if self.root is None:
            return name
        root, _ = _describe(fs, os.fspath(self.root))
        if not PurePosixPath(name).is_relative_to(root):
            raise ConfigurationError(f"{name!r:.500} is not below root, {root!r:.500}.")
        return str(PurePosixPath(name).relative_to(root))


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
    sources: ReaderSource, search: FolderSearch, fs: FileSystem | None
) -> Iterator[tuple[LocatedRecording, Source]]:
    """Yield the recordings, in order; a file that is found again is left out.

    Args:
        sources: A recording, a folder, or several of these.
        search: Search for recordings in folders.
        fs: File system of the paths. None for the local one.
    """
    seen, folders = set[str](), dict[str, str]()
    for source in _as_iterable(sources):
        if not isinstance(source, str | os.PathLike):
            yield LocatedRecording(get_source_name(source)), source
        elif fs is None:
            for path in search.local(source, seen):
                yield LocatedRecording(path_source(path, search.root, folders), path), path
        else:
            for name in search.remote(fs, os.fspath(source)):
                if name not in seen:
                    seen.add(name)
                    source_name = search.remote_source(fs, name)
                    file = _open(fs, name)
                    yield LocatedRecording(source_name, file=file), (name, file)


def _describe(fs: FileSystem, path: str) -> tuple[str, bool]:
    """Return the name of a file or folder, however its path is spelled, and if it is a folder."""
    try:
        info = fs.info(path)
    except OSError as error:
        reason = "There is no file or folder" if isinstance(error, FileNotFoundError) else error
        raise RecordingError(f"{reason}: {path!r:.500}.") from error
    return info["name"], info["type"] == "directory"


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
