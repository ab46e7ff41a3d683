"""Cached pieces are not sent again."""

from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import ConfigurationError, InvalidRequestError, Usage
from support.loopback import Exchange, Loopback
from support.piece_recogniser import STANDUP, Cuts, Recogniser
from support.scripted_responses import json_answer
from support.standup_pieces import RefusesOne, transcribed
from support.sync_async import Run
from support.wav_files import silence_of


def test_next_attempt(run: Run, cuts: Cuts, refuses_one: RefusesOne, tmp_path: Path) -> None:
    """With a cache, the next attempt sends only missing pieces, and the one after it nothing."""
    recogniser = Recogniser(cuts, refuses_one)
    with (
        Loopback([recogniser]) as server,
        server.client(max_concurrency=3, cache=tmp_path) as audio,
    ):
        with pytest.raises(InvalidRequestError):
            transcribed(run, audio)
        recogniser.received.clear()
        refuses_one.is_refusing = False
        whole = transcribed(run, audio)
        assert sorted(recogniser.received) == [1, *range(3, len(cuts.spans))]
        assert whole.text == " ".join(cuts.texts)
        recogniser.received.clear()
        assert transcribed(run, audio) == whole.model_copy(update={"usage": None})
        assert recogniser.received == []


def test_cached_whole(run: Run, tmp_path: Path) -> None:
    """A recording that is sent whole is cached too, also for other clients."""
    answer = json_answer({"text": "Once.", "language": "english"})
    with Loopback([answer]) as server:
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
    ],
)
def test_other_options(run: Run, tmp_path: Path, other: dict[str, Any]) -> None:
    """The cache is not used if any option differs."""
    srt = b"1\n00:00:00,000 --> 00:00:01,000\nOnce.\n"
    answer = json_answer({"text": "Once."})

    def either(exchange: Exchange) -> None:
        if "response_format" in other and exchange.received.number:
            exchange.read_body()
            exchange.write_head(200, {"content-length": str(len(srt))}, srt)
        else:
            answer(exchange)

    with Loopback([either]) as server, server.client(cache=tmp_path) as audio:
        run(audio, "transcribe", STANDUP)
        run(audio, "transcribe", STANDUP, **other)
    assert len(server.requests) >= 2


def test_another_service_content_or_task(run: Run, tmp_path: Path) -> None:
    """The cache is not used for another service, another recording or another task."""
    answer = json_answer({"text": "Once."})
    with Loopback([answer]) as first, Loopback([answer]) as second:
        for server in (first, second):
            with server.client(cache=tmp_path) as audio:
                run(audio, "transcribe", STANDUP)
                run(audio, "translate", STANDUP)
                run(audio, "transcribe", ("standup.ogg", silence_of(32_000)))
        assert (len(first.requests), len(second.requests)) == (3, 3)


def test_usage_of_cached_pieces(
    run: Run, cuts: Cuts, refuses_one: RefusesOne, tmp_path: Path
) -> None:
    """The usage of a call covers the pieces it sent, and not the cached ones."""
    recogniser = Recogniser(cuts, refuses_one)
    with (
        Loopback([recogniser]) as server,
        server.client(max_concurrency=3, cache=tmp_path) as audio,
    ):
        with pytest.raises(InvalidRequestError) as caught:
            transcribed(run, audio)
        assert caught.value.partial
        assert caught.value.partial.transcript.usage == Usage(seconds=2.0)
        refuses_one.is_refusing = False
        assert transcribed(run, audio).usage == Usage(seconds=len(cuts.spans) - 2.0)
        assert transcribed(run, audio).usage is None


def test_closed(run: Run, tmp_path: Path) -> None:
    """A closed client does not use its cache, and closes the file."""
    with Loopback([json_answer({"text": "Once."})]) as server:
        with server.client(cache=tmp_path) as audio:
            run(audio, "transcribe", STANDUP)
            assert len([*tmp_path.iterdir()]) > 1
        with pytest.raises(ConfigurationError, match="This client is closed"):
            run(audio, "transcribe", STANDUP)
    assert len([*tmp_path.iterdir()]) == 1
