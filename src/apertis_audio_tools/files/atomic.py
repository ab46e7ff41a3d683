"""Files that appear under their name when they are complete, or not at all."""

import contextlib
import os
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

from apertis_audio_tools.errors import OutputError


@dataclass(frozen=True, slots=True)
class FileInFolder(os.PathLike[str]):
    """Path of a file in a folder that is open, so that a link in its place is not followed.

    Attributes:
        path: The path.
        folder: Descriptor of the folder; None where the system has no descriptors of folders.
    """

    path: Path
    folder: int | None

    def __fspath__(self) -> str:
        return str(self.path)


class AtomicFile:
    """A draft beside its target path; `create` it, write to `file`, then `commit` or `discard` it.

    As a context manager it commits at the end and discards the draft after an error. Where the
    system has files without a name, the draft is one, so that nothing is left of a killed process.

    Attributes:
        path: Target path.
        file: The draft, open for writing and reading.
    """

    def __init__(
        self, path: Path, folder: int | None, draft: str | None, file: BinaryIO, *, overwrite: bool
    ) -> None:
        self.path = path
        self.file = file
        self._folder = folder
        self._draft = draft
        self._overwrite = overwrite

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, overwrite: bool = False) -> Self:
        """Create a draft, after checking that it can be committed.

        Raises:
            OutputError: If the path exists (unless `overwrite`) or the folder is not writable.
        """
        target = Path(path)
        folder = None
        try:
            folder = _open_folder(path)
            _require_free(target, folder, overwrite=overwrite)
            descriptor, draft = _open_draft(target, folder)
        except (OSError, ValueError, OutputError) as error:
            _close_folder(folder)
            if isinstance(error, OutputError):
                raise
            raise _output_error(target, error) from error
        return cls(target, folder, draft, os.fdopen(descriptor, "w+b"), overwrite=overwrite)

    def commit(self) -> None:
        """Give the complete draft its target path in one step.

        Raises:
            OutputError: If the path exists by now, or the disk is full; the draft is discarded.
        """
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            if self._draft is not None:
                self.file.close()
            if self._overwrite:
                self._rename()
            else:
                self._move_to_free_path()
        except OSError as error:
            raise _output_error(self.path, error) from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Close and delete the draft, if it still exists."""
        with contextlib.suppress(OSError):
            self.file.close()
        if self._draft is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._locate(self._draft), dir_fd=self._folder)  # pathlib has no dir_fd
        folder, self._folder, self._draft = self._folder, None, None
        _close_folder(folder)

    def _move_to_free_path(self) -> None:
        # A hard link fails where a rename would replace a file that was created meanwhile.
        try:
            self._link(self.path.name)
        except OSError as error:
            # Anything but an existing target means a file system without hard links.
            if isinstance(error, FileExistsError) or os.path.lexists(self.path):
                raise
            self._rename()

    def _rename(self) -> None:
        """Move the draft to its target path, which it replaces; name it first if necessary."""
        draft = self._draft or self._name_draft()
        source, target = self._locate(draft), self._locate(self.path.name)
        os.replace(source, target, src_dir_fd=self._folder, dst_dir_fd=self._folder)

    def _name_draft(self) -> str:
        name = _draft_name()
        try:
            self._link(name)
        except OSError:  # Without /proc, an unnamed file cannot get a name.
            self._copy_to(name)
        finally:
            self._draft = name
        return name

    def _link(self, name: str) -> None:
        """Create a hard link to the draft."""
        folder, target = self._folder, self._locate(name)
        if self._draft is None:
            os.link(f"/proc/self/fd/{self.file.fileno()}", target, dst_dir_fd=folder)
        else:
            os.link(self._locate(self._draft), target, src_dir_fd=folder, dst_dir_fd=folder)

    def _copy_to(self, name: str) -> None:
        with os.fdopen(_open_new(self._locate(name), self._folder), "wb") as copy:
            self.file.seek(0)
            shutil.copyfileobj(self.file, copy)
            copy.flush()
            os.fsync(copy.fileno())

    def _locate(self, name: str) -> str:
        return _locate(self.path, name, self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.commit()
        else:
            self.discard()


def _open_folder(path: str | os.PathLike[str]) -> int | None:
    """Return a descriptor of the folder of a path, where an unnamed draft needs one, or None."""
    if isinstance(path, FileInFolder):
        return None if path.folder is None else os.dup(path.folder)
    if hasattr(os, "O_TMPFILE"):
        return os.open(Path(path).parent, os.O_PATH | os.O_DIRECTORY)
    return None


def _close_folder(folder: int | None) -> None:
    if folder is not None:
        os.close(folder)


def _open_draft(target: Path, folder: int | None) -> tuple[int, str | None]:
    """Return the descriptor of a new draft, and its name if it has one."""
    if folder is not None and hasattr(os, "O_TMPFILE"):
        with contextlib.suppress(OSError):  # Not every file system has unnamed files.
            return os.open(".", os.O_RDWR | os.O_TMPFILE, 0o666, dir_fd=folder), None
    name = _draft_name()
    return _open_new(_locate(target, name, folder), folder), name


def _open_new(path: str, folder: int | None) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666, dir_fd=folder)


def _draft_name() -> str:
    return f".{secrets.token_hex(8)}.part"


def _locate(target: Path, name: str, folder: int | None) -> str:
    """Return a name beside the target, as a path from `folder` if that is open."""
    return str(target.parent / name) if folder is None else name


def _require_free(target: Path, folder: int | None, *, overwrite: bool) -> None:
    path = _locate(target, target.name or ".", folder)
    try:
        mode = os.stat(path, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode) or target.is_dir():
        raise OutputError(f"{target} is a directory.")
    if not overwrite:
        raise OutputError(f"{target} exists and is kept; overwrite replaces it.")
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise OutputError(f"{target} is not a regular file; it is not replaced.")


def _output_error(target: Path, error: OSError | ValueError) -> OutputError:
    reason = getattr(error, "strerror", None) or error
    return OutputError(f"{target} cannot be written: {reason}.")
