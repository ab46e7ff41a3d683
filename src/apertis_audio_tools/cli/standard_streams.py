"""Standard input and output with defined encodings, and arguments of text or of standard input."""

import contextlib
import io
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import typer

from apertis_audio_tools.cli.terminal import escape_controls
from apertis_audio_tools.errors import OutputError, UnsupportedError

if TYPE_CHECKING:
    from apertis_audio_tools.audio import Source

STDIN = "-"
_UNDECODED = re.compile("[\udc80-\udcff]")
"""Bytes of an argument that the locale's encoding has no characters for."""


def configure_streams() -> None:
    """Use UTF-8 for pipes and files, and escapes for characters a terminal cannot show.

    On Windows, the default encoding of pipes cannot represent most scripts, so that printing would
    fail after the request was paid for.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def is_terminal_output() -> bool:
    """Return whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()


def require_output() -> None:
    """Raise `OutputError` if standard output is closed."""
    if sys.stdout is None:
        raise OutputError("Standard output is closed; redirect it, or name an output file.")


def print_result(text: object) -> None:
    """Write a result to standard output: exactly, or with escapes on a terminal.

    Raises:
        OutputError: If standard output is closed or cannot be written.
    """
    require_output()
    try:
        # With `color`, click does not remove what looks like a color from files and pipes.
        typer.echo(escape_controls(str(text)) if is_terminal_output() else text, color=True)
    except BrokenPipeError:  # click exits silently when the reader of a pipe has gone
        raise
    except OSError as error:
        _discard_output()
        reason = error.strerror or error
        raise OutputError(f"Standard output cannot be written: {reason}.") from error


def _discard_output() -> None:
    """Lead standard output nowhere, or Python would write the rest at its end, and fail again."""
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def open_input(file: str | Path) -> "Source":
    """Return the source of a recording: a file or standard input.

    Raises:
        UnsupportedError: If standard input is closed.
    """
    return (str(input_name(file)), _binary_stdin()) if str(file) == STDIN else file


def input_name(file: str | Path) -> Path:
    """Return the name of an input for messages and output files."""
    return Path("stdin" if str(file) == STDIN else file)


def require_regular_files(files: Sequence[Path] | None) -> Sequence[Path] | None:
    """Refuse pipes other than standard input, because recordings are read more than once."""
    names = [str(file) for file in files or ()]
    if names.count(STDIN) > 1:
        raise typer.BadParameter("Standard input can be read only once: name - once.")
    for name in names:
        if name != STDIN and not Path(name).is_file():
            raise typer.BadParameter(
                f"{name!r} is not a regular file; send it to standard input, and name it -."
            )
    return files


def decode_arguments(texts: list[str] | None) -> list[str]:
    """Return text arguments; see `decode_argument`."""
    return [decoded for text in texts or () if (decoded := decode_argument(text)) is not None]


def decode_argument(text: str | None) -> str | None:
    """Return a text argument, read as UTF-8 if the locale's encoding cannot represent it.

    In the C locale every character beyond ASCII would be refused, although terminals use UTF-8.
    """
    if text is None or not _UNDECODED.search(text):
        return text
    try:
        return os.fsencode(text).decode()
    except UnicodeError:
        raise typer.BadParameter(
            "The text is not UTF-8. Use a terminal and a locale with UTF-8, such as LC_ALL=C.UTF-8."
        ) from None


def read_text(file: Path | None) -> str:
    """Read a UTF-8 text from a file or from standard input.

    Raises:
        UnsupportedError: If it cannot be read or is not UTF-8.
    """
    name = file or "Standard input"
    try:
        data = file.read_bytes() if file else _binary_stdin().read()
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UnsupportedError(f"{name} is not UTF-8 text (byte {error.start}).") from None
    except OSError as error:
        raise UnsupportedError(f"{name} cannot be read: {error.strerror or error}.") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _binary_stdin() -> BinaryIO:
    if sys.stdin is None:
        raise UnsupportedError("Standard input is closed; name a file instead of -.")
    return sys.stdin.buffer
