"""Finding recordings in folders."""

import logging
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from apertis_audio_tools.errors import ConfigurationError, RecordingError
from apertis_audio_tools.files.paths import NOT_FETCHED_HINT, expand_user, looks_like_a_url

logger = logging.getLogger("apertis_audio_tools")

_SERVICE = ".flac .mp3 .mp4 .mpeg .mpga .m4a .ogg .wav .webm"
_CONVERTED = (
    ".aac .ac3 .aif .aifc .aiff .amr .au .avi .caf .m4b .mka .mkv .mov .mp2 .mpg .oga .opus"
    " .wave .wma"
)
SUFFIXES = frozenset(f"{_SERVICE} {_CONVERTED}".split())
"""What recordings are called, in lower case: what the service takes, and what is converted."""

RecordingPath = str | os.PathLike[str]


def find_recordings(
    paths: RecordingPath | Iterable[RecordingPath],
    *,
    glob: str = "**/*",
    suffixes: str | Iterable[str] | None = None,
    met: set[str] | None = None,
) -> Iterator[Path]:
    """The recordings in files and folders, each folder's in the order of their names.

    Hidden files and folders are left out, and so are links that lead out of the folder. A file
    that is named is taken, whatever it is called. However often a file is named, found or linked
    to, it is given once, where it is first met. Of a link to nothing, and of a folder without any
    recordings, there is a warning in the log.

    Args:
        paths: A file or a folder, or several.
        glob: Which files of a folder; ``*`` for those directly in it.
        suffixes: Such as ``.mp3``, or several, in any case; without them, `SUFFIXES`.
        met: The real paths of files that were found before, and are not given again; those that
            are found are added.

    Raises:
        RecordingError: There is no such file or folder, or it may not be looked at.
        ConfigurationError: A place has no name, or begins with a home, ``~``, that is not known,
            or `glob` is no pattern.
    """
    several = (suffixes,) if isinstance(suffixes, str) else suffixes
    wanted = SUFFIXES if several is None else {f".{each.lstrip('.').lower()}" for each in several}
    return _once(_found(as_path_list(paths), glob, wanted), set() if met is None else met)


def as_path_list(paths: RecordingPath | Iterable[RecordingPath]) -> tuple[Path, ...]:
    """The paths, of which there may be only one.

    Raises:
        ConfigurationError: One is none, has an empty name, or begins with an unknown home.
    """
    if isinstance(paths, str | os.PathLike | bytes) or not isinstance(paths, Iterable):
        paths = (paths,)
    named = tuple(paths)
    for place in named:
        if not isinstance(place, str | os.PathLike):
            raise ConfigurationError(
                f"A place to find recordings in is a file or a folder, not {type(place).__name__}."
            )
    return tuple(map(expand_user, named))


def _once(paths: Iterable[Path], met: set[str]) -> Iterator[Path]:
    for path in paths:
        real = os.path.realpath(path)
        if real not in met:
            met.add(real)
            yield path


def _found(paths: Iterable[Path], glob: str, suffixes: Iterable[str]) -> Iterator[Path]:
    for path in paths:
        if _is_folder(path):
            yield from _below(path, glob, suffixes)
        else:
            yield path


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise RecordingError(
            f"There is no file or folder {str(path)!r:.500}{_hint(path)}."
        ) from error
    except OSError as error:
        why = error.strerror or error
        raise RecordingError(f"{str(path)!r:.500} cannot be read: {why}.") from error


def _hint(path: Path) -> str:
    """What may have been meant by a path that leads nowhere."""
    if looks_like_a_url(path):
        return NOT_FETCHED_HINT
    is_pattern = any(sign in str(path) for sign in "*?[")
    return " (a pattern goes in glob, below a folder)" if is_pattern else ""


def _below(folder: Path, glob: str, suffixes: Iterable[str]) -> Iterator[Path]:
    root = Path(os.path.realpath(folder))
    is_empty = True
    for path in _matching(folder, glob):
        if path.suffix.lower() in suffixes and _is_shown(path.relative_to(folder)):
            target = Path(os.path.realpath(path))
            if target.is_relative_to(root) and _is_file(path):
                is_empty = False
                yield path
    if is_empty:
        logger.warning("There are no recordings in %r that match %r.", str(folder), glob)


def _matching(folder: Path, glob: str) -> list[Path]:
    try:
        return sorted(folder.glob(glob))
    except (IndexError, NotImplementedError, ValueError) as error:
        raise ConfigurationError(
            f"glob is {glob!r}; it must be a pattern below the folder, such as **/*.mp3."
        ) from error


def _is_file(path: Path) -> bool:
    """Whether it is a file, or not to be looked at, which is told when it is read."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except PermissionError:
        return True
    except OSError as error:
        logger.warning("%s was left out: %s.", path, error.strerror or error)
        return False


def _is_shown(path: Path) -> bool:
    return not any(part.startswith(".") for part in path.parts)
