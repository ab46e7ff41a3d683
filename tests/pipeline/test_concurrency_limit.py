"""All threads and event loops of a client share its concurrency limit."""

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
from support.loopback_server import Exchange, LoopbackServer
from support.piece_recogniser import STANDUP, ExpectedPieces, PieceRecogniser
from support.standup_pieces import PIECE_SECONDS
from support.sync_async import Run
from support.timeouts import TIMEOUT
from support.tiny_recordings import NameRecogniser, tiny_recording, tiny_recordings


def wait_for_each_other(number: int) -> Callable[[object, Exchange], None]:
    """Return a function that blocks the first `number` exchanges until all have arrived."""
    together, first = threading.Barrier(number), threading.Semaphore(number)

    def wait(_: object, __: Exchange) -> None:
        if first.acquire(blocking=False):
            together.wait(TIMEOUT)

    return wait


async def test_fifty_tasks() -> None:
    """Fifty concurrent tasks reach the limit and do not exceed it."""
    names = NameRecogniser(wait_for_each_other(4))
    with LoopbackServer([names]) as server:
        async with server.client(max_concurrency=4) as audio:
            transcripts = await asyncio.gather(
                *(audio.atranscribe(tiny_recording(n)) for n in range(50))
            )
    assert [each.text for each in transcripts] == [str(n) for n in range(50)]
    assert names.max_concurrent == 4


def test_many_in_threads_and_a_loop() -> None:
    """Two batches in threads and one on an event loop share one limit."""
    names = NameRecogniser(wait_for_each_other(3))
    with LoopbackServer([names]) as server, server.client(max_concurrency=3) as audio:

        async def on_a_loop() -> int:
            return len([_ async for _ in audio.atranscribe_many(tiny_recordings(25))])

        def in_a_thread(_: int) -> int:
            return len(list(audio.transcribe_many(tiny_recordings(25))))

        with ThreadPoolExecutor(2) as threads:
            counted = threads.map(in_a_thread, range(2))
            assert asyncio.run(on_a_loop()) == 25
            assert list(counted) == [25, 25]
    assert (names.max_concurrent, len(names.received)) == (3, 75)


@dataclass
class PieceCounter:
    """A counter of pieces that are cut and not closed yet."""

    highest: int = 0
    current: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def cut(self, *args: Any, **options: Any) -> Iterator[Piece]:
        """Cut pieces and count them."""
        for piece in cut_pieces(*args, **options):
            with self.lock:
                self.current += 1
                self.highest = max(self.highest, self.current)
            free, piece_closed = piece._free, threading.Event()

            def close(free: Any = free, closed: threading.Event = piece_closed) -> None:
                free()
                if not closed.is_set():
                    closed.set()
                    with self.lock:
                        self.current -= 1

            object.__setattr__(piece, "_free", close)
            yield piece


def test_pieces_are_cut_with_a_permit(
    run: Run, cuts: ExpectedPieces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many recordings are in progress, no more pieces exist than may be sent."""
    pieces = PieceCounter()
    monkeypatch.setattr("apertis_audio_tools.pipeline.transcription_job.cut_pieces", pieces.cut)
    recogniser = PieceRecogniser(cuts, wait_for_each_other(2))
    with LoopbackServer([recogniser]) as server, server.client(max_concurrency=2) as audio:
        outcomes = run(audio, "transcribe_many", [STANDUP] * 4, piece_seconds=PIECE_SECONDS)
    assert {outcome.transcript.text for outcome in outcomes} == {" ".join(cuts.texts)}
    assert (pieces.highest, pieces.current) == (2, 0)
    assert recogniser.max_concurrent == 2


async def test_cancelled_while_waiting() -> None:
    """Tasks that are cancelled while they wait for a permit hold none."""
    gate = threading.Event()
    names = NameRecogniser(lambda *_: gate.wait(TIMEOUT))
    with LoopbackServer([names]) as server:
        async with server.client(max_concurrency=1) as audio:
            tasks = [asyncio.create_task(audio.atranscribe(tiny_recording(n))) for n in range(10)]
            await asyncio.to_thread(server.wait_for_requests, 1)
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(each) for each in ended} == {asyncio.CancelledError}
            gate.set()
            assert (await audio.atranscribe(tiny_recording("next"))).text == "next"
    assert len(server.requests) == 2


CALLER: ContextVar[str] = ContextVar("caller", default="nobody")


class ContextClock(FakeClock):
    """A clock that records the callers by a context variable."""

    def __init__(self) -> None:
        super().__init__()
        self.callers: set[str] = set()

    def monotonic(self) -> float:
        """Return the time and record the caller."""
        self.callers.add(CALLER.get())
        return super().monotonic()


@pytest.mark.parametrize("verb", ["transcribe", "transcribe_many"])
def test_context(run: Run, verb: str) -> None:
    """Worker threads and tasks have the context variables of the caller, as tracing needs."""
    clock = ContextClock()
    token = CALLER.set("a test")
    try:
        with LoopbackServer([NameRecogniser()]) as server, server.client(clock=clock) as audio:
            run(audio, verb, tiny_recording("a") if verb == "transcribe" else tiny_recordings(3))
    finally:
        CALLER.reset(token)
    assert clock.callers == {"a test"}
