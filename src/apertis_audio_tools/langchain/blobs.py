"""Recordings as LangChain's blobs, and blobs as recordings."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath
from typing import Any

from langchain_core.document_loaders import Blob, BlobLoader

from apertis_audio_tools.audio import Source
from apertis_audio_tools.files.discovery import RecordingPath, as_path_list, find_recordings


class RecordingBlobLoader(BlobLoader):
    """Recordings in files and folders as blobs, none of which is read into memory.

    Folders are searched in the order of names, whatever case a suffix is in. Hidden files, and
    links that lead out of a folder, are left out; a file that is met again is not given again.

    Example:
        >>> from apertis_audio_tools.langchain import RecordingBlobLoader
        >>> for blob in RecordingBlobLoader("recordings", glob="**/*stand*").yield_blobs():
        ...     print(blob.source, blob.mimetype)

    Args:
        paths: A file or a folder, or several. A file that is named is taken, whatever its suffix.
        glob: Which files of a folder; ``*`` for those directly in it.
        suffixes: Such as ``.mp3``, or several, in any case; without them, those of recordings.

    Raises:
        ConfigurationError: A place has no name.
    """

    def __init__(
        self,
        paths: RecordingPath | Iterable[RecordingPath],
        *,
        glob: str = "**/*",
        suffixes: str | Iterable[str] | None = None,
    ) -> None:
        self.paths = as_path_list(paths)
        self.glob = glob
        self.suffixes = (
            suffixes if suffixes is None or isinstance(suffixes, str) else tuple(suffixes)
        )

    def yield_blobs(self) -> Iterator[Blob]:
        """The recordings, found as they are asked for.

        Raises:
            RecordingError: There is no such file or folder.
            ConfigurationError: `glob` is no pattern, or a place is in a home that is not known.
        """
        for path in find_recordings(self.paths, glob=self.glob, suffixes=self.suffixes):
            yield Blob.from_path(path)


def source_of(blob: Blob) -> Source:
    """A blob as what the client takes: a path, so that nothing is read, or what is in memory."""
    if blob.data is None and blob.path is not None:
        return Path(blob.path)
    return PurePath(blob.source or "").name, blob.as_bytes()


def name_of(blob: Blob) -> str | None:
    """What a blob is called: its source, its path or its id, whichever it has."""
    return blob.source or blob.id


def flat(metadata: dict[Any, Any]) -> tuple[dict[str, str | int | float], list[str]]:
    """The part of a blob's metadata that any index can hold, and the names of the rest."""
    kept = {str(name): value for name, value in metadata.items() if _is_flat(value)}
    left = [str(name) for name, value in metadata.items() if value is not None]
    return kept, [name for name in left if name not in kept]


def _is_flat(value: object) -> bool:
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))
