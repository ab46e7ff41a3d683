"""Run many concurrent transcriptions, sync or async, and print the figures as JSON.

`load.py` starts it.
"""

import argparse
import asyncio
import contextlib
import json
import threading
import time
import wave
from collections import Counter
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from apertis_audio_tools import ApertisAudio, Outcome, RateLimitError
from apertis_audio_tools.api.request import Request
from apertis_audio_tools.api.response import Response
from apertis_audio_tools.transport.retry import RetryPolicy, SystemClock

SECONDS, RATE = 3, 16_000
PAGE_BYTES = 4096


@dataclass(slots=True)
class Sent:
    """An attempt: the time it was permitted, and the time it was sent."""

    permitted: float
    at: float


@dataclass(slots=True)
class Limited:
    """A 429: the time it was read, and the time its reader began to wait because of it."""

    read: float
    known: float


_PERMITTED = ContextVar("_PERMITTED", default=float("inf"))
_LIMITED = ContextVar[Limited | None]("_LIMITED", default=None)


@dataclass
class Figures:
    """The figures of a run.

    Attributes:
        correct: Number of recordings with their own text.
        duplicates: Number of outcomes beyond the first of a recording.
        failed: Number of errors by class.
        seconds: Duration of the run.
        half: Peak memory in megabytes until half of the outcomes had arrived.
        peak: Peak memory in megabytes of the whole run.
        sent: All attempts.
        limited: All 429 responses.
    """

    correct: int = 0
    duplicates: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    half: float = 0.0
    peak: float = 0.0
    sent: list[Sent] = field(default_factory=list)
    limited: list[Limited] = field(default_factory=list)


def recordings(number: int) -> Iterator[tuple[str, bytes]]:
    """Return `number` recordings, each with a name of its own."""
    file = BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(RATE)
        writer.writeframes(bytes(2 * RATE * SECONDS))
    content = file.getvalue()
    return ((f"{each}.wav", content) for each in range(number))


class OutcomeCounter:
    """A counter of outcomes that measures the memory at each."""

    def __init__(self, number: int) -> None:
        self.figures = Figures()
        self._number = number
        self._indices: set[int] = set()
        self._start = time.monotonic()

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self.figures.duplicates += outcome.index in self._indices
        if outcome.error:
            self.figures.failed[type(outcome.error).__name__] += 1
        elif outcome.index not in self._indices:
            self.figures.correct += outcome.transcript.text == str(outcome.index)
        self._indices.add(outcome.index)
        self._measure_memory()

    def finish(self) -> Figures:
        """Return the figures of all outcomes."""
        self.figures.seconds = time.monotonic() - self._start
        return self.figures

    def _measure_memory(self) -> None:
        now = memory_megabytes()
        if len(self._indices) * 2 <= self._number:
            self.figures.half = max(self.figures.half, now)
        self.figures.peak = max(self.figures.peak, now)


def memory_megabytes() -> float:
    """Return the resident memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * PAGE_BYTES / 1e6


class RecordingClock(SystemClock):
    """The system's clock, which records when a thread or task begins to wait because of a 429.

    From then on, the client must not permit any request during the cooldown.
    """

    def sleep(self, seconds: float, wake: threading.Event) -> None:
        """Sleep in a thread."""
        record_known()
        super().sleep(seconds, wake)

    async def asleep(self, seconds: float) -> None:
        """Sleep on the event loop."""
        record_known()
        await super().asleep(seconds)


def record_known() -> None:
    """Record that the 429 this thread or task has read is known to the client."""
    if limited := _LIMITED.get():
        limited.known = min(limited.known, time.monotonic())


def record_attempts(audio: ApertisAudio, figures: Figures) -> None:
    """Record every attempt of a client, by the clock that the server uses too.

    A sender that was permitted before a 429 was known may be delayed, and send long after it.
    """
    seconds_until_allowed = RetryPolicy.seconds_until_allowed

    def recording_wait(retry: RetryPolicy, *args: Any) -> float:
        _PERMITTED.set(time.monotonic())
        return seconds_until_allowed(retry, *args)

    RetryPolicy.seconds_until_allowed = recording_wait  # type: ignore[assignment, method-assign]
    transport = audio._transport  # noqa: SLF001  # only this benchmark needs it
    send, asend = transport.send, transport.asend

    @contextlib.contextmanager
    def recording() -> Iterator[None]:
        now = time.monotonic()
        figures.sent.append(Sent(min(_PERMITTED.get(), now), now))
        _PERMITTED.set(float("inf"))
        try:
            yield
        except RateLimitError:
            figures.limited.append(Limited(time.monotonic(), float("inf")))
            _LIMITED.set(figures.limited[-1])
            raise

    def recording_send(request: Request, within: float) -> Response:
        with recording():
            return send(request, within)

    async def recording_asend(request: Request, within: float) -> Response:
        with recording():
            return await asend(request, within)

    transport.send, transport.asend = recording_send, recording_asend  # type: ignore[method-assign]


async def atranscribe(audio: ApertisAudio, number: int, counter: OutcomeCounter) -> None:
    """Transcribe all recordings on the event loop."""
    async with audio:
        sources = recordings(number)
        async for outcome in audio.atranscribe_many(sources, in_order=False, on_error="skip"):
            counter.add(outcome)


def transcribe(audio: ApertisAudio, number: int, counter: OutcomeCounter) -> None:
    """Transcribe all recordings in threads."""
    with audio:
        sources = recordings(number)
        for outcome in audio.transcribe_many(sources, in_order=False, on_error="skip"):
            counter.add(outcome)


def main() -> None:
    """Transcribe all recordings and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("mode", choices=["sync", "async"])
    parser.add_argument("number", type=int)
    parser.add_argument("concurrency", type=int)
    arguments = parser.parse_args()
    audio = ApertisAudio(
        "key-of-a-benchmark",
        base_url=arguments.url,
        max_concurrency=arguments.concurrency,
        requests_per_minute=None,
        clock=RecordingClock(),
    )
    counter = OutcomeCounter(arguments.number)
    record_attempts(audio, counter.figures)
    if arguments.mode == "async":
        asyncio.run(atranscribe(audio, arguments.number, counter))
    else:
        transcribe(audio, arguments.number, counter)
    print(json.dumps(asdict(counter.finish())))


if __name__ == "__main__":
    main()
