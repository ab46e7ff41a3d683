"""The interface of speech recognisers, and recognition off the event loop."""

import zlib
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Protocol

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request

from apertis_audio_tools.sandbox.error_responses import ErrorResponse


@dataclass(frozen=True)
class SpokenWord:
    """A word with its punctuation, and its start and end in seconds of the recording."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class SpeechSegment:
    """A segment of speech: start and end in seconds of the recording, and its text.

    The statistics are those of Whisper. Words and tokens are empty if the recogniser has none.
    """

    start: float
    end: float
    text: str
    avg_logprob: float = 0.0
    no_speech_prob: float = 0.0
    tokens: tuple[int, ...] = ()
    words: tuple[SpokenWord, ...] = ()


class Recogniser(Protocol):
    """A speech recognition engine.

    `recognise` is called in a thread, for several requests at once, and its iterator may be
    dropped halfway.
    """

    def recognise(self, pcm: bytes, /) -> Iterable[SpeechSegment]:
        """Return the segments of a recording in order of time, lazily if that is practical.

        Args:
            pcm: Signed 16-bit little-endian mono samples at 16,000 Hz.
        """


class RecogniserStopped(RuntimeError):  # noqa: N818 -- it says what happened
    """The recogniser ended before the recording did."""


async def recognise(request: Request, pcm: bytes) -> list[SpeechSegment]:
    """Recognise samples with the recogniser of the app, as long as the client stays connected."""
    recogniser: Recogniser = request.app.state.recogniser
    lazy_segments = await run_in_threadpool(recogniser.recognise, pcm)
    segments: list[SpeechSegment] = []
    try:
        async for segment in iterate_in_threadpool(lazy_segments):
            segments.append(segment)
            if await request.is_disconnected():
                raise ErrorResponse(400, "invalid_request", "The client has gone.")
    except RecogniserStopped as error:
        raise ErrorResponse(503, "service_unavailable", str(error)) from None
    finally:
        if isinstance(lazy_segments, Generator):
            lazy_segments.close()
    return segments


def compression_ratio(text: str) -> float:
    """Return the size of a text divided by its size compressed, which is high if it repeats."""
    content = text.encode()
    return len(content) / max(1, len(zlib.compress(content)))
