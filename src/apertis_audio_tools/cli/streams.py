"""The standard streams, whatever a system believes of them."""

import io
import sys
from pathlib import Path

from apertis_audio_tools.errors import UnsupportedError


def show_any_character() -> None:
    """Pipes and files get UTF-8; a terminal keeps its encoding, and escapes what it cannot show.

    On Windows a pipe would get the encoding of old programs, in which most scripts of the world
    cannot be written, and an error after the work was paid for.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def text_of(file: Path | None) -> str:
    """A text in UTF-8, from a file or from standard input.

    Raises:
        UnsupportedError: It cannot be read, or is no text in UTF-8.
    """
    name = file or "Standard input"
    try:
        data = file.read_bytes() if file else _piped()
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise UnsupportedError(f"{name} is no text in UTF-8 (byte {error.start}).") from None
    except OSError as error:
        raise UnsupportedError(f"{name} cannot be read: {error.strerror or error}.") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _piped() -> bytes:
    if sys.stdin is None:
        raise UnsupportedError("Standard input is closed; give the text, or --file.")
    return sys.stdin.buffer.read()
