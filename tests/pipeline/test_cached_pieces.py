"""Cached pieces are not sent again."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import ConfigurationError, InvalidRequestError, Transcript, Usage
from apertis_audio_tools.pipeline import cache as cache_module
from apertis_audio_tools.pipeline.cache import TranscriptCache
from support.loopback_server import Exchange, LoopbackServer
from support.piece_recogniser import STANDUP, ExpectedPieces, PieceRecogniser
from support.scripted_responses import respond_json
from support.standup_pieces import RefuseOnePiece, transcribe_standup
from support.sync_async import Run
from support.wav_files import silent_wav

CLIP = Path(__file__).parents[1] / "clips" / "clip.wav"


def test_next_attempt(
    run: Run, cuts: ExpectedPieces, refuses_one: RefuseOnePiece, tmp_path: Path
) -> None:
    """With a cache, the next attempt sends only missing pieces, and the one after it nothing."""
    recogniser = PieceRecogniser(cuts, refuses_one)
    with (
        LoopbackServer([recogniser]) as server,
        server.client(max_concurrency=3, cache=tmp_path) as audio,
    ):
        with pytest.raises(InvalidRequestError):
            transcribe_standup(run, audio)
        recogniser.received.clear()
        refuses_one.is_refusing = False
        whole = transcribe_standup(run, audio)
        assert sorted(recogniser.received) == [1, *range(3, len(cuts.spans))]
        assert whole.text == " ".join(cuts.texts)
        recogniser.received.clear()
        assert transcribe_standup(run, audio) == whole.model_copy(update={"usage": None})
        assert recogniser.received == []


def test_known_recording_is_only_hashed(
    run: Run, cuts: ExpectedPieces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recording whose whole transcript is cached is not opened as audio."""
    with (
        LoopbackServer([PieceRecogniser(cuts)]) as server,
        server.client(cache=tmp_path) as audio,
    ):
        whole = transcribe_standup(run, audio)
        monkeypatch.setattr("av.open", lambda *_, **__: pytest.fail("It is opened."))
        assert transcribe_standup(run, audio) == whole.model_copy(update={"usage": None})


def test_locked_cache(
    run: Run,
    cuts: ExpectedPieces,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A cache that another process has locked is reported once, not for each piece."""
    monkeypatch.setattr(cache_module, "_BUSY_SECONDS", 0.1)
    recogniser = PieceRecogniser(cuts)
    TranscriptCache(tmp_path).put("other", Transcript(text="other"))
    locker = sqlite3.connect(TranscriptCache(tmp_path).path)
    locker.execute("BEGIN EXCLUSIVE")
    with (
        LoopbackServer([recogniser]) as server,
        server.client(max_concurrency=3, cache=tmp_path) as audio,
    ):
        assert transcribe_standup(run, audio).text == " ".join(cuts.texts)
        warnings = [record for record in caplog.records if record.levelname == "WARNING"]
        assert [record.getMessage().count("cannot be used") for record in warnings] == [1]
        locker.rollback()
        transcribe_standup(run, audio)
        recogniser.received.clear()
        transcribe_standup(run, audio)
        assert recogniser.received == []
    locker.close()


def test_cached_whole(run: Run, tmp_path: Path) -> None:
    """A recording that is sent whole is cached too, also for other clients."""
    reply = respond_json({"text": "Once.", "language": "english"})
    with LoopbackServer([reply]) as server:
        with server.client(cache=tmp_path) as audio:
            first = run(audio, "transcribe", STANDUP)
        with server.client(cache=tmp_path) as audio:
            assert run(audio, "transcribe", STANDUP) == first
            renamed = run(audio, "transcribe", ("other.ogg", STANDUP.read_bytes()))
    assert len(server.requests) == 1
    assert renamed == first.model_copy(update={"source": "other.ogg"})


@pytest.mark.parametrize(
    "other",
    [
        {"model": "whisper-large-v3"},
        {"language": "de"},
        {"prompt": "Names: Ada."},
        {"temperature": 0.5},
        {"response_format": "srt"},
        {"piece_seconds": 40.0},
        {"upload_format": "mp3"},
        {"track": 0},
    ],
)
def test_other_options(run: Run, tmp_path: Path, other: dict[str, Any]) -> None:
    """The cache is not used if any option differs."""
    srt = b"1\n00:00:00,000 --> 00:00:01,000\nOnce.\n"
    reply = respond_json({"text": "Once."})

    def either(exchange: Exchange) -> None:
        if "response_format" in other and exchange.received.number:
            exchange.read_body()
            exchange.write_head(200, {"content-length": str(len(srt))}, srt)
        else:
            reply(exchange)

    with LoopbackServer([either]) as server, server.client(cache=tmp_path) as audio:
        run(audio, "transcribe", CLIP)
        run(audio, "transcribe", CLIP, **other)
    assert len(server.requests) >= 2


def test_another_service_content_or_task(run: Run, tmp_path: Path) -> None:
    """The cache is not used for another service, another recording or another task."""
    reply = respond_json({"text": "Once."})
    with LoopbackServer([reply]) as first, LoopbackServer([reply]) as second:
        for server in (first, second):
            with server.client(cache=tmp_path) as audio:
                run(audio, "transcribe", STANDUP)
                run(audio, "translate", STANDUP)
                run(audio, "transcribe", ("standup.ogg", silent_wav(32_000)))
        assert (len(first.requests), len(second.requests)) == (3, 3)


def test_usage_of_cached_pieces(
    run: Run, cuts: ExpectedPieces, refuses_one: RefuseOnePiece, tmp_path: Path
) -> None:
    """The usage of a call covers the pieces it sent, and not the cached ones."""
    recogniser = PieceRecogniser(cuts, refuses_one)
    with (
        LoopbackServer([recogniser]) as server,
        server.client(max_concurrency=3, cache=tmp_path) as audio,
    ):
        with pytest.raises(InvalidRequestError) as caught:
            transcribe_standup(run, audio)
        assert caught.value.partial
        assert caught.value.partial.transcript.usage == Usage(seconds=2.0)
        refuses_one.is_refusing = False
        assert transcribe_standup(run, audio).usage == Usage(seconds=len(cuts.spans) - 2.0)
        assert transcribe_standup(run, audio).usage is None


def test_closed(run: Run, tmp_path: Path) -> None:
    """A closed client does not use its cache, and closes the file."""
    with LoopbackServer([respond_json({"text": "Once."})]) as server:
        with server.client(cache=tmp_path) as audio:
            run(audio, "transcribe", STANDUP)
            assert len([*tmp_path.iterdir()]) > 1
        with pytest.raises(ConfigurationError, match="This client is closed"):
            run(audio, "transcribe", STANDUP)
    assert len([*tmp_path.iterdir()]) == 1
