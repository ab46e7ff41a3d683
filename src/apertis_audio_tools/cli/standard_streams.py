"""The standard streams, whatever a system believes of them."""

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import typer

from apertis_audio_tools.audio import Source
from apertis_audio_tools.errors import UnsupportedError

STDIN = "-"


def configure_streams() -> None:
    """Pipes and files get UTF-8; a terminal keeps its encoding, and escapes what it cannot show.

    On Windows a pipe would get the encoding of old programs, in which most scripts of the world
    cannot be written, and an error after the work was paid for.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def open_input(file: str | Path) -> Source:
    """A recording in a file, or in standard input.

    Raises:
        UnsupportedError: Standard input is closed.
    """
    return (str(input_name(file)), _piped()) if str(file) == STDIN else file


def input_name(file: str | Path) -> Path:
    """What messages and files of transcripts are called after."""
    return Path("stdin" if str(file) == STDIN else file)


def require_readable_once(files: Sequence[Path] | None) -> Sequence[Path] | None:
    """Refuse pipes, which a recording cannot be read from again, except for standard input."""
    named = [str(file) for file in files or ()]
    if named.count(STDIN) > 1:
        raise typer.BadParameter("Standard input can be read only once: name - once.")
    for file in named:
        if file != STDIN and not Path(file).is_file():
            raise typer.BadParameter(
                f"{file!r} is not a regular file; send it to standard input, and name it -."
            )
    return files


def read_text(file: Path | None) -> str:
    """A text in UTF-8, from a file or from standard input.

    Raises:
        UnsupportedError: It cannot be read, or is no text in UTF-8.
    """
    name = file or "Standard input"
    try:
        data = file.read_bytes() if file else _piped().read()
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UnsupportedError(f"{name} is no text in UTF-8 (byte {error.start}).") from None
    except OSError as error:
        raise UnsupportedError(f"{name} cannot be read: {error.strerror or error}.") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _piped() -> BinaryIO:
    if sys.stdin is None:
        raise UnsupportedError("Standard input is closed; name a file instead of -.")
    return sys.stdin.buffer
