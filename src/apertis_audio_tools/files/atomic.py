"""Files that appear under their name when they are complete, or not at all."""

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import BinaryIO, Self

from apertis_audio_tools.errors import OutputError


class AtomicFile:
    """A file in the making, beside the place it will have; `create` one, then `commit` it.

    As a context manager it commits at the end, or leaves nothing behind after an error.

    Attributes:
        path: Where it will be.
        file: Open for writing and reading.
    """

    def __init__(self, path: Path, draft: Path, file: BinaryIO, *, overwrite: bool) -> None:
        self.path = path
        self.file = file
        self._draft = draft
        self._overwrite = overwrite

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, overwrite: bool = False) -> Self:
        """Begin a file, having made sure that it can be finished.

        Raises:
            OutputError: The name is taken (unless `overwrite`) or the folder cannot be written.
        """
        target = Path(path)
        try:
            _require_free(target, overwrite=overwrite)
            draft = target.with_name(f".{secrets.token_hex(8)}.part")
            handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except (OSError, ValueError) as error:
            raise OutputError(f"{target} cannot be written: {_why(error)}.") from error
        return cls(target, draft, os.fdopen(handle, "w+b"), overwrite=overwrite)

    def commit(self) -> None:
        """Give the complete file its name, in one step.

        Raises:
            OutputError: The name was taken meanwhile, or the disk is full; nothing is left.
        """
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()
            if self._overwrite:
                self._draft.replace(self.path)
            else:
                self._claim()
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {_why(error)}.") from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(OSError):
            self.file.close()
        with contextlib.suppress(OSError):
            self._draft.unlink()

    def _claim(self) -> None:
        """A link fails where a rename would replace a file that came meanwhile."""
        try:
            os.link(self._draft, self.path)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if os.path.lexists(self.path):
                raise
            self._draft.rename(self.path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.commit()
        else:
            self.discard()


def _require_free(target: Path, *, overwrite: bool) -> None:
    try:
        mode = target.lstat().st_mode
    except FileNotFoundError:
        return
    if target.is_dir():
        raise OutputError(f"{target} is a directory.")
    if not overwrite:
        raise OutputError(f"{target} exists and is kept; overwrite replaces it.")
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise OutputError(f"{target} is not a regular file; it is not replaced.")


def _why(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)
