"""Recordings in several pieces, which are sent concurrently and stitched."""

import asyncio
import threading
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.loopback_server import Exchange, LoopbackServer
from support.piece_recogniser import STANDUP, ExpectedPieces, PieceRecogniser
from support.scripted_responses import respond_error, respond_json
from support.standup_pieces import PIECE_SECONDS, SEGMENT_START, transcribe_standup
from support.sync_async import Run
from support.timeouts import TIMEOUT


def test_pieces(run: Run, cuts: ExpectedPieces) -> None:
    """Every piece is sent once, and the transcript contains all of them in place."""
    recogniser = PieceRecogniser(cuts)
    with LoopbackServer([recogniser]) as server, server.client() as audio:
        whole = transcribe_standup(run, audio)
    assert recogniser.counts == dict.fromkeys(range(len(cuts.spans)), 1)
    assert len(cuts.spans) >= 6
    assert whole.text == " ".join(cuts.texts)
    starts = [each.start for each in whole.segments]
    assert starts == pytest.approx([start + SEGMENT_START for start, _ in cuts.spans], abs=0.001)
    assert (whole.source, whole.language, whole.task) == ("standup.ogg", "english", "transcribe")
    assert whole.duration == pytest.approx(cuts.spans[-1][1], abs=0.001)


def test_translation(run: Run, cuts: ExpectedPieces) -> None:
    """Translations are cut and stitched like transcriptions."""
    with LoopbackServer([PieceRecogniser(cuts)]) as server, server.client() as audio:
        whole = run(audio, "translate", STANDUP, piece_seconds=PIECE_SECONDS)
    assert {request.target for request in server.requests} == {"/v1/audio/translations"}
    assert (whole.text, whole.task) == (" ".join(cuts.texts), "translate")


def test_concurrency(run: Run, cuts: ExpectedPieces) -> None:
    """As many pieces as permitted are sent at once, and no more."""
    together = threading.Barrier(3)

    def wait_together(number: int, _: Exchange) -> None:
        if number < 3:
            together.wait(TIMEOUT)

    recogniser = PieceRecogniser(cuts, wait_together)
    with LoopbackServer([recogniser]) as server, server.client(max_concurrency=3) as audio:
        transcribe_standup(run, audio)
    assert recogniser.max_concurrent == 3


def test_one_after_the_other(run: Run, cuts: ExpectedPieces) -> None:
    """With a limit of one, pieces are sent in order."""
    recogniser = PieceRecogniser(cuts)
    with LoopbackServer([recogniser]) as server, server.client(max_concurrency=1) as audio:
        transcribe_standup(run, audio)
    assert (recogniser.max_concurrent, recogniser.received) == (1, [*range(len(cuts.spans))])


def test_out_of_order(run: Run, cuts: ExpectedPieces) -> None:
    """The transcript is in order although the first response arrives last."""
    others = threading.Semaphore(0)

    def last(number: int, _: Exchange) -> None:
        if number:
            others.release()
        else:
            assert all(others.acquire(timeout=TIMEOUT) for _ in cuts.spans[1:])

    with (
        LoopbackServer([PieceRecogniser(cuts, last)]) as server,
        server.client(max_concurrency=2) as audio,
    ):
        assert transcribe_standup(run, audio).text == " ".join(cuts.texts)


def test_retries(run: Run, cuts: ExpectedPieces) -> None:
    """A piece that fails is sent again; the others are not."""
    failing = {1, 4}

    def fail(number: int, exchange: Exchange) -> bool:
        if number not in failing:
            return False
        failing.discard(number)
        respond_error(503)(exchange)
        return True

    recogniser = PieceRecogniser(cuts, fail)
    with LoopbackServer([recogniser]) as server, server.client() as audio:
        assert transcribe_standup(run, audio).text == " ".join(cuts.texts)
    assert recogniser.counts == {n: 2 if n in {1, 4} else 1 for n in range(len(cuts.spans))}


def test_sent_whole(run: Run) -> None:
    """A recording that fits is sent unchanged in one request."""
    with LoopbackServer([respond_json({"text": "Once."})]) as server, server.client() as audio:
        assert run(audio, "transcribe", STANDUP).text == "Once."
    (request,) = server.requests
    assert STANDUP.read_bytes() in request.body


def write_silence(path: Path, seconds: int) -> Path:
    """Write a silent recording of 8 kB per second."""
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(1)
        writer.setframerate(8000)
        writer.writeframes(b"\x80" * 8000 * seconds)
    return path


@pytest.mark.parametrize(("model", "pieces"), [("whisper-1", 1), ("gpt-4o-transcribe", 5)])
def test_model_limits(run: Run, tmp_path: Path, model: str, pieces: int) -> None:
    """A recording is sent whole if the model accepts its length, else in pieces of >= 5 min."""
    path = write_silence(tmp_path / "quiet.wav", 1300)
    with LoopbackServer([respond_json({"text": ""})]) as server, server.client() as audio:
        run(audio, "transcribe", path, model=model)
    sent = [request.size / 8000 for request in server.requests]
    assert len(sent) == pieces
    assert 1300 <= sum(sent) < 1300 + pieces
    assert pieces == 1 or max(sent) < 331


def test_two_at_once(cuts: ExpectedPieces) -> None:
    """Two threads may use one client; each gets its own transcript."""
    with (
        LoopbackServer([PieceRecogniser(cuts)]) as server,
        server.client() as audio,
        ThreadPoolExecutor(2) as threads,
    ):
        transcripts = list(
            threads.map(lambda _: audio.transcribe(STANDUP, piece_seconds=PIECE_SECONDS), range(2))
        )
    assert [each.text for each in transcripts] == [" ".join(cuts.texts)] * 2


async def test_two_tasks_at_once(cuts: ExpectedPieces) -> None:
    """Two tasks may use one client; each gets its own transcript."""
    with LoopbackServer([PieceRecogniser(cuts)]) as server:
        async with server.client() as audio:
            calls = [audio.atranscribe(STANDUP, piece_seconds=PIECE_SECONDS) for _ in range(2)]
            transcripts = await asyncio.gather(*calls)
    assert [each.text for each in transcripts] == [" ".join(cuts.texts)] * 2
