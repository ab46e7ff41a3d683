"""Recordings of a data set: paths and URLs of fsspec, found on the driver and opened on workers."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from fsspec.core import url_to_fs  # type: ignore[import-untyped]

from apertis_audio_tools.adapters.documents import path_source
from apertis_audio_tools.audio import Source
from apertis_audio_tools.errors import ConfigurationError, RecordingError
from apertis_audio_tools.files.discovery import (
    SUFFIXES,
    RecordingPath,
    as_path_list,
    find_recordings,
)

_COPIED_BYTES = 1024 * 1024


def is_url(path: RecordingPath) -> bool:
    """Return whether a path is a URL of fsspec, and not of a local file."""
    return isinstance(path, str) and "://" in path


def find_sources(
    paths: RecordingPath | Iterable[RecordingPath], storage: Mapping[str, Any]
) -> list[str]:
    """Return the absolute paths and URLs of recordings, each once.

    Folders and patterns such as ``s3://bucket/2027/*.mp3`` are searched for files with the suffixes
    of recordings. A file that does not exist is returned too, and fails by itself.

    Raises:
        ConfigurationError: If there are no recordings, or a folder cannot be listed.
    """
    several = (paths,) if isinstance(paths, str) or not isinstance(paths, Iterable) else paths
    found = dict.fromkeys(name for path in several for name in _find(path, storage))
    if not found:
        raise ConfigurationError("There are no recordings to transcribe.")
    return [*found]


def _find(path: RecordingPath, storage: Mapping[str, Any]) -> Iterator[str]:
    if not is_url(path):
        for each in find_recordings(as_path_list(path), missing_ok=True):
            yield path_source(each, None)
    elif _is_recording(str(path)) and "*" not in str(path):
        yield str(path)
    else:
        yield from _list(str(path), storage)


def _list(url: str, storage: Mapping[str, Any]) -> Iterator[str]:
    try:
        files, folder = url_to_fs(url, **storage)
        names = files.glob(folder) if "*" in url else files.find(folder)
    except Exception as error:
        raise ConfigurationError(f"{url} cannot be listed: {_describe(error)}") from error
    for name in names:
        if _is_recording(name):
            yield files.unstrip_protocol(name)


def _is_recording(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in SUFFIXES


@contextlib.contextmanager
def open_recording(path: str, storage: Mapping[str, Any]) -> Iterator[Source]:
    """Yield a recording: a local path as it is, a remote file as a temporary copy.

    Copied piecemeal, and deleted in the end: a recording is read several times, from its index to
    its end and back, and each read of a remote file would cost a request.

    Raises:
        RecordingError: If a remote file cannot be read.
    """
    if not is_url(path):
        yield path
        return
    with tempfile.TemporaryFile() as copy:
        try:
            files, name = url_to_fs(path, **storage)
            with files.open(name, "rb") as remote:
                shutil.copyfileobj(remote, copy, _COPIED_BYTES)
        except Exception as error:  # each file system has errors of its own
            raise RecordingError(f"{path} cannot be read: {_describe(error)}") from error
        copy.seek(0)
        yield PurePosixPath(name).name, copy


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
