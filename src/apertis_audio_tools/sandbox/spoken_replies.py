"""Spoken replies that later requests may refer to by their ids."""

import sys
import time
import uuid
from collections import OrderedDict
from typing import Final

SECONDS_KEPT: Final = 3600
MAX_BYTES: Final = 4 * 1024 * 1024
"""Memory for transcripts, each with its id; the speech itself is not kept."""

_ENTRY_BYTES: Final = 512


class SpokenReplies:
    """Transcripts of spoken replies by id, each kept for an hour.

    If they need more than `MAX_BYTES`, the least recently used are dropped, as if they had expired.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, str]] = OrderedDict()
        self._bytes = 0

    def add(self, transcript: str) -> tuple[str, int]:
        """Keep a transcript; return its id and the Unix time at which it expires."""
        identifier = f"audio_{uuid.uuid4().hex}"
        expires_at = int(time.time()) + SECONDS_KEPT
        self._kept[identifier] = (expires_at, transcript)
        self._bytes += _size(transcript)
        while self._bytes > MAX_BYTES:
            self._drop(next(iter(self._kept)))
        return identifier, expires_at

    def transcript(self, identifier: str) -> str | None:
        """Return the transcript of a reply, or None if the id is unknown or has expired."""
        if identifier not in self._kept:
            return None
        expires_at, transcript = self._kept[identifier]
        if expires_at <= time.time():
            self._drop(identifier)
            return None
        self._kept.move_to_end(identifier)
        return transcript

    def _drop(self, identifier: str) -> None:
        _, transcript = self._kept.pop(identifier)
        self._bytes -= _size(transcript)


def _size(transcript: str) -> int:
    return sys.getsizeof(transcript) + _ENTRY_BYTES
