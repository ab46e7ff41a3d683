"""Cache of transcripts in a folder of any file system of fsspec, which machines can share."""

import logging
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.pipeline.cache_entries import (
    compress_entry,
    join_entry,
    restore_entry,
    split_entry,
)
from apertis_audio_tools.results import Transcript

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

R = TypeVar("R")

_SUFFIX, _UNFINISHED = ".transcript", ".unfinished"
_WITH_RENAMING = frozenset({"file", "local", "sftp", "ssh", "hdfs", "webhdfs", "smb"})
"""File systems whose readers would see a file that is being written. It is written under another
name and renamed; object stores show an object when all of it has arrived."""


class SharedCache:
    """Transcripts in a folder, each in a file named by its key.

    Nothing is ever deleted to make room: an object store has rules for that.

    Args:
        url: URL of the folder for fsspec, such as ``s3://bucket/transcripts``.

    Raises:
        ConfigurationError: If fsspec or the package of the file system is missing, or there is no
            such file system.
    """

    def __init__(self, url: str) -> None:
        self.path: str = url.rstrip("/")
        self._files, self._folder = _open_folder(self.path)
        names = self._files.protocol
        names = {names} if isinstance(names, str) else {*names}
        self._is_renaming = not _WITH_RENAMING.isdisjoint(names)
        self._failure: str | None = None

    def get(self, key: str) -> Transcript | None:
        """Return the transcript with a key, or None."""
        content = self._attempt(lambda: self._read(key), None)
        if content is None:
            return None
        transcript = restore_entry(*split_entry(content))
        if transcript is None:
            logger.warning("An entry of the cache %s is damaged and not used.", self.path)
        return transcript

    def put(self, key: str, transcript: Transcript) -> None:
        """Keep a transcript and its response."""
        content = join_entry(*compress_entry(transcript))
        self._attempt(lambda: self._write(self._file(key), content), None)

    def usage(self) -> tuple[int, int]:
        """Return the number of transcripts and their compressed size in bytes."""
        sizes = self._attempt(lambda: self._find(_SUFFIX), dict[str, int]())
        return len(sizes), sum(sizes.values())

    def clear(self) -> int:
        """Delete all transcripts, and return how many there were. Other files stay."""
        return self._attempt(self._delete, 0)

    def close(self) -> None:
        """Do nothing: fsspec keeps its connections for all that use the file system."""

    def _file(self, key: str) -> str:
        # Some file systems are slow if a folder has a million files.
        return f"{self._folder}/{key[:2]}/{key}{_SUFFIX}"

    def _read(self, key: str) -> bytes | None:
        try:
            content: bytes = self._files.cat_file(self._file(key))
        except FileNotFoundError:
            return None
        return content

    def _write(self, file: str, content: bytes) -> None:
        if not self._is_renaming:
            self._files.pipe_file(file, content)
            return
        unfinished = f"{file}.{uuid.uuid4().hex}{_UNFINISHED}"
        self._files.makedirs(file.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(unfinished, content)
        self._files.mv(unfinished, file)

    def _find(self, suffix: str) -> dict[str, int]:
        self._files.invalidate_cache()  # other machines write too
        found = self._files.find(self._folder, detail=True)
        return {name: each["size"] for name, each in found.items() if name.endswith(suffix)}

    def _delete(self) -> int:
        finished, unfinished = self._find(_SUFFIX), self._find(_UNFINISHED)
        if names := [*finished, *unfinished]:
            self._files.rm(names)
        return len(finished)

    def _attempt(self, do: Callable[[], R], default: R) -> R:
        try:
            result = do()
        except Exception as error:  # noqa: BLE001  # each file system has errors of its own
            if str(error) != self._failure:
                self._failure = str(error)
                logger.warning("The cache %s cannot be used: %s", self.path, error)
            return default
        self._failure = None
        return result


def _open_folder(url: str) -> tuple[Any, str]:
    """Return a file system of fsspec, which has no types, and the path of the folder in it."""
    try:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        files, folder = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise ConfigurationError(
            f"The cache {url} needs fsspec and the package of its file system: {error}"
        ) from error
    return files, folder.rstrip("/")
