"""What an agent's tools may touch: folders to read from, one to write to, and a size.

A path comes from a model, which may have been talked into anything. So a whole path must begin with
a folder that was given, before anything is looked at (on Windows, looking at a path of another host
signs in there). Any path is then resolved (``..`` and symbolic links), must be below a folder that
was given, and is opened one folder after the other without following links: one put there after the
check is refused, not followed.
"""

import contextlib
import itertools
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PureWindowsPath
from typing import BinaryIO

from apertis_audio_tools.errors import AccessError, ConfigurationError
from apertis_audio_tools.files.paths import expand_user

MAX_BYTES = 2 * 1024**3
"""A day of wav at 16 kHz."""

Folder = str | os.PathLike[str]

_NAMES_SHOWN = 20
_NAMES_COUNTED = 1_000
"""A refusal must not walk through a whole disk."""
_LONGEST_PATH = 4096
_ONE_AFTER_THE_OTHER = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")
_OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
"""A FIFO without a writer would block for ever."""
_RESERVED = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|com[\d¹²³]|lpt[\d¹²³])(\..*)?", re.IGNORECASE
)
"""Names that mean devices on Windows, in any folder."""


class FileAccess:
    """The folders an agent's tools may read and write; nothing else, however it is asked for.

    Example:
        >>> from apertis_audio_tools import FileAccess
        >>> access = FileAccess("recordings", output="spoken")

    Args:
        inputs: A folder, or several, whose files may be read, with all folders below.
        output: The folder for new files, made when it is first needed; without it, none are
            written. Existing files are never replaced.
        max_bytes: The largest file that may be read.

    Raises:
        AccessError: A folder to read from is not there.
        ConfigurationError: A folder has no name, or begins with a home, ``~``, that is not known.
    """

    def __init__(
        self,
        inputs: Folder | Iterable[Folder] = (),
        *,
        output: Folder | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        given = [inputs] if isinstance(inputs, str | os.PathLike) else [*inputs]
        self.inputs = tuple(_existing(folder) for folder in given)
        self._given = tuple(expand_user(folder).absolute() for folder in given)
        self.output = None if output is None else expand_user(output).absolute()
        self.max_bytes = max_bytes

    def __repr__(self) -> str:
        return f"FileAccess({[str(folder) for folder in self.inputs]}, output={self.output!s:.200})"

    @contextlib.contextmanager
    def reading(self, path: str) -> Iterator[tuple[str, BinaryIO]]:
        """A file below the input folders, opened: its name and its content.

        What a tool has spoken, in the output folder, can be read as well.

        Args:
            path: Relative to one of the folders, or absolute and below one.

        Raises:
            AccessError: There is no such file, it is outside, too large, or not a regular file.
        """
        root, inside = self._found(path)
        descriptor = self._opened(root, inside)
        try:
            self._require_readable(os.fstat(descriptor), inside)
            file = os.fdopen(descriptor, "rb")
        except BaseException:
            os.close(descriptor)
            raise
        with file:
            yield inside.name, file

    def new_path(self, suffix: str) -> Path:
        """Where a new file goes: a name in the output folder that is not taken.

        Raises:
            AccessError: There is no output folder, or it cannot be made.
        """
        if self.output is None:
            raise AccessError("No folder to write to was given to this tool.")
        try:
            self.output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AccessError(
                f"The output folder cannot be made: {error.strerror or error}."
            ) from error
        return self.output / f"speech-{secrets.token_hex(6)}{suffix}"

    def _found(self, path: str) -> tuple[Path, Path]:
        """The folder a file is below, and the rest of its path, free of links."""
        _require_a_path(path)
        if not self.inputs and self.output is None:
            raise AccessError("No folder to read from was given to this tool.")
        is_outside = True
        for root in () if self._leads_elsewhere(path) else self._readable():
            target = Path(os.path.realpath(root / path))
            if target.is_relative_to(root) and target != root:
                is_outside = False
                if os.access(target, os.F_OK):
                    return root, target.relative_to(root)
        if is_outside:
            raise AccessError(
                f"{path!r:.200} is outside of the folders this tool may read; "
                f"give a path relative to one of them. {self._offer()}"
            )
        raise AccessError(f"There is no file {path!r:.200}. {self._offer()}")

    def _leads_elsewhere(self, path: str) -> bool:
        """Whether a whole path, by the rules of any system, begins with none of the folders."""
        if not PureWindowsPath(path).anchor:  # which a POSIX path that begins with / has as well
            return False
        spelled = [*self._given, *self._readable(), *([self.output] if self.output else [])]
        flat = Path(os.path.normpath(path))
        return not any(flat.is_relative_to(os.path.normpath(root)) for root in spelled)

    def _readable(self) -> Iterator[Path]:
        yield from self.inputs
        if self.output is not None and _is_folder(self.output):
            yield Path(os.path.realpath(self.output))

    def _opened(self, root: Path, inside: Path) -> int:
        """A descriptor of a file, reached without following a link; other things stay unopened."""
        try:
            if not _ONE_AFTER_THE_OTHER:
                self._require_readable((root / inside).lstat(), inside)
                return os.open(root / inside, _OPEN)
            with _folder(root, inside.parts[:-1]) as folder:
                status = os.stat(inside.name, dir_fd=folder, follow_symlinks=False)
                self._require_readable(status, inside)
                return os.open(inside.name, _OPEN | os.O_NOFOLLOW, dir_fd=folder)
        except OSError as error:
            raise AccessError(f"{inside} cannot be read: {error.strerror or error}.") from error

    def _require_readable(self, status: os.stat_result, inside: Path) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise AccessError(f"{inside} is not a regular file. {self._offer()}")
        if status.st_size > self.max_bytes:
            raise AccessError(
                f"{inside} has {status.st_size:,} bytes; this tool reads up to {self.max_bytes:,}."
            )

    def _offer(self) -> str:
        """What there is instead, as a sentence a model can act on."""
        found = itertools.chain.from_iterable(_names(root) for root in self._readable())
        names = list(itertools.islice(found, _NAMES_COUNTED + 1))
        if not names:
            return "The folders are empty."
        others = len(names) - _NAMES_SHOWN
        more = (
            f" and {'many' if len(names) > _NAMES_COUNTED else others} more" if others > 0 else ""
        )
        return f"There are: {', '.join(map(repr, names[:_NAMES_SHOWN]))}{more}."


def resolve_access(
    access: FileAccess | None, inputs: Folder | Iterable[Folder], output: Folder | None
) -> FileAccess:
    """What the tools of an agent may touch, given in one of two ways.

    Raises:
        AccessError: A folder to read from is not there.
        ConfigurationError: Both ways were used, or no folder was given, or one without a name.
    """
    if access is not None and (inputs or output):
        raise ConfigurationError("Give access, or folders as inputs and output; not both.")
    access = access or FileAccess(inputs, output=output)
    if not access.inputs and access.output is None:
        raise ConfigurationError("Tools need a folder to read from (inputs) or write to (output).")
    return access


def _existing(folder: Folder) -> Path:
    path = Path(os.path.realpath(expand_user(folder)))
    if not _is_folder(path):
        raise AccessError(f"There is no folder {str(folder)!r:.500} to read recordings from.")
    return path


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  # that of pathlib raises errors, as of long names


def _require_a_path(path: object) -> None:
    if not isinstance(path, str) or not path.strip():
        raise AccessError("A path is needed: the name of a file in the folders of this tool.")
    if len(path) > _LONGEST_PATH or not path.isprintable():
        raise AccessError("That is no path: it is too long, or has characters no path should have.")
    if any(_RESERVED.fullmatch(part.strip()) for part in re.split(r"[\\/]", path)):
        raise AccessError(f"{path!r:.200} is the name of a device on some systems.")


def _names(root: Path) -> Iterator[str]:
    """The files of a folder, and then those of the folders below it; no links, nothing hidden."""
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(filter(_is_shown, folders))
        for name in sorted(filter(_is_shown, files)):
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                below = path.relative_to(root).as_posix()
                looks_whole = PureWindowsPath(below).anchor  # such as "M: review.ogg"
                yield f"./{below}" if looks_whole else below


def _is_shown(name: str) -> bool:
    return name.isprintable() and not name.startswith(".")


@contextlib.contextmanager
def _folder(root: Path, parts: tuple[str, ...]) -> Iterator[int]:
    """A descriptor of a folder, reached from the root one after the other."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)
