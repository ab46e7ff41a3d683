"""Paths as users write them."""

import os
from pathlib import Path

from apertis_audio_tools.errors import ConfigurationError

NOT_FETCHED_HINT = " (URLs are not fetched)"
"""Hint for an error message about a path that looks like a URL."""


def expand_user(path: str | os.PathLike[str]) -> Path:
    """Return a path with ``~`` or ``~user`` replaced by the home folder.

    Raises:
        ConfigurationError: If the home folder is unknown, or if the path is empty, for example
            from an unset variable: it would mean the current folder.
    """
    if not os.fspath(path):
        raise ConfigurationError("A path is empty; the current folder is '.'.")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ConfigurationError(
            f"{os.fspath(path)!r} begins with an unknown home folder; write out the whole path."
        ) from error


def looks_like_a_url(path: str | os.PathLike[str]) -> bool:
    """Return whether a path may have been a URL; as a path it has one of its two slashes."""
    return ":/" in os.fspath(path)


def real_path(path: str | os.PathLike[str], folders: dict[str, str] | None = None) -> str:
    """Return a path that is absolute and free of links; the path itself if no file can have it.

    Args:
        path: The path.
        folders: Real paths of folders that are known, to which the one of this path is added: for
            many files in few folders. Defaults to none.
    """
    folder, name = os.path.split(path)
    try:
        if folders is None or not _can_be_joined(name) or os.path.islink(path):  # noqa: PTH114  # pathlib raises errors, e.g. for long names
            return os.path.realpath(path)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
    except ValueError:  # it contains a null character
        return os.fspath(path)
    return os.path.join(folders[folder], name)  # noqa: PTH118  # of strings


def _can_be_joined(name: str) -> bool:
    """Return whether the name of a file has only one spelling; on Windows it has several."""
    return name not in {"", ".", ".."} and "\0" not in name and os.name != "nt"
