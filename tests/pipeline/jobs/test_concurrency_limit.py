"""One client, many at once: they share its room, whatever thread or event loop they are in."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pytest

from apertis_audio_tools.audio import Piece, cut_pieces
from support.fake_clock import FakeClock
from support.loopback import Exchange, Loopback
from support.piece_recogniser import STANDUP, Cuts, Recogniser
from support.standup_pieces import SECONDS
from support.sync_async import Run
from support.timeouts import PATIENCE
from support.tiny_recordings import Names, tinies, tiny


def meeting(number: int) -> Callable[[object, Exchange], None]:
    """Lets the first so many be answered only when they are there together."""
    together, first = threading.Barrier(number), threading.Semaphore(number)

    def meet(_: object, __: Exchange) -> None:
        if first.acquire(blocking=False):
            together.wait(PATIENCE)

    return meet


async def test_fifty_tasks() -> None:
    """Fifty gathered at once keep to the bound, and reach it."""
    names = Names(meeting(4))
    with Loopback([names]) as server:
        async with server.client(max_concurrency=4) as audio:
            found = await asyncio.gather(*(audio.atranscribe(tiny(n)) for n in range(50)))
    assert [each.text for each in found] == [str(n) for n in range(50)]
    assert names.most_at_once == 4


def test_many_in_threads_and_a_loop() -> None:
    """Two rows of recordings in two threads and a third on an event loop share one bound."""
    names = Names(meeting(3))
    with Loopback([names]) as server, server.client(max_concurrency=3) as audio:

        async def on_a_loop() -> int:
            return len([_ async for _ in audio.atranscribe_many(tinies(25))])

        def in_a_thread(_: int) -> int:
            return len(list(audio.transcribe_many(tinies(25))))

        with ThreadPoolExecutor(2) as threads:
            counted = threads.map(in_a_thread, range(2))
            assert asyncio.run(on_a_loop()) == 25
            assert list(counted) == [25, 25]
    assert (names.most_at_once, len(names.heard)) == (3, 75)


@dataclass
class Pieces:
    """Counts the pieces that are cut and not closed yet."""

    most: int = 0
    now: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def cut(self, *args: Any, **options: Any) -> Iterator[Piece]:
        """Pieces that are counted."""
        for piece in cut_pieces(*args, **options):
            with self.lock:
                self.now += 1
                self.most = max(self.most, self.now)
            free, piece_closed = piece._free, threading.Event()

            def close(free: Any = free, closed: threading.Event = piece_closed) -> None:
                free()
                if not closed.is_set():
                    closed.set()
                    with self.lock:
                        self.now -= 1

            object.__setattr__(piece, "_free", close)
            yield piece


def test_cut_when_there_is_room(run: Run, cuts: Cuts, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many recordings are under way, no more pieces exist than may be sent."""
    pieces = Pieces()
    monkeypatch.setattr("apertis_audio_tools.pipeline.transcription_job.cut_pieces", pieces.cut)
    recogniser = Recogniser(cuts, meeting(2))
    with Loopback([recogniser]) as server, server.client(max_concurrency=2) as audio:
        outcomes = run(audio, "transcribe_many", [STANDUP] * 4, piece_seconds=SECONDS)
    assert {outcome.transcript.text for outcome in outcomes} == {" ".join(cuts.texts)}
    assert (pieces.most, pieces.now) == (2, 0)
    assert recogniser.most_at_once == 2


async def test_cancelled_in_the_queue() -> None:
    """Those who are cancelled while they wait for room take none."""
    gate = threading.Event()
    names = Names(lambda *_: gate.wait(PATIENCE))
    with Loopback([names]) as server:
        async with server.client(max_concurrency=1) as audio:
            tasks = [asyncio.create_task(audio.atranscribe(tiny(n))) for n in range(10)]
            await asyncio.to_thread(server.wait_for_requests, 1)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(each) for each in ended} == {asyncio.CancelledError}
            gate.set()
            assert (await audio.atranscribe(tiny("next"))).text == "next"
    assert len(server.requests) == 2


WHO: ContextVar[str] = ContextVar("who", default="nobody")


class ContextClock(FakeClock):
    """Keeps who asked what time it is."""

    def __init__(self) -> None:
        super().__init__()
        self.askers: set[str] = set()

    def monotonic(self) -> float:
        """Seconds since some moment."""
        self.askers.add(WHO.get())
        return super().monotonic()


@pytest.mark.parametrize("verb", ["transcribe", "transcribe_many"])
def test_context(run: Run, verb: str) -> None:
    """Whatever sends has the context variables of its caller, as tracing needs them."""
    clock = ContextClock()
    token = WHO.set("a test")
    try:
        with Loopback([Names()]) as server, server.client(clock=clock) as audio:
            run(audio, verb, tiny("a") if verb == "transcribe" else tinies(3))
    finally:
        WHO.reset(token)
    assert clock.askers == {"a test"}
