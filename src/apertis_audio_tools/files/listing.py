"""Names of the files in a folder, for the refusals of an agent's tools, without links."""

import contextlib
import os
import stat
import unicodedata
from collections.abc import Generator
from pathlib import Path, PurePath, PureWindowsPath

_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
_MAX_DEPTH = 32
"""Each folder on the way is open while those below are listed."""
_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


def list_below(outer: int, inside: PurePath | None = None, name: str = ".") -> Generator[str]:
    """Yield the files of a folder, then those of the folders below, opened one below the other.

    Args:
        outer: Descriptor of an open folder.
        inside: Path of the folder to list, as it is shown. Defaults to none.
        name: Name of the folder to list in `outer`. Defaults to `outer` itself.
    """
    inside = inside or PurePath()
    with contextlib.suppress(OSError):  # It may not be listed, or is no folder any more.
        folder = os.open(name, _FLAGS, dir_fd=outer)
        try:
            files, folders = _read_folder(folder)
            yield from (_spell(inside / each) for each in files)
            for each in folders if len(inside.parts) < _MAX_DEPTH else ():
                yield from list_below(folder, inside / each, each)
        finally:
            os.close(folder)


def list_by_path(root: Path) -> Generator[str]:
    """Yield what `list_below` yields, on systems that cannot open a folder below another."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(filter(_is_shown, folders))
        for name in sorted(filter(_is_shown, files)):
            path = Path(folder, name)
            with contextlib.suppress(OSError):
                if stat.S_ISREG(path.lstat().st_mode):
                    yield _spell(path.relative_to(root))


def _read_folder(folder: int) -> tuple[list[str], list[str]]:
    """Return the names of the files and of the folders in an open folder, sorted."""
    files, folders = list[str](), list[str]()
    for name in sorted(filter(_is_shown, os.listdir(folder))):
        with contextlib.suppress(OSError):  # It has vanished, or the folder may not be entered.
            mode = os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode
            if stat.S_ISREG(mode):
                files.append(name)
            elif stat.S_ISDIR(mode):
                folders.append(name)
    return files, folders


def _spell(path: PurePath) -> str:
    """Return a path as a model can pass it on."""
    text = path.as_posix()
    looks_absolute = PureWindowsPath(text).anchor  # for example "M: review.ogg"
    return f"./{text}" if looks_absolute else text


def can_be_passed_on(name: str) -> bool:
    """Return whether a model can read a name and repeat it.

    Any space is accepted, as macOS writes a narrow one into "3.15 PM.mov", and so are joiners; line
    ends, other control characters and bytes that are not UTF-8 are not.
    """
    return all(
        each.isprintable() or each in _JOINERS or unicodedata.category(each) == "Zs"
        for each in name
    )


def _is_shown(name: str) -> bool:
    return can_be_passed_on(name) and not name.startswith(".")
