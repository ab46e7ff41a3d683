"""The command says what a run costs, before and after, and stops at a limit."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from apertis_audio_tools.cli import app
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json
from support.wav_files import write_silent_wav


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    """Return two recordings of ten seconds."""
    return [write_silent_wav(tmp_path / f"{rate}.wav", 20 * rate, rate) for rate in (4000, 8000)]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    """Yield a service that transcribes everything."""
    monkeypatch.setenv("APERTIS_API_KEY", "sk-costs-test")
    with LoopbackServer([respond_json({"text": "Words."})]) as server:
        monkeypatch.setenv("APERTIS_BASE_URL", server.url)
        yield server


def apertis(*args: object) -> Result:
    """Run the command with these arguments."""
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.mark.parametrize("command", ["transcribe", "translate"])
def test_dry_run(command: str, server: LoopbackServer, recordings: list[Path]) -> None:
    """A dry run prints a line for each recording and a total, and sends no audio."""
    options = ("--dry-run", "--uplink-mbps", 1, "--model", "whisper-1")
    outcome = apertis(command, *recordings, *options)
    *_, total = (line.split("\t") for line in outcome.stdout.splitlines())
    assert outcome.exit_code == 0, outcome.stderr
    assert total == ["total", "2", "0", "2", "20.0", "0.24", "0.0020"]
    assert "$0.36 an hour of audio (OpenRouter's pages" in outcome.stderr
    assert "The upload takes 0.0 minutes." in outcome.stderr
    assert [each.method for each in server.requests] == ["GET"]


@pytest.mark.usefixtures("server")
def test_dry_run_without_a_price(recordings: list[Path], tmp_path: Path) -> None:
    """A price that is not known is unknown, and an unreadable recording is an error."""
    damaged = tmp_path / "damaged.mp3"
    damaged.write_bytes(b"no audio")
    outcome = apertis(
        "transcribe", *recordings, damaged, "--dry-run", "--model", "gpt-4o-transcribe"
    )
    assert outcome.exit_code == 1
    assert outcome.stdout.splitlines()[-1].endswith("unknown")
    assert "The price of gpt-4o-transcribe for an hour of audio is not known." in outcome.stderr
    assert "damaged.mp3 is damaged" in outcome.stderr


@pytest.mark.parametrize("limit", [("--max-cost", 0.0011), ("--max-audio-seconds", 11)])
def test_limits(server: LoopbackServer, recordings: list[Path], limit: tuple[str, float]) -> None:
    """A limit ends the run, after what was finished was written."""
    outcome = apertis("transcribe", *recordings, "--model", "whisper-1", "--format", "text", *limit)
    assert outcome.exit_code == 1
    assert "Words." in outcome.stdout
    assert "error: The request was not sent: max_" in outcome.stderr
    assert "Used in this run: 10.0 s of audio, $0.0010 by the known prices." in outcome.stderr
    assert sum("/audio/" in each.target for each in server.requests) == 1


def test_unknown_price(server: LoopbackServer, recordings: list[Path]) -> None:
    """A limit on an unknown cost is wrong usage, and no audio is sent."""
    options = ("--model", "gpt-4o-transcribe", "--max-cost", 1)
    outcome = apertis("transcribe", *recordings, *options)
    assert outcome.exit_code == 2
    assert "is not known; nothing was sent" in outcome.stderr
    assert not [each for each in server.requests if "/audio/" in each.target]
