"""Spoken answers the sandbox has given, so that later requests may refer to them."""

import time
import uuid
from collections import OrderedDict
from typing import Final

SECONDS_KEPT: Final = 3600
_MOST_KEPT: Final = 10_000


class SpokenAnswers:
    """The transcripts of spoken answers by id, each for an hour."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[int, str]] = OrderedDict()

    def add(self, transcript: str) -> tuple[str, int]:
        """Keep a transcript; give its id and the Unix time it expires at."""
        identifier = f"audio_{uuid.uuid4().hex}"
        expires_at = int(time.time()) + SECONDS_KEPT
        self._kept[identifier] = (expires_at, transcript)
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)
        return identifier, expires_at

    def transcript(self, identifier: str) -> str | None:
        """What was said, or None for an id that is unknown or has expired."""
        expires_at, transcript = self._kept.get(identifier, (0, ""))
        return transcript if expires_at > time.time() else None
