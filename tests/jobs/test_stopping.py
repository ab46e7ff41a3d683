"""A job that fails, is interrupted or cancelled: what was paid for is told of, nothing is left."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from apertis_audio_tools import InvalidRequestError, RecordingError
from apertis_audio_tools.retry import SystemClock
from apertis_audio_tools.stitching import PartialTranscript
from behaviours import error
from colours import Run
from loopback import Exchange, Loopback
from recognisers import STANDUP, Cuts, Recogniser
from standup import OFFSET, PATIENCE, SECONDS, Hangs, RefusesOne, transcribed


def test_refused(run: Run, cuts: Cuts) -> None:
    """After a refusal nothing new is sent; what was under way is awaited, kept, and told of."""
    recogniser = Recogniser(cuts, RefusesOne())
    with Loopback([recogniser]) as server, server.client(max_concurrency=3) as audio:
        with pytest.raises(InvalidRequestError, match="Said the server") as caught:
            transcribed(run, audio)
        partial = caught.value.partial
    assert sorted(recogniser.heard) == [0, 1, 2]
    assert isinstance(partial, PartialTranscript)
    assert partial.spans == (cuts.spans[0], cuts.spans[2])
    assert partial.transcript.text == f"{cuts.texts[0]} {cuts.texts[2]}"
    assert partial.transcript.segments[1].start == pytest.approx(
        cuts.spans[2][0] + OFFSET, abs=0.001
    )


def test_unreadable_half_way(run: Run, cuts: Cuts, monkeypatch: pytest.MonkeyPatch) -> None:
    """When cutting fails half-way, what was sent before is awaited, and told of."""
    from apertis_audio_tools import recordings

    cut = recordings.pieces

    def breaking(*args: Any, **options: Any) -> Iterator[recordings.Piece]:
        for piece in cut(*args, **options):
            if piece.number == 2:
                piece.close()
                raise RecordingError("The disk is gone.")
            yield piece

    monkeypatch.setattr(recordings, "pieces", breaking)
    recogniser = Recogniser(cuts)
    with Loopback([recogniser]) as server, server.client() as audio:
        with pytest.raises(RecordingError, match="disk is gone") as caught:
            transcribed(run, audio)
        partial = caught.value.partial
    assert sorted(recogniser.heard) == [0, 1]
    assert len(partial.spans) == 2


@pytest.mark.usefixtures("interruptible")
@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signals to threads there")
def test_interrupt(cuts: Cuts, left_behind: Callable[[], set[str]]) -> None:
    """Ctrl-C ends waits and requests at once; the same client works afterwards."""
    hangs = Hangs()
    recogniser = Recogniser(cuts, hangs)

    def interrupt() -> None:
        hangs.arrived.wait(PATIENCE)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with (
        Loopback([recogniser]) as server,
        server.client(max_concurrency=3, clock=SystemClock()) as audio,
    ):
        interrupter = threading.Thread(target=interrupt)
        interrupter.start()
        with pytest.raises(KeyboardInterrupt):
            audio.transcribe(STANDUP, piece_seconds=SECONDS)
        interrupter.join()
        assert sorted(recogniser.heard) == [0, 1, 2]
        assert left_behind() == set()
        hangs.is_hanging = False
        whole = audio.transcribe(STANDUP, piece_seconds=SECONDS)
    assert whole.text == " ".join(cuts.texts)


async def test_cancellation(cuts: Cuts, left_behind: Callable[[], set[str]]) -> None:
    """So does cancelling a task."""
    hangs = Hangs()
    recogniser = Recogniser(cuts, hangs)
    with Loopback([recogniser]) as server:
        async with server.client(max_concurrency=3, clock=SystemClock()) as audio:
            task = asyncio.create_task(audio.atranscribe(STANDUP, piece_seconds=SECONDS))
            await asyncio.to_thread(hangs.arrived.wait, PATIENCE)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert sorted(recogniser.heard) == [0, 1, 2]
            assert left_behind() == set()
            hangs.is_hanging = False
            whole = await audio.atranscribe(STANDUP, piece_seconds=SECONDS)
    assert whole.text == " ".join(cuts.texts)


async def test_cancelled_at_any_time(cuts: Cuts, left_behind: Callable[[], set[str]]) -> None:
    """A task may be cancelled while a piece is being cut; nothing of it is left."""
    with Loopback([Recogniser(cuts)]) as server:
        async with server.client() as audio:
            for steps in range(0, 40, 3):
                task = asyncio.create_task(audio.atranscribe(STANDUP, piece_seconds=SECONDS))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert left_behind() == set()


def test_failure_ends_waits(run: Run, cuts: Cuts) -> None:
    """Who waits to try again is not waited for once another piece was refused for good."""

    def wait_or_refuse(number: int, exchange: Exchange) -> bool:
        if number == 0:
            error(503, retry_after="180")(exchange)
        else:
            error(400, "invalid_request")(exchange)
        return True

    recogniser = Recogniser(cuts, wait_or_refuse)
    with (
        Loopback([recogniser]) as server,
        server.client(max_concurrency=2, clock=SystemClock()) as audio,
        pytest.raises(InvalidRequestError),
    ):
        transcribed(run, audio)
    assert sorted(recogniser.heard) == [0, 1]
