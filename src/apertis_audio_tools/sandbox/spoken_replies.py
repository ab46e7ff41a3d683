"""Spoken replies that later requests may refer to by their ids."""

import time
import uuid
from collections import OrderedDict
from typing import Final

SECONDS_KEPT: Final = 3600
_MAX_KEPT: Final = 10_000


class SpokenReplies:
    """Transcripts of spoken replies by id, each kept for an hour."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, str]] = OrderedDict()

    def add(self, transcript: str) -> tuple[str, int]:
        """Keep a transcript; return its id and the Unix time at which it expires."""
        identifier = f"audio_{uuid.uuid4().hex}"
        expires_at = int(time.time()) + SECONDS_KEPT
        self._kept[identifier] = (expires_at, transcript)
        if len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)
        return identifier, expires_at

    def transcript(self, identifier: str) -> str | None:
        """Return the transcript of a reply, or None if the id is unknown or has expired."""
        expires_at, transcript = self._kept.get(identifier, (0, ""))
        return transcript if expires_at > time.time() else None
