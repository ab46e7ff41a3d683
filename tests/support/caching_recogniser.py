"""A speech recogniser for the sandbox that many tests share."""

import hashlib
from collections.abc import Sequence

from apertis_audio_tools.sandbox import Recogniser, SpeechSegment


class CachingRecogniser:
    """A recogniser that caches the results of another one by the digest of the samples.

    The engines of the sandbox are deterministic, and many tests send the same clip. The
    tests of the sandbox itself use its engines directly.

    Args:
        engine: Recogniser whose results are cached.
    """

    def __init__(self, engine: Recogniser) -> None:
        self._engine = engine
        self._segments: dict[bytes, Sequence[SpeechSegment]] = {}

    def recognise(self, pcm: bytes, /) -> Sequence[SpeechSegment]:
        """Return the segments of a recording."""
        digest = hashlib.sha256(pcm).digest()
        if digest not in self._segments:
            self._segments[digest] = tuple(self._engine.recognise(pcm))
        return self._segments[digest]
