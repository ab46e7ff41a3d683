"""Files that appear under their name when they are complete, or not at all."""

import contextlib
import os
import secrets
import stat
from pathlib import Path
from typing import BinaryIO, Self

from apertis_audio_tools.errors import OutputError


class AtomicFile:
    """A draft beside its target path; `create` it, write to `file`, then `commit` or `discard` it.

    As a context manager it commits at the end and discards the draft after an error.

    Attributes:
        path: Target path.
        file: The draft, open for writing and reading.
    """

    def __init__(self, path: Path, draft: Path, file: BinaryIO, *, overwrite: bool) -> None:
        self.path = path
        self.file = file
        self._draft = draft
        self._overwrite = overwrite

    @classmethod
    def create(cls, path: str | os.PathLike[str], *, overwrite: bool = False) -> Self:
        """Create a draft, after checking that it can be committed.

        Raises:
            OutputError: If the path exists (unless `overwrite`) or the folder is not writable.
        """
        target = Path(path)
        try:
            _require_free(target, overwrite=overwrite)
            draft = target.with_name(f".{secrets.token_hex(8)}.part")
            descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except (OSError, ValueError) as error:
            raise _output_error(target, error) from error
        return cls(target, draft, os.fdopen(descriptor, "w+b"), overwrite=overwrite)

    def commit(self) -> None:
        """Move the complete draft to its target path in one step.

        Raises:
            OutputError: If the path exists by now, or the disk is full; the draft is discarded.
        """
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()
            if self._overwrite:
                self._draft.replace(self.path)
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
        with contextlib.suppress(OSError):
            self._draft.unlink()

    def _move_to_free_path(self) -> None:
        # A hard link fails where a rename would replace a file that was created meanwhile.
        try:
            os.link(self._draft, self.path)
        except OSError as error:
            # Anything but an existing target means a file system without hard links.
            if isinstance(error, FileExistsError) or os.path.lexists(self.path):
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


def _output_error(target: Path, error: OSError | ValueError) -> OutputError:
    reason = getattr(error, "strerror", None) or error
    return OutputError(f"{target} cannot be written: {reason}.")
