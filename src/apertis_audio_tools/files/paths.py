"""Paths as users write them."""

import os
from pathlib import Path

from apertis_audio_tools.errors import ConfigurationError

NOT_FETCHED_HINT = " (URLs are not fetched)"
"""What a sentence about a path adds that was meant to be more."""


def expand_user(path: str | os.PathLike[str]) -> Path:
    """The path with the home folder that ``~``, or ``~`` with the name of a user, stands for.

    Raises:
        ConfigurationError: There is no such home, or the path is empty, as of a variable that is
            not set: it would be the current folder.
    """
    if not os.fspath(path):
        raise ConfigurationError(
            "The name of a place to read or write is empty; the current folder is '.'."
        )
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ConfigurationError(
            f"{os.fspath(path)!r} begins with a home folder that is not known; "
            "write out the whole path."
        ) from error


def looks_like_a_url(path: str | os.PathLike[str]) -> bool:
    """Whether it may have been a URL; as a path it has only one of its two slashes."""
    return ":/" in os.fspath(path)
