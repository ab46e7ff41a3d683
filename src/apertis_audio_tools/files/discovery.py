"""Find recordings in folders."""

import contextlib
import logging
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from pathlib import Path, PurePath
from typing import BinaryIO

from apertis_audio_tools.errors import ConfigurationError, RecordingError
from apertis_audio_tools.files.paths import (
    NOT_FETCHED_HINT,
    expand_user,
    looks_like_a_url,
    real_path,
)

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

_ACCEPTED_SUFFIXES = ".flac .m4a .mp3 .mp4 .mpeg .mpga .ogg .wav .webm"
_CONVERTED_SUFFIXES = (
    ".3g2 .3ga .3gp .3gpp .aac .ac3 .aif .aifc .aiff .amr .ape .asf .au .avi .bwf .caf .dsf .eac3"
    " .flv .m2ts .m4b .m4r .m4v .mka .mkv .mov .mp2 .mpg .oga .ogv .opus .qt .qta .rf64 .spx .tta"
    " .vob .voc .w64 .wave .weba .wma .wmv .wv"
)
SUFFIXES = frozenset(f"{_ACCEPTED_SUFFIXES} {_CONVERTED_SUFFIXES}".split())
"""Suffixes of recordings in lower case: those the service accepts, and those that are converted."""

SHARED_SUFFIXES = frozenset({".mts", ".ts"})
"""Suffixes of MPEG transport streams and of TypeScript. The content tells which it is."""
_TRANSPORT_SYNC = 0x47
_TRANSPORT_PACKETS = ((0, 188), (4, 192))
"""Position of the first sync byte, and bytes of a packet, without and with a time stamp."""
_CHECKED_PACKETS = 3

RecordingPath = str | os.PathLike[str]


def find_recordings(
    paths: RecordingPath | Iterable[RecordingPath],
    *,
    glob: str = "**/*",
    suffixes: str | Iterable[str] | None = None,
    seen: set[str] | None = None,
    missing_ok: bool = False,
) -> Iterator[Path]:
    """Yield the recordings in files and folders, those of each folder sorted by name.

    Hidden files and folders are left out, and so are links that lead out of the folder. A file that
    is named explicitly is included whatever its suffix. A file that is named, found or linked to
    several times is yielded once, where it is first found. Broken links and folders without
    recordings are logged as warnings. All paths are checked before the first one is yielded.

    Args:
        paths: A file or a folder, or several.
        glob: Pattern for the files of a folder; ``*`` for those directly in it. Defaults to
            ``**/*``.
        suffixes: A suffix such as ``.mp3``, or several, in any case. Defaults to `SUFFIXES`, and
            to `SHARED_SUFFIXES` of files that are transport streams by their content.
        seen: Real paths of files that were found before and are not yielded again; new ones are
            added. Defaults to an empty set.
        missing_ok: True to yield paths that do not exist, for callers that report each recording
            by itself. Defaults to False.

    Raises:
        RecordingError: If a file or folder does not exist or cannot be accessed.
        ConfigurationError: If a path is empty or begins with an unknown home, ``~``, or if `glob`
            is not a valid pattern.
    """
    chosen = normalise_suffixes(suffixes)
    expanded = _expand(as_path_list(paths), glob, chosen, missing_ok=missing_ok)
    return _unique(expanded, set() if seen is None else seen)


def normalise_suffixes(suffixes: str | Iterable[str] | None) -> Collection[str] | None:
    """Return suffixes in lower case with their dots, or None for those of all recordings."""
    if suffixes is None:
        return None
    several = (suffixes,) if isinstance(suffixes, str) else suffixes
    return {f".{each.lstrip('.').lower()}" for each in several}


def as_path_list(paths: RecordingPath | Iterable[RecordingPath]) -> tuple[Path, ...]:
    """Return one path or several as a tuple of paths, with home folders expanded."""
    if isinstance(paths, str | os.PathLike | bytes) or not isinstance(paths, Iterable):
        paths = (paths,)
    several = tuple(paths)
    for path in several:
        if not isinstance(path, str | os.PathLike):
            raise ConfigurationError(
                f"A path to recordings is a str or an os.PathLike, not {type(path).__name__}."
            )
    return tuple(map(expand_user, several))


def _unique(paths: Iterable[tuple[Path, str]], seen: set[str]) -> Iterator[Path]:
    for path, real in paths:
        if real not in seen:
            seen.add(real)
            yield path


def _expand(
    paths: Collection[Path], glob: str, suffixes: Collection[str] | None, *, missing_ok: bool
) -> Iterator[tuple[Path, str]]:
    """Yield each file with its real path."""
    for path in () if missing_ok else paths:
        _is_existing_folder(path)
    for path in paths:
        if _is_folder(path) if missing_ok else _is_existing_folder(path):
            yield from _search_folder(path, glob, suffixes)
        else:
            yield path, real_path(path)


def _is_folder(path: Path) -> bool:
    """Return whether a path is a folder; False also if it does not exist."""
    with contextlib.suppress(RecordingError):
        return _is_existing_folder(path)
    return False


def _is_existing_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        raise RecordingError(
            f"There is no file or folder {str(path)!r:.500}{_hint(path)}."
        ) from error
    except OSError as error:
        reason = error.strerror or error
        raise RecordingError(f"{str(path)!r:.500} cannot be read: {reason}.") from error


def _hint(path: Path) -> str:
    if looks_like_a_url(path):
        return NOT_FETCHED_HINT
    is_pattern = any(sign in str(path) for sign in "*?[")
    return " (a pattern goes in glob, below a folder)" if is_pattern else ""


def _search_folder(
    folder: Path, glob: str, suffixes: Collection[str] | None
) -> Iterator[tuple[Path, str]]:
    root, folders = Path(os.path.realpath(folder)), dict[str, str]()
    is_empty = True
    for path in _match_glob(folder, glob):
        if not _is_hidden(path.relative_to(folder)) and may_be_recording(path, suffixes):
            real = real_path(path, folders)
            is_file_within = Path(real).is_relative_to(root) and _is_file(path)
            if is_file_within and is_chosen(path, suffixes, partial(_open, path)):
                is_empty = False
                yield path, real
    if is_empty:
        logger.warning("There are no recordings in %r that match %r.", str(folder), glob)


def _match_glob(folder: Path, glob: str) -> list[Path]:
    try:
        return sorted(folder.glob(glob))
    except (IndexError, NotImplementedError, ValueError) as error:
        raise ConfigurationError(
            f"glob is {glob!r}; it must be a pattern below the folder, such as **/*.mp3."
        ) from error


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


def may_be_recording(path: PurePath, suffixes: Collection[str] | None) -> bool:
    """Return whether a file may be wanted, by its suffix."""
    return path.suffix.lower() in (SUFFIXES | SHARED_SUFFIXES if suffixes is None else suffixes)


def is_chosen(
    path: PurePath, suffixes: Collection[str] | None, open_file: Callable[[], BinaryIO]
) -> bool:
    """Return whether a file is wanted: by its content if only that tells what it is."""
    is_clear = suffixes is not None or path.suffix.lower() in SUFFIXES
    return is_clear or _is_transport_stream(open_file)


def _is_transport_stream(open_file: Callable[[], BinaryIO]) -> bool:
    try:
        with open_file() as file:
            head = file.read(_CHECKED_PACKETS * _TRANSPORT_PACKETS[-1][1])
    except OSError:
        return False
    return any(
        head[first::size][:_CHECKED_PACKETS] == bytes([_TRANSPORT_SYNC] * _CHECKED_PACKETS)
        for first, size in _TRANSPORT_PACKETS
    )


def _is_file(path: Path) -> bool:
    """Return whether a path is a file; True without permission, so that reading it fails."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except PermissionError:
        return True
    except OSError as error:
        logger.warning("%s was left out: %s.", path, error.strerror or error)
        return False


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
