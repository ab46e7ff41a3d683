"""Recordings as LangChain blobs, and blobs as recordings."""

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePath
from typing import TypeGuard

from langchain_core.document_loaders import Blob, BlobLoader

from apertis_audio_tools.adapters.documents import path_source
from apertis_audio_tools.audio import Source
from apertis_audio_tools.files.discovery import RecordingPath, as_path_list, find_recordings


class RecordingBlobLoader(BlobLoader):
    """Yields the recordings in files and folders as blobs, without reading their content.

    Folders are searched in the order of their names. Suffixes match in any case. Hidden files, and
    links that lead out of a folder, are left out; a file that is found twice is one blob.

    Examples:
        >>> from apertis_audio_tools.langchain import RecordingBlobLoader
        >>> for blob in RecordingBlobLoader("recordings", glob="**/*stand*").yield_blobs():
        ...     print(blob.source, blob.mimetype)

    Args:
        paths: A file or a folder, or several. A named file is accepted with any suffix.
        glob: Pattern for the files of a folder; ``*`` for those directly in it.
        suffixes: A suffix such as ``.mp3``, or several, in any case. Defaults to the suffixes of
            all formats that can be read.
        missing_ok: True to yield blobs also for files that do not exist, so that a loader or
            parser that skips failures lists them. By default all paths are checked before the
            first blob is yielded.

    Raises:
        ConfigurationError: If a path is empty.
    """

    def __init__(
        self,
        paths: RecordingPath | Iterable[RecordingPath],
        *,
        glob: str = "**/*",
        suffixes: str | Iterable[str] | None = None,
        missing_ok: bool = False,
    ) -> None:
        self.paths: tuple[Path, ...] = as_path_list(paths)
        self.glob: str = glob
        self.suffixes: str | tuple[str, ...] | None = (
            suffixes if suffixes is None or isinstance(suffixes, str) else tuple(suffixes)
        )
        self.missing_ok: bool = missing_ok

    def yield_blobs(self) -> Iterator[Blob]:
        """Yield the recordings one by one; the search goes on as they are consumed.

        Raises:
            RecordingError: If a file or folder does not exist.
            ConfigurationError: If `glob` is not a pattern, or a home folder ``~name`` is unknown.
        """
        found = find_recordings(
            self.paths, glob=self.glob, suffixes=self.suffixes, missing_ok=self.missing_ok
        )
        yield from map(Blob.from_path, found)


def source_of(blob: Blob) -> Source:
    """Return a blob as a source of the client: its path, or its name and content."""
    if blob.data is None and blob.path is not None:
        return Path(blob.path)
    return PurePath(blob.source or "").name, blob.as_bytes()


def name_of(blob: Blob, root: RecordingPath | None, folders: dict[str, str]) -> str | None:
    """Return the source that a blob names, the one of its file, or its id, whichever it has.

    `folders` are those whose real path is known; see `path_source`.

    Raises:
        ConfigurationError: If its file is not below `root`; see `path_source`.
    """
    if blob.path is None or blob.data is not None or blob.metadata.get("source"):
        return blob.source or blob.id
    return path_source(blob.path, root, folders)


def split_metadata(
    metadata: Mapping[object, object],
) -> tuple[dict[str, str | int | float], list[str]]:
    """Return the metadata that any index can store, and the names of the rest."""
    flat = {str(name): value for name, value in metadata.items() if _is_flat(value)}
    names = [str(name) for name, value in metadata.items() if value is not None]
    return flat, [name for name in names if name not in flat]


def _is_flat(value: object) -> TypeGuard[str | int | float]:
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
