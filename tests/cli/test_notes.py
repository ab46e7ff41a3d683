"""Notes on standard error: missing times, usage, cached transcripts."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apertis_audio_tools.cli import app
from support.loopback_server import Behaviour, LoopbackServer
from support.scripted_responses import respond_error, respond_json

STANDUP = Path(__file__).parents[2] / "examples" / "data" / "standup.ogg"
CLIP = Path(__file__).parents[1] / "clips" / "clip.mp3"
OGG = CLIP.with_suffix(".ogg")
TIMELESS = "gpt-4o-transcribe"
A_MINUTE = {"type": "duration", "seconds": 61}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    """Yield a server whose responses have no usage by default."""
    monkeypatch.setenv("APERTIS_API_KEY", "sk-anybody")
    with LoopbackServer([transcript_with(None)]) as server:
        monkeypatch.setenv("APERTIS_BASE_URL", server.url)
        yield server


def transcript_with(usage: object) -> Behaviour:
    """Return the behaviour of a server that sends a transcript with a usage."""
    return respond_json({"text": "Once.", "usage": usage})


def notes_of(*args: object) -> list[str]:
    """Run the command and return the lines on standard error."""
    return CliRunner().invoke(app, [str(arg) for arg in args]).stderr.splitlines()


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("form", ["passages", "srt", "vtt"])
def test_models_without_times(form: str) -> None:
    """A note says that a model returns no times, and that they are estimated."""
    note = notes_of("transcribe", CLIP, "--model", TIMELESS, "--format", form)[0]
    assert TIMELESS in note
    assert "estimated" in note


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
def test_no_note_about_times(options: list[object]) -> None:
    """There is no note if times are known, not shown or chosen, or if nothing is sent."""
    assert "estimated" not in str(notes_of("transcribe", CLIP, *options))


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        (A_MINUTE, "122.0 s of audio, $0.0122 by the known prices"),
        (A_MINUTE | {"cost": 0.25}, "122.0 s of audio, $0.5000 as reported by the service"),
        (
            {"input_tokens": 1200, "output_tokens": 20},
            "2.5 s of audio, 2400 input tokens, 40 output tokens, $0.00025 by the known prices",
        ),
    ],
)
def test_usage(usage: object, counted: str, server: LoopbackServer) -> None:
    """The usage and the cost of all recordings of a run are summed."""
    server.script = [transcript_with(usage)]
    assert f"Used in this run: {counted}." in notes_of("transcribe", CLIP, OGG)


@pytest.mark.parametrize("usage", [None, {}, {"seconds": 0}])
def test_no_usage(usage: object, server: LoopbackServer) -> None:
    """If the service reports no usage, it is that of the requests."""
    server.script = [transcript_with(usage)]
    note = "Used in this run: 1.3 s of audio, $0.00013 by the known prices."
    assert note in notes_of("translate", CLIP)


def test_usage_of_a_failure(server: LoopbackServer) -> None:
    """The usage includes the finished pieces of recordings that failed."""
    server.script = [transcript_with(A_MINUTE), respond_error(402, "insufficient_balance")]
    notes = str(notes_of("transcribe", STANDUP, "--piece-seconds", 10))
    assert "Used in this run: 61.0 s of audio, $0.0061" in notes


def test_cached_transcripts(
    server: LoopbackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cached transcripts are not billed again, and `cache` shows their number."""
    monkeypatch.setenv("APERTIS_AUDIO_CACHE", str(tmp_path / "cache"))
    assert notes_of("cache") == ["Cached transcripts: 0 (0 bytes)."]
    assert not (tmp_path / "cache").exists()
    server.script = [transcript_with(A_MINUTE)]
    assert "Used in this run: 61.0 s of audio, $0.0061" in str(notes_of("transcribe", CLIP))
    assert "Used" not in str(notes_of("transcribe", CLIP))
    (note,) = notes_of("cache")
    assert re.fullmatch(r"Cached transcripts: 1 \(\d+ bytes\)\.", note)
