"""Detect API keys and audio of the tests in texts, in any encoding they may have there."""

import binascii
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

KEYS = re.compile(r"\bsk-(?:sub[-_])?[A-Za-z0-9]\w{3}[\w-]*|\bkey-of-a-test\b")
"""Keys of tests begin with ``sk-`` or are the loopback server's, so that they can be recognised."""

_WINDOW = 12
"""Bytes that identify audio, unless they are silence or text."""
_MIN_DISTINCT_BYTES = 8
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")
_HEX = re.compile(r"[0-9a-fA-F]{24,}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{20,}")
_SIMPLE_ESCAPES = {rb"\n": b"\n", rb"\r": b"\r", rb"\t": b"\t", rb"\\": b"\\", rb"\'": b"'"}


class LeakDetector:
    """A detector of keys and of parts of given recordings.

    Args:
        recordings: Audio that must not appear. Any 24 consecutive bytes of it are found: raw, as
            Python or hexadecimal literals, and in base64 at any alignment. Defaults to none.
    """

    def __init__(self, recordings: Iterable[bytes] = ()) -> None:
        self._windows = frozenset(window for audio in recordings for window in _windows_of(audio))

    def in_text(self, text: str) -> list[str]:
        """Return a description of each kind of leak found in a text."""
        leaks = [f"the key {key!r}" for key in sorted(set(KEYS.findall(text)))]
        if any(self._has_audio(content) for content in _contents(text)):
            leaks.append("audio")
        return leaks

    def _has_audio(self, content: bytes) -> bool:
        starts = range(len(content) - _WINDOW + 1)
        return any(content[start : start + _WINDOW] in self._windows for start in starts)


def detector_for(folder: Path) -> LeakDetector:
    """Return a detector of the recordings in a folder."""
    recordings = (path for path in sorted(folder.iterdir()) if path.suffix not in {".md", ".py"})
    return LeakDetector(path.read_bytes() for path in recordings)


def _windows_of(audio: bytes) -> Iterator[bytes]:
    for start in range(0, len(audio) - _WINDOW + 1, _WINDOW):
        window = audio[start : start + _WINDOW]
        if len(set(window)) >= _MIN_DISTINCT_BYTES and not window.isascii():
            yield window


def _contents(text: str) -> Iterator[bytes]:
    """Yield the bytes that a text may encode."""
    if not text.isascii():
        yield text.encode("latin-1", "replace")
        yield text.encode("utf-8", "surrogateescape" if _is_escaped(text) else "replace")
    if "\\x" in text:
        yield _unescaped(text.encode("utf-8", "replace"))
    for run in _HEX.findall(text):
        yield bytes.fromhex(run[: len(run) // 2 * 2])
        yield bytes.fromhex(run[1 : 1 + (len(run) - 1) // 2 * 2])
    for run in _BASE64.findall(text):
        for start in range(4):
            yield binascii.a2b_base64(run[start : start + (len(run) - start) // 4 * 4])


def _is_escaped(text: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in text)


def _unescaped(text: bytes) -> bytes:
    for escape, byte in _SIMPLE_ESCAPES.items():
        text = text.replace(escape, byte)
    return _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode()), text)
