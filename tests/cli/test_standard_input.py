"""Recordings from standard input."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from apertis_audio_tools.cli import app

CLIP = Path(__file__).parents[1] / "clips" / "clip.mp3"
TEXT = "The meeting is tomorrow."


@pytest.fixture(autouse=True)
def _sandbox(sandbox_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APERTIS_BASE_URL", sandbox_url)
    monkeypatch.setenv("APERTIS_API_KEY", "sk-anybody")


def apertis(*args: object, stdin: bytes = b"") -> Result:
    """Run the command with these arguments and this standard input."""
    return CliRunner().invoke(app, [str(arg) for arg in args], input=stdin)


@pytest.mark.parametrize("command", ["transcribe", "translate"])
def test_recording(command: str, tmp_path: Path) -> None:
    """Standard input is a recording named stdin."""
    outcome = apertis(command, "-", CLIP.with_suffix(".ogg"), stdin=CLIP.read_bytes())
    assert outcome.stdout.count(TEXT) == 2
    assert "== stdin" in outcome.stdout
    assert apertis(command, "-", "-o", tmp_path, stdin=CLIP.read_bytes()).exit_code == 0
    assert TEXT in (tmp_path / "stdin.txt").read_text()


def test_clip() -> None:
    """A question can be about standard input."""
    reply = apertis("ask", "Repeat what is said in this recording.", "-", stdin=CLIP.read_bytes())
    assert "tomorrow" in reply.stdout.lower()


@pytest.mark.parametrize(("stdin", "words"), [(b"", "is empty"), (b"no " * 99, "not on the list")])
@pytest.mark.parametrize("command", [("transcribe",), ("ask", "What is it?")])
def test_not_a_recording(command: tuple[str, ...], stdin: bytes, words: str) -> None:
    """Standard input that is not a recording is reported as stdin."""
    outcome = apertis(*command, "-", stdin=stdin)
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr.startswith(f"error: stdin {words}" if not stdin else "error: stdin is")
    assert words in outcome.stderr


def test_pipe() -> None:
    """Standard input may be a pipe, which cannot seek."""
    command = [sys.executable, "-m", "apertis_audio_tools", "transcribe", "-", "--format", "json"]
    with CLIP.open("rb") as file, subprocess.Popen(["cat"], stdin=file, stdout=-1) as cat:
        ended = subprocess.run(command, stdin=cat.stdout, capture_output=True, check=True)
        cat.communicate()
    assert json.loads(ended.stdout)["source"] == "stdin"


def test_file_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file named - can be named with its folder."""
    monkeypatch.chdir(tmp_path)
    Path("-").write_bytes(CLIP.read_bytes())
    assert TEXT in apertis("transcribe", "./-").stdout
