"""Many transcriptions at once, in one colour; what came of them, in JSON. `load.py` starts it."""

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
    """An attempt: when its sender last asked whether it may, and when it was sent."""

    asked: float
    at: float


@dataclass(slots=True)
class Limited:
    """A "too many": when it had been read, and when whoever read it went to sleep over it."""

    heard: float
    known: float


_ASKED = ContextVar("_ASKED", default=float("inf"))
_LIMITED = ContextVar[Limited | None]("_LIMITED", default=None)


@dataclass
class Figures:
    """What came of it.

    Attributes:
        right: Recordings whose text is their own, each counted once.
        again: Outcomes beyond the first of a recording.
        failed: The errors of those that have none.
        seconds: From the first to the last.
        half: Megabytes of memory when half of the outcomes were there.
        most: The most after that.
        sent: Each attempt.
        limited: Each "too many".
    """

    right: int = 0
    again: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    half: float = 0.0
    most: float = 0.0
    sent: list[Sent] = field(default_factory=list)
    limited: list[Limited] = field(default_factory=list)


def recordings(number: int) -> Iterator[tuple[str, bytes]]:
    """So many, each under a name of its own."""
    file = BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        sound.writeframes(bytes(2 * RATE * SECONDS))
    content = file.getvalue()
    return ((f"{each}.wav", content) for each in range(number))


class Ledger:
    """Counts outcomes, and looks at the memory at each."""

    def __init__(self, number: int) -> None:
        self.figures = Figures()
        self._number = number
        self._seen: set[int] = set()
        self._began = time.monotonic()

    def enter(self, outcome: Outcome) -> None:
        """One more."""
        self.figures.again += outcome.index in self._seen
        if outcome.error:
            self.figures.failed[type(outcome.error).__name__] += 1
        elif outcome.index not in self._seen:
            self.figures.right += outcome.transcript.text == str(outcome.index)
        self._seen.add(outcome.index)
        self._weigh()

    def close(self) -> Figures:
        """All of them."""
        self.figures.seconds = time.monotonic() - self._began
        return self.figures

    def _weigh(self) -> None:
        now = resident()
        if len(self._seen) * 2 <= self._number:
            self.figures.half = max(self.figures.half, now)
        self.figures.most = max(self.figures.most, now)


def resident() -> float:
    """Megabytes of memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * PAGE_BYTES / 1e6


class Sleeping(SystemClock):
    """The system's clock; who goes to sleep over a "too many" knows of it, and so has the others.

    From then on the client has no excuse.
    """

    def sleep(self, seconds: float, wake: threading.Event) -> None:
        """Sleep in a thread."""
        know()
        super().sleep(seconds, wake)

    async def asleep(self, seconds: float) -> None:
        """Sleep on the event loop."""
        know()
        await super().asleep(seconds)


def know() -> None:
    """Note that what this thread or task has heard is known by now."""
    if limited := _LIMITED.get():
        limited.known = min(limited.known, time.monotonic())


def note_attempts(audio: ApertisAudio, figures: Figures) -> None:
    """Have every attempt of a client noted, by the clock that the server has too.

    Whoever asked before a "too many" was known may well be held up, and send long after.
    """
    seconds_until_allowed = RetryPolicy.seconds_until_allowed

    def noted_wait(retry: RetryPolicy, *args: Any) -> float:
        _ASKED.set(time.monotonic())
        return seconds_until_allowed(retry, *args)

    RetryPolicy.seconds_until_allowed = noted_wait  # type: ignore[assignment, method-assign]
    transport = audio._transport  # noqa: SLF001  # nobody else needs to know
    send, asend = transport.send, transport.asend

    @contextlib.contextmanager
    def noted() -> Iterator[None]:
        now = time.monotonic()
        figures.sent.append(Sent(min(_ASKED.get(), now), now))
        _ASKED.set(float("inf"))
        try:
            yield
        except RateLimitError:
            figures.limited.append(Limited(time.monotonic(), float("inf")))
            _LIMITED.set(figures.limited[-1])
            raise

    def noted_send(request: Request, within: float) -> Response:
        with noted():
            return send(request, within)

    async def noted_asend(request: Request, within: float) -> Response:
        with noted():
            return await asend(request, within)

    transport.send, transport.asend = noted_send, noted_asend  # type: ignore[method-assign]


async def atranscribe(audio: ApertisAudio, number: int, ledger: Ledger) -> None:
    """On the event loop."""
    async with audio:
        sources = recordings(number)
        async for outcome in audio.atranscribe_many(sources, in_order=False, on_error="skip"):
            ledger.enter(outcome)


def transcribe(audio: ApertisAudio, number: int, ledger: Ledger) -> None:
    """In threads."""
    with audio:
        sources = recordings(number)
        for outcome in audio.transcribe_many(sources, in_order=False, on_error="skip"):
            ledger.enter(outcome)


def main() -> None:
    """Transcribe them all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("colour", choices=["sync", "async"])
    parser.add_argument("number", type=int)
    parser.add_argument("at_once", type=int)
    given = parser.parse_args()
    audio = ApertisAudio(
        "key-of-a-benchmark",
        base_url=given.url,
        max_concurrency=given.at_once,
        requests_per_minute=None,
        clock=Sleeping(),
    )
    ledger = Ledger(given.number)
    note_attempts(audio, ledger.figures)
    if given.colour == "async":
        asyncio.run(atranscribe(audio, given.number, ledger))
    else:
        transcribe(audio, given.number, ledger)
    print(json.dumps(asdict(ledger.close())))


if __name__ == "__main__":
    main()
