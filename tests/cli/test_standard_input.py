"""Recordings that come through standard input."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from apertis_audio_tools.cli import app

CLIP = Path(__file__).parents[1] / "clips" / "clip.mp3"
SAID = "The meeting is tomorrow."


@pytest.fixture(autouse=True)
def _sandbox(sandbox_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APERTIS_BASE_URL", sandbox_url)
    monkeypatch.setenv("APERTIS_API_KEY", "sk-anybody")


def apertis(*args: object, stdin: bytes = b"") -> Result:
    """The outcome of the command with these arguments."""
    return CliRunner().invoke(app, [str(arg) for arg in args], input=stdin)


@pytest.mark.parametrize("command", ["transcribe", "translate"])
def test_recording(command: str, tmp_path: Path) -> None:
    """It is one recording like the others, and called stdin."""
    outcome = apertis(command, "-", CLIP.with_suffix(".ogg"), stdin=CLIP.read_bytes())
    assert outcome.stdout.count(SAID) == 2
    assert "== stdin" in outcome.stdout
    assert apertis(command, "-", "-o", tmp_path, stdin=CLIP.read_bytes()).exit_code == 0
    assert SAID in (tmp_path / "stdin.txt").read_text()


def test_clip() -> None:
    """A question can be about it."""
    reply = apertis("ask", "Repeat what is said in this recording.", "-", stdin=CLIP.read_bytes())
    assert "tomorrow" in reply.stdout.lower()


@pytest.mark.parametrize(("stdin", "words"), [(b"", "is empty"), (b"no " * 99, "no audio file")])
@pytest.mark.parametrize("command", [("transcribe",), ("ask", "What is it?")])
def test_no_recording(command: tuple[str, ...], stdin: bytes, words: str) -> None:
    """What is none is told under that name."""
    outcome = apertis(*command, "-", stdin=stdin)
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith(f"error: stdin {words}" if not stdin else "error: stdin is")
    assert words in outcome.stderr


def test_pipe() -> None:
    """A pipe, which cannot seek, will do."""
    command = [sys.executable, "-m", "apertis_audio_tools", "transcribe", "-", "--format", "json"]
    with CLIP.open("rb") as file, subprocess.Popen(["cat"], stdin=file, stdout=-1) as cat:
        told = subprocess.run(command, stdin=cat.stdout, capture_output=True, check=True)
        cat.communicate()
    assert json.loads(told.stdout)["source"] == "stdin"


def test_file_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is called - is meant with its folder."""
    monkeypatch.chdir(tmp_path)
    Path("-").write_bytes(CLIP.read_bytes())
    assert SAID in apertis("transcribe", "./-").stdout
