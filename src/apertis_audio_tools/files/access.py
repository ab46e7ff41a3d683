"""Access of an agent's tools to files: folders to read from, one to write to, and a size limit.

The folders are resolved once, when access is granted. A path comes from a model, which may have
been talked into anything. An absolute path must begin with one of the folders before the file
system is consulted (on Windows, looking at a path of another host sends credentials there). Every
path is then resolved (``..`` and symbolic links), must lie below one of the folders, and is opened
one folder at a time, from the root of the file system, without following links, so that a link
created after the check is refused. New files are created in the same way.
"""

import contextlib
import errno
import itertools
import os
import re
import secrets
import stat
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from apertis_audio_tools.errors import AccessError, ConfigurationError
from apertis_audio_tools.files import listing
from apertis_audio_tools.files.atomic import FileInFolder
from apertis_audio_tools.files.paths import expand_user

MAX_BYTES = 2 * 1024**3
"""Default limit in bytes: 18 hours of 16-bit mono wav at 16 kHz."""

Folder = str | os.PathLike[str]

_MAX_NAMES_SHOWN = 20
_MAX_NAMES_COUNTED = 1_000
"""A refusal must not walk through a whole disk."""
_MAX_PATH_CHARACTERS = 4096
_MAX_LINKS = 40
_CAN_OPEN_BELOW = (
    {os.open, os.mkdir} <= os.supports_dir_fd
    and os.listdir in os.supports_fd
    and hasattr(os, "O_NOFOLLOW")
)
_FOLDER_FLAGS = (
    getattr(os, "O_PATH", os.O_RDONLY)
    | getattr(os, "O_DIRECTORY", 0)
    | getattr(os, "O_NOFOLLOW", 0)
)
"""With O_PATH, a folder on the way need not be readable."""
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""Without O_NONBLOCK, opening a FIFO that has no writer would block forever."""
_DEVICE_NAME = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[\d¹²³]|lpt[\d¹²³])(\..*)?", re.IGNORECASE
)
"""Names that mean devices on Windows, in any folder."""


class FileAccess:
    """Folders that the tools of an agent may read from and write to; all else is refused.

    Examples:
        >>> from apertis_audio_tools import FileAccess
        >>> access = FileAccess("recordings", output="spoken")

    The folders are resolved here, and links that lead to them are followed; a link that takes the
    place of one later is not.

    Args:
        inputs: A folder, or several, whose files may be read, including all folders below.
        output: Folder for new files, created when it is first needed. Existing files are never
            replaced. No link below an input folder may lead to it. Defaults to None: nothing may
            be written.
        max_bytes: Size of the largest file that may be read, in bytes. Defaults to 2 GiB.
        isolate_probe: Whether a recording is first opened in a child process with limits on its
            memory and its time, as it may be a stranger's; only on Linux. Defaults to True.

    Raises:
        AccessError: If a folder to read from does not exist, or if a link below one leads to
            `output`.
        ConfigurationError: If the name of a folder is empty, impossible, or begins with an unknown
            home, ``~``.
    """

    def __init__(
        self,
        inputs: Folder | Iterable[Folder] = (),
        *,
        output: Folder | None = None,
        max_bytes: int = MAX_BYTES,
        isolate_probe: bool = True,
    ) -> None:
        folders = [inputs] if isinstance(inputs, str | os.PathLike) else [*inputs]
        given = [*folders, *([] if output is None else [output])]
        for folder in given:
            _require_folder_name(folder)
        self.inputs: tuple[Path, ...] = tuple(map(_require_folder, folders))
        self._unresolved = tuple(expand_user(folder).absolute() for folder in given)
        self.output: Path | None = None if output is None else self._resolve_output()
        self.max_bytes = max_bytes
        self.isolate_probe = isolate_probe

    def __repr__(self) -> str:
        # Tracebacks show it before `__init__` has set the folders, if one is refused.
        inputs = [str(folder) for folder in getattr(self, "inputs", ())]
        return f"FileAccess({inputs}, output={getattr(self, 'output', None)!s:.200})"

    @contextlib.contextmanager
    def reading(self, path: str) -> Iterator[tuple[str, BinaryIO]]:
        """Open a file below the input folders or the output folder; yield its name and content.

        Args:
            path: Path relative to one of the folders, or an absolute path below one.

        Raises:
            AccessError: If the file does not exist, is outside of the folders, is too large, or is
                not a regular file.
        """
        root, inside = self._locate(path)
        with self._open(root, inside) as file:
            yield inside.name, file

    def new_path(self, suffix: str) -> Path:
        """Return an unused path in the output folder, which is created if necessary.

        Raises:
            AccessError: If there is no output folder, or if it cannot be created.
        """
        with self.writing(suffix) as new:
            return new.path

    @contextlib.contextmanager
    def writing(self, suffix: str) -> Iterator[FileInFolder]:
        """Open the output folder, which is created if necessary; yield an unused path in it.

        Raises:
            AccessError: If there is no output folder, or if it cannot be created.
        """
        if self.output is None:
            raise AccessError("This tool has no folder to write to.")
        path = self.output / f"speech-{secrets.token_hex(6)}{suffix}"
        try:
            folder = _create_folder(self.output)
        except OSError as error:
            raise AccessError(
                f"The output folder cannot be created: {error.strerror or error}."
            ) from error
        try:
            yield FileInFolder(path, folder)
        finally:
            if folder is not None:
                os.close(folder)

    def _resolve_output(self) -> Path:
        """Return the real path of the output folder; refuse a link in a folder that may be read.

        Such a link may have come with the files in there, for example with a cloned repository.
        """
        output = self._unresolved[-1]
        target = Path(os.path.realpath(output))
        for link in _links_on(output):
            if any(link.is_relative_to(folder) for folder in self.inputs):
                raise _link_error(link, target)
        return target

    def _locate(self, path: str) -> tuple[Path, Path]:
        """Return the folder that a file is below, and its path from there, free of links."""
        _require_path(path)
        if not self.inputs and self.output is None:
            raise AccessError("This tool has no folder to read from.")
        is_outside = True
        for root in () if self._is_foreign(path) else self._folders():
            target = Path(os.path.realpath(root / path))
            if target.is_relative_to(root) and target != root:
                is_outside = False
                if os.access(target, os.F_OK):
                    return root, target.relative_to(root)
        if is_outside:
            raise AccessError(
                f"{path!r:.200} is outside of the folders this tool may read; "
                f"use a path relative to one of them. {_suggest_files(self._list_names())}"
            )
        names = self._list_names()
        found = [(folder, Path(name)) for folder, name in names if PurePosixPath(name).name == path]
        if len(found) == 1:  # models leave out the folders before a name
            return found[0]
        if found:
            shown = ", ".join(repr(inside.as_posix()) for _, inside in found[:_MAX_NAMES_SHOWN])
            raise AccessError(f"Several files are named {path!r:.200}: {shown}.")
        raise AccessError(f"There is no file {path!r:.200}. {_suggest_files(names)}")

    def _is_foreign(self, path: str) -> bool:
        """Return whether a path, absolute on any system, begins with none of the folders."""
        if not PureWindowsPath(path).anchor:  # An absolute POSIX path has an anchor, too.
            return False
        flat = Path(os.path.normpath(path))
        folders = [*self._unresolved, *self._folders()]
        return not any(flat.is_relative_to(os.path.normpath(folder)) for folder in folders)

    def _folders(self) -> tuple[Path, ...]:
        return self.inputs if self.output is None else (*self.inputs, self.output)

    def _open(self, root: Path, inside: Path) -> BinaryIO:
        """Open a regular file; check it before, as opening a device has effects, and after."""
        try:
            descriptor = self._open_descriptor(root, inside)
        except OSError as error:
            raise AccessError(f"{inside} cannot be read: {error.strerror or error}.") from error
        try:
            self._require_readable(os.fstat(descriptor), inside)
            return os.fdopen(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise

    def _open_descriptor(self, root: Path, inside: Path) -> int:
        if not _CAN_OPEN_BELOW:
            self._require_readable((root / inside).lstat(), inside)
            return os.open(root / inside, _OPEN_FLAGS)
        folder = _open_folder((root / inside).parent)
        try:
            status = os.stat(inside.name, dir_fd=folder, follow_symlinks=False)
            self._require_readable(status, inside)
            return os.open(inside.name, _OPEN_FLAGS | os.O_NOFOLLOW, dir_fd=folder)
        finally:
            os.close(folder)

    def _require_readable(self, status: os.stat_result, inside: Path) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise AccessError(
                f"{inside} is not a regular file. {_suggest_files(self._list_names())}"
            )
        if status.st_size > self.max_bytes:
            raise AccessError(
                f"{inside} has {status.st_size:,} bytes; this tool reads up to {self.max_bytes:,}."
            )

    def _list_names(self) -> list[tuple[Path, str]]:
        """Return the files that can be read, up to a limit, each with the folder it is below."""
        found: list[tuple[Path, str]] = []
        for folder in self._folders():
            with contextlib.closing(_list_names(folder)) as names:  # folders are open meanwhile
                rest = itertools.islice(names, _MAX_NAMES_COUNTED + 1 - len(found))
                found += ((folder, name) for name in rest)
        return found


def _suggest_files(found: Sequence[tuple[Path, str]]) -> str:
    """Return a sentence that names some files the model can read instead."""
    if not found:
        return "The folders are empty."
    names = [name for _, name in found]
    others = len(names) - _MAX_NAMES_SHOWN
    count = "many" if len(names) > _MAX_NAMES_COUNTED else others
    more = f" and {count} more" if others > 0 else ""
    return f"There are: {', '.join(map(repr, names[:_MAX_NAMES_SHOWN]))}{more}."


def resolve_access(
    access: FileAccess | None, inputs: Folder | Iterable[Folder], output: Folder | None
) -> FileAccess:
    """Return `access`, or the access to some folders; one of the two is required."""
    if access is not None and (inputs or output):
        raise ConfigurationError("Pass access, or folders as inputs and output; not both.")
    access = access or FileAccess(inputs, output=output)
    if not access.inputs and access.output is None:
        raise ConfigurationError("Tools need a folder to read from (inputs) or write to (output).")
    return access


def require_no_link(folder: Folder) -> None:
    """Raise `AccessError` if a folder that nobody named is a link.

    It may have come with the files beside it, for example with a cloned repository.
    """
    path = expand_user(folder).absolute()
    if path.is_symlink():
        raise _link_error(path, Path(os.path.realpath(path)))


def _link_error(link: Path, target: Path) -> AccessError:
    return AccessError(
        f"No files are written to {str(target)!r:.500}: {str(link)!r:.500} is a link, which may "
        "be somebody else's. To allow it, name the folder it leads to as the output folder."
    )


def _links_on(path: Path) -> Iterator[Path]:
    """Yield the links that are followed to resolve an absolute path, each as its real place."""
    for _ in range(_MAX_LINKS):
        links = (each for each in (*reversed(path.parents), path) if os.path.islink(each))  # noqa: PTH114  # pathlib raises errors, e.g. for long names
        link = next(links, None)
        if link is None:
            return
        place = Path(os.path.realpath(link.parent), link.name)
        yield place
        path = place.parent / link.readlink() / path.relative_to(link)


def _require_folder_name(folder: Folder) -> None:
    try:
        is_possible = b"\0" not in os.fsencode(folder)
    except UnicodeEncodeError:
        is_possible = False
    if not is_possible:
        raise ConfigurationError(f"No folder can have the name {str(folder)!r:.200}.")


def _require_folder(folder: Folder) -> Path:
    path = Path(os.path.realpath(expand_user(folder)))
    if not _is_folder(path):
        raise AccessError(f"There is no folder {str(folder)!r:.500} to read recordings from.")
    return path


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  # pathlib raises errors, e.g. for long names


def _require_path(path: object) -> None:
    if not isinstance(path, str) or not path.strip():
        raise AccessError("A path is required: the name of a file in the folders of this tool.")
    if len(path) > _MAX_PATH_CHARACTERS or not listing.can_be_passed_on(path):
        raise AccessError("The path is too long, or contains characters that are not printable.")
    if any(_DEVICE_NAME.fullmatch(part.strip()) for part in re.split(r"[\\/]", path)):
        raise AccessError(f"{path!r:.200} is the name of a device on some systems.")


def _list_names(root: Path) -> Generator[str]:
    """Yield the files of a folder and of those below, as long as it is the one that was granted."""
    with contextlib.suppress(OSError):  # It has vanished, or something has taken its place.
        if _CAN_OPEN_BELOW:
            folder = _open_folder(root)
            try:
                yield from listing.list_below(folder)
            finally:
                os.close(folder)
        elif os.path.realpath(root) == str(root):
            yield from listing.list_by_path(root)


def _create_folder(path: Path) -> int | None:
    """Create a folder that has been resolved, and return its descriptor if the system has those."""
    if _CAN_OPEN_BELOW:
        return _open_folder(path, create=True)
    if os.path.realpath(path) != str(path):
        raise NotADirectoryError(errno.ENOTDIR, "A link has taken its place")
    path.mkdir(parents=True, exist_ok=True)
    return None


def _open_folder(path: Path, *, create: bool = False) -> int:
    """Return a descriptor of a folder that has been resolved, opened one level at a time."""
    folder = os.open(path.anchor, _FOLDER_FLAGS)
    for part in path.parts[1:]:
        outer = folder
        try:
            if create:
                _create_below(outer, part)
            folder = os.open(part, _FOLDER_FLAGS, dir_fd=outer)
        finally:
            os.close(outer)
    return folder


def _create_below(folder: int, name: str) -> None:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, dir_fd=folder)
