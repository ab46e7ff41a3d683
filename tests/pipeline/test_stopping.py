"""Jobs that fail, are interrupted or cancelled report finished pieces and leave nothing."""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from apertis_audio_tools import ApertisError, InvalidRequestError, RecordingError
from apertis_audio_tools.audio import Piece, cut_pieces
from apertis_audio_tools.results import PartialTranscript
from apertis_audio_tools.transport.retry import SystemClock
from support.loopback_server import Exchange, LoopbackServer
from support.piece_recogniser import STANDUP, ExpectedPieces, PieceRecogniser
from support.scripted_responses import respond_error, respond_json
from support.standup_pieces import (
    PIECE_SECONDS,
    SEGMENT_START,
    NeverRespond,
    RefuseOnePiece,
    transcribe_standup,
)
from support.sync_async import Run
from support.timeouts import TIMEOUT

MP3 = (Path(__file__).parents[1] / "clips" / "clip.mp3").read_bytes()


def test_refused(run: Run, cuts: ExpectedPieces, refuses_one: RefuseOnePiece) -> None:
    """After a refusal nothing new is sent; pieces in progress are awaited and reported."""
    recogniser = PieceRecogniser(cuts, refuses_one)
    with LoopbackServer([recogniser]) as server, server.client(max_concurrency=3) as audio:
        with pytest.raises(InvalidRequestError, match="Message of the server") as caught:
            transcribe_standup(run, audio)
        partial = caught.value.partial
    assert sorted(recogniser.received) == [0, 1, 2]
    assert isinstance(partial, PartialTranscript)
    assert partial.spans[0] == pytest.approx(cuts.spans[0], abs=0.001)
    assert partial.spans[1] == pytest.approx(cuts.spans[2], abs=0.001)
    assert partial.transcript.text == f"{cuts.texts[0]} {cuts.texts[2]}"
    assert partial.transcript.segments[1].start == pytest.approx(
        cuts.spans[2][0] + SEGMENT_START, abs=0.001
    )


def test_spans_are_on_the_time_line(run: Run) -> None:
    """The first span starts at 0 although players skip the first samples of an mp3."""
    with (
        LoopbackServer([respond_json({"text": "one"}), respond_error(400)]) as server,
        server.client(max_concurrency=1) as audio,
        pytest.raises(InvalidRequestError) as caught,
    ):
        run(audio, "transcribe", MP3 * 10, piece_seconds=3)
    assert caught.value.partial
    ((start, end),) = caught.value.partial.spans
    assert (start, round(end, 3)) == (0.0, end)


def test_unreadable_half_way(
    run: Run, cuts: ExpectedPieces, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If cutting fails half-way, pieces that were sent are awaited and reported."""
    cut = cut_pieces

    def breaking(*args: Any, **options: Any) -> Iterator[Piece]:
        for piece in cut(*args, **options):
            if piece.number == 2:
                piece.close()
                server.wait_for_requests(2)
                raise RecordingError("The disk is gone.")
            yield piece

    monkeypatch.setattr("apertis_audio_tools.pipeline.transcription_job.cut_pieces", breaking)
    recogniser = PieceRecogniser(cuts)
    with LoopbackServer([recogniser]) as server, server.client() as audio:
        with pytest.raises(RecordingError, match="disk is gone") as caught:
            transcribe_standup(run, audio)
        partial = caught.value.partial
    assert sorted(recogniser.received) == [0, 1]
    assert partial
    assert len(partial.spans) == 2


@pytest.mark.usefixtures("interruptible")
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads there")
def test_interrupt(
    cuts: ExpectedPieces, left_behind: Callable[[], set[str]], caplog: pytest.LogCaptureFixture
) -> None:
    """Ctrl-C ends waits and requests at once; the client still works afterwards."""
    caplog.set_level(logging.INFO, "apertis_audio_tools")
    hangs = NeverRespond()
    recogniser = PieceRecogniser(cuts, hangs)

    def interrupt() -> None:
        hangs.arrived.wait(TIMEOUT)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with (
        LoopbackServer([recogniser]) as server,
        server.client(max_concurrency=3, clock=SystemClock()) as audio,
    ):
        interrupter = threading.Thread(target=interrupt)
        interrupter.start()
        with pytest.raises(KeyboardInterrupt):
            audio.transcribe(STANDUP, piece_seconds=PIECE_SECONDS)
        interrupter.join()
        assert sorted(recogniser.received) == [0, 1, 2]
        assert left_behind() == set()
        assert caplog.text.count("trying again") <= 1  # the refused piece
        hangs.is_hanging = False
        whole = audio.transcribe(STANDUP, piece_seconds=PIECE_SECONDS)
    assert whole.text == " ".join(cuts.texts)


async def test_cancellation(cuts: ExpectedPieces, left_behind: Callable[[], set[str]]) -> None:
    """Cancelling a task ends waits and requests at once; the client still works afterwards."""
    hangs = NeverRespond()
    recogniser = PieceRecogniser(cuts, hangs)
    with LoopbackServer([recogniser]) as server:
        async with server.client(max_concurrency=3, clock=SystemClock()) as audio:
            task = asyncio.create_task(audio.atranscribe(STANDUP, piece_seconds=PIECE_SECONDS))
            await asyncio.to_thread(hangs.arrived.wait, TIMEOUT)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert sorted(recogniser.received) == [0, 1, 2]
            assert left_behind() == set()
            hangs.is_hanging = False
            whole = await audio.atranscribe(STANDUP, piece_seconds=PIECE_SECONDS)
    assert whole.text == " ".join(cuts.texts)


async def test_cancelled_at_any_time(
    cuts: ExpectedPieces, left_behind: Callable[[], set[str]]
) -> None:
    """Cancelling a task while a piece is being cut leaves nothing."""
    with LoopbackServer([PieceRecogniser(cuts)]) as server:
        async with server.client() as audio:
            for steps in range(0, 40, 3):
                task = asyncio.create_task(audio.atranscribe(STANDUP, piece_seconds=PIECE_SECONDS))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert left_behind() == set()


@pytest.fixture(name="cutting")
def _cutting(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """Yield an event that is set before cutting, and one that permits it."""
    started, released = threading.Event(), threading.Event()
    cut = cut_pieces

    def pieces(*args: Any, **options: Any) -> Iterator[Piece]:
        started.set()
        assert released.wait(TIMEOUT)
        yield from cut(*args, **options)

    monkeypatch.setattr("apertis_audio_tools.pipeline.transcription_job.cut_pieces", pieces)
    yield started, released
    released.set()


async def test_cancelled_by_a_scope(
    cuts: ExpectedPieces,
    cutting: tuple[threading.Event, threading.Event],
    left_behind: Callable[[], set[str]],
) -> None:
    """A cancel scope of anyio waits for a thread once instead of cancelling repeatedly."""
    started, released = cutting
    scope = anyio.CancelScope()

    async def transcribe() -> None:
        with scope:
            await audio.atranscribe(STANDUP, piece_seconds=PIECE_SECONDS)

    with LoopbackServer([PieceRecogniser(cuts)]) as server:
        async with server.client() as audio:
            task = asyncio.create_task(transcribe())
            assert await asyncio.to_thread(started.wait, TIMEOUT)
            scope.cancel()
            for _ in range(100):
                await asyncio.sleep(0)
            assert not task.done()
            assert task.cancelling() < 10
            released.set()
            await task
            assert scope.cancelled_caught
            assert left_behind() == set()
            assert (await audio.atranscribe(STANDUP, piece_seconds=PIECE_SECONDS)).text


async def test_pieces_cancelled_by_a_scope(
    cuts: ExpectedPieces, left_behind: Callable[[], set[str]]
) -> None:
    """A cancel scope ends pieces in progress and leaves nothing of them."""
    hangs = NeverRespond()
    with LoopbackServer([PieceRecogniser(cuts, hangs)]) as server:
        async with server.client(max_concurrency=3, clock=SystemClock()) as audio:
            with anyio.CancelScope() as scope:
                cancelled = asyncio.to_thread(hangs.arrived.wait, TIMEOUT)
                asyncio.create_task(cancelled).add_done_callback(lambda _: scope.cancel())
                await audio.atranscribe(STANDUP, piece_seconds=PIECE_SECONDS)
            assert scope.cancelled_caught
            assert left_behind() == set()
            assert len(asyncio.all_tasks()) == 1
            hangs.is_hanging = False
            whole = await audio.atranscribe(STANDUP, piece_seconds=PIECE_SECONDS)
    assert whole.text == " ".join(cuts.texts)


def test_no_further_thread(cuts: ExpectedPieces, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the system permits no further thread, the call raises, and the next call tries again."""
    start = threading.Thread.start

    def start_one(thread: threading.Thread) -> None:
        if thread.name.startswith("apertis-audio_") and not thread.name.endswith("_0"):
            raise RuntimeError("can't start new thread")
        start(thread)

    def hang(_: int, exchange: Exchange) -> bool:
        exchange.wait_for_disconnect()
        return True

    recogniser = PieceRecogniser(cuts, hang)
    with LoopbackServer([recogniser]) as server, server.client(max_concurrency=3) as audio:
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", start_one)
            with pytest.raises(ApertisError, match=r"no further thread \(can't start new thread"):
                audio.transcribe(STANDUP, piece_seconds=PIECE_SECONDS)
        server.wait_until_disconnected()
        recogniser.before = lambda _number, _exchange: False
        whole = audio.transcribe(STANDUP, piece_seconds=PIECE_SECONDS)
    assert whole.text == " ".join(cuts.texts)


def test_failure_ends_waits(run: Run, cuts: ExpectedPieces) -> None:
    """A wait for a retry ends once another piece has failed permanently."""
    together = threading.Barrier(2)

    def wait_or_refuse(number: int, exchange: Exchange) -> bool:
        together.wait(TIMEOUT)
        if number == 0:
            respond_error(503, retry_after="180")(exchange)
        else:
            respond_error(400, "invalid_request")(exchange)
        return True

    recogniser = PieceRecogniser(cuts, wait_or_refuse)
    with (
        LoopbackServer([recogniser]) as server,
        server.client(max_concurrency=2, clock=SystemClock()) as audio,
        pytest.raises(InvalidRequestError),
    ):
        transcribe_standup(run, audio)
    assert sorted(recogniser.received) == [0, 1]
