"""What the command notes on standard error: times, prices, what is kept."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apertis_audio_tools.cli import app
from support.loopback import Behaviour, Loopback
from support.scripted_responses import error, json_answer

STANDUP = Path(__file__).parents[2] / "examples" / "data" / "standup.ogg"
CLIP = Path(__file__).parents[1] / "clips" / "clip.mp3"
OGG = CLIP.with_suffix(".ogg")
TIMELESS = "gpt-4o-transcribe"
A_MINUTE = {"type": "duration", "seconds": 61}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A server whose answers have no usage, unless it is told so."""
    monkeypatch.setenv("APERTIS_API_KEY", "sk-anybody")
    with Loopback([answered(None)]) as server:
        monkeypatch.setenv("APERTIS_BASE_URL", server.url)
        yield server


def answered(usage: object) -> Behaviour:
    """A transcript that was counted."""
    return json_answer({"text": "Once.", "usage": usage})


def noted(*args: object) -> list[str]:
    """The lines on standard error."""
    return CliRunner().invoke(app, [str(arg) for arg in args]).stderr.splitlines()


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("form", ["passages", "srt", "vtt"])
def test_models_without_times(form: str) -> None:
    """A model without times makes long lines; that is said first, and what can be done."""
    note = noted("transcribe", CLIP, "--model", TIMELESS, "--format", form)[0]
    assert TIMELESS in note
    assert "--piece-seconds 30" in note


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    "options",
    [
        ["--model", "whisper-1"],
        ["--model", TIMELESS, "--format", "json"],
        ["--model", TIMELESS, "--piece-seconds", 30],
        ["--model", "tts-1"],
    ],
)
def test_nothing_to_note_of_times(options: list[object]) -> None:
    """Nothing is said where times are known, not shown, or chosen, or nothing is sent."""
    assert "--piece-seconds" not in str(noted("transcribe", CLIP, *options))


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (A_MINUTE, "122.0 s of audio"),
        ({"input_tokens": 1200, "output_tokens": 20}, "2400 tokens sent, 40 tokens answered"),
    ],
)
def test_usage(usage: object, counted: str, server: Loopback) -> None:
    """What the service counted is summed over the recordings of a run."""
    server.script = [answered(usage)]
    assert f"Paid for in this run: {counted}." in noted("transcribe", CLIP, OGG)


@pytest.mark.parametrize("usage", [None, {}, {"seconds": 0}])
def test_no_usage(usage: object, server: Loopback) -> None:
    """Nothing is said where the service counted nothing."""
    server.script = [answered(usage)]
    assert "Paid" not in str(noted("translate", CLIP))


def test_usage_of_a_failure(server: Loopback) -> None:
    """The pieces that were answered before a recording failed are paid for, too."""
    server.script = [answered(A_MINUTE), error(402, "insufficient_balance")]
    assert "Paid for in this run: 61.0 s of audio." in noted(
        "transcribe", STANDUP, "--piece-seconds", 10
    )


def test_what_is_kept(server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is not paid for again, and the cache tells how much it holds."""
    monkeypatch.setenv("APERTIS_AUDIO_CACHE", str(tmp_path / "cache"))
    assert noted("cache") == ["Transcripts kept: 0 (0 bytes)."]
    assert not (tmp_path / "cache").exists()
    server.script = [answered(A_MINUTE)]
    assert "Paid for in this run: 61.0 s of audio." in noted("transcribe", CLIP)
    assert "Paid" not in str(noted("transcribe", CLIP))
    (kept,) = noted("cache")
    assert re.fullmatch(r"Transcripts kept: 1 \(\d+ bytes\)\.", kept)
