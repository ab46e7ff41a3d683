"""What of a key or of the audio of the tests can be seen in a text, whatever form it has there."""

import binascii
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

KEYS = re.compile(r"\bsk-(?:sub[-_])?[A-Za-z0-9]\w{3}[\w-]*|\bkey-of-a-test\b")
"""Keys of tests begin with ``sk-`` or are the loopback server's, so that they can be recognised."""

_WINDOW = 12
"""Bytes that tell audio from anything else, if they are not silence or a head of fields."""
_LEAST_VARIETY = 8
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")
_HEX = re.compile(r"[0-9a-fA-F]{24,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{20,}")
_SIMPLE_ESCAPES = {rb"\n": b"\n", rb"\r": b"\r", rb"\t": b"\t", rb"\\": b"\\", rb"\'": b"'"}


class Leaks:
    """Looks for keys, and for pieces of given recordings.

    Args:
        recordings: The audio that must not be seen; any 24 bytes of it in a row are found, as
            they are, as Python or hexadecimal writes them, and in base64 from wherever it begins.
    """

    def __init__(self, recordings: Iterable[bytes] = ()) -> None:
        self._windows = frozenset(window for audio in recordings for window in _steps(audio))

    def in_text(self, text: str) -> list[str]:
        """A sentence for each kind of leak."""
        found = [f"the key {key!r}" for key in sorted(set(KEYS.findall(text)))]
        if any(self._has_audio(content) for content in _contents(text)):
            found.append("audio")
        return found

    def _has_audio(self, content: bytes) -> bool:
        places = range(len(content) - _WINDOW + 1)
        return any(content[place : place + _WINDOW] in self._windows for place in places)


def leaks_of(folder: Path) -> Leaks:
    """Leaks of the recordings in a folder."""
    recordings = (path for path in sorted(folder.iterdir()) if path.suffix not in {".md", ".py"})
    return Leaks(path.read_bytes() for path in recordings)


def _steps(audio: bytes) -> Iterator[bytes]:
    for start in range(0, len(audio) - _WINDOW + 1, _WINDOW):
        window = audio[start : start + _WINDOW]
        if len(set(window)) >= _LEAST_VARIETY and not window.isascii():
            yield window


def _contents(text: str) -> Iterator[bytes]:
    """The bytes that a text may stand for."""
    if not text.isascii():
        yield text.encode("latin-1", "replace")
        yield text.encode("utf-8", "surrogateescape" if _is_escaped(text) else "replace")
    if "\\x" in text:
        yield _unescaped(text.encode("utf-8", "replace"))
    for run in _HEX.findall(text):
        yield bytes.fromhex(run[: len(run) // 2 * 2])
        yield bytes.fromhex(run[1 : 1 + (len(run) - 1) // 2 * 2])
    for run in _BASE64.findall(text):
        for begin in range(4):
            whole = run[begin : begin + (len(run) - begin) // 4 * 4]
            yield binascii.a2b_base64(whole)


def _is_escaped(text: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in text)


def _unescaped(text: bytes) -> bytes:
    for written, meant in _SIMPLE_ESCAPES.items():
        text = text.replace(written, meant)
    return _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), text)
