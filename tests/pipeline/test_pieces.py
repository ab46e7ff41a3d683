"""Recordings in several pieces, which are sent concurrently and stitched."""

import asyncio
import threading
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from support.loopback_server import Exchange, LoopbackServer
from support.piece_recogniser import STANDUP, ExpectedPieces, PieceRecogniser
from support.scripted_responses import respond_error, respond_json
from support.standup_pieces import PIECE_SECONDS, SEGMENT_START, transcribe_standup
from support.sync_async import Run
from support.timeouts import TIMEOUT
from support.wav_files import silent_wav


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


@pytest.mark.parametrize("model", ["whisper-1", "gpt-4o-transcribe"])
def test_long_recordings(run: Run, tmp_path: Path, model: str) -> None:
    """More than 15 minutes are sent in pieces of up to three and a half, whatever the model."""
    sent = seconds_sent(run, write_silence(tmp_path / "quiet.wav", 1300), model=model)
    assert len(sent) == 12
    assert 1300 <= sum(sent) < 1305
    assert max(sent) < 210


@pytest.mark.parametrize(
    ("seconds", "piece_seconds", "pieces"),
    [
        (899, None, 1),
        (901, None, 9),
        (901, 901, 1),
        (3000, 3000, 1),
        (3100, 1500, 3),
        (901, 90, 10),
    ],
)
def test_piece_seconds(
    run: Run, tmp_path: Path, seconds: int, piece_seconds: int | None, pieces: int
) -> None:
    """The length of a request can be set, also to more than 15 minutes."""
    path = write_silence(tmp_path / "quiet.wav", seconds)
    sent = seconds_sent(run, path, piece_seconds=piece_seconds)
    assert len(sent) == pieces
    assert seconds <= sum(sent) < seconds + pieces


def seconds_sent(run: Run, path: Path, **options: Any) -> list[float]:
    """Return the seconds of each request that transcribes a silent recording."""
    with LoopbackServer([respond_json({"text": ""})]) as server, server.client() as audio:
        run(audio, "transcribe", path, upload_format="original", **options)
    return [request.size / 8000 for request in server.requests]


def test_no_long_pieces(run: Run, tmp_path: Path) -> None:
    """No request has more than 15 minutes by default, however long the recording is."""
    path = write_silence(tmp_path / "quiet.wav", 9000)
    assert max(seconds_sent(run, path)) < 901


def test_too_short(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """Less than 0.1 s is not sent: the transcript is empty, and its notes say why, once each."""
    with LoopbackServer([respond_json({"text": "One."})]) as server, server.client() as audio:
        short = run(audio, "transcribe", ("click.wav", silent_wav(3000)))
        run(audio, "transcribe", ("word.wav", silent_wav(3200)))
        assert len(server.requests) == 1
    assert (short.text, short.segments, short.source) == ("", (), "click.wav")
    assert short.duration == pytest.approx(0.094, abs=0.001)
    assert short.notes == (
        "It is shorter than 0.1 s and was not sent.",
        "No speech was found in it, so the transcript is empty.",
    )
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"click.wav: {note}" for note in short.notes
    ]


def test_notes(run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Impossible times and silence are noted and logged, also when the cache is used."""
    late = {"text": "Thanks.", "segments": [{"start": 28, "end": 30, "text": "Thanks."}]}
    reasons = ((late, "The service gave impossible times for 1 of 1"), ({"text": ""}, "No speech"))
    for response, beginning in reasons:
        caplog.clear()
        folder = tmp_path / beginning[:2]
        with (
            LoopbackServer([respond_json(response)]) as server,
            server.client(cache=folder) as audio,
        ):
            found = [run(audio, "transcribe", ("talk.wav", silent_wav(32_000))) for _ in "ab"]
            assert len(server.requests) == 1
        assert [each.notes for each in found] == [found[0].notes] * 2
        (note,) = found[0].notes
        assert note.startswith(beginning)
        warnings = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
        assert warnings == [f"talk.wav: {note}"] * 2


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
