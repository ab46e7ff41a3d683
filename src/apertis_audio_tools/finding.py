"""Finding recordings in folders."""

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from apertis_audio_tools.errors import RecordingError

logger = logging.getLogger("apertis_audio_tools")

_SERVICE = ".flac .mp3 .mp4 .mpeg .mpga .m4a .ogg .wav .webm"
_CONVERTED = (
    ".aac .ac3 .aif .aifc .aiff .amr .au .avi .caf .m4b .mka .mkv .mov .mp2 .mpg .oga .opus"
    " .wave .wma"
)
SUFFIXES = frozenset(f"{_SERVICE} {_CONVERTED}".split())
"""What recordings are called, in lower case: what the service takes, and what is converted."""

Place = str | os.PathLike[str]


def find(
    places: Place | Iterable[Place],
    *,
    glob: str = "**/*",
    suffixes: Iterable[str] | None = None,
) -> Iterator[Path]:
    """The recordings in files and folders, each folder's in the order of their names.

    Hidden files and folders are left out, and so are links that lead out of the folder. A file
    that is named is taken, whatever it is called. Of a folder without any there is a warning in
    the log.

    Args:
        places: A file or a folder, or several.
        glob: Which files of a folder; ``*`` for those directly in it.
        suffixes: Such as ``.mp3``, in any case; without them, `SUFFIXES`.

    Raises:
        RecordingError: There is no such file or folder.
    """
    wanted = SUFFIXES if suffixes is None else {f".{each.lstrip('.').lower()}" for each in suffixes}
    for place in [places] if isinstance(places, str | os.PathLike) else places:
        path = Path(place).expanduser()
        if path.is_dir():
            yield from _below(path, glob, wanted)
        elif path.exists():
            yield path
        else:
            raise RecordingError(f"There is no file or folder {str(path)!r}.")


def _below(folder: Path, glob: str, suffixes: Iterable[str]) -> Iterator[Path]:
    root = folder.resolve()
    is_empty = True
    for path in sorted(folder.glob(glob)):
        if path.suffix.lower() in suffixes and _is_shown(path.relative_to(folder)):
            target = path.resolve()
            if target.is_file() and target.is_relative_to(root):
                is_empty = False
                yield path
    if is_empty:
        logger.warning("There are no recordings in %r that match %r.", str(folder), glob)


def _is_shown(path: Path) -> bool:
    return not any(part.startswith(".") for part in path.parts)
