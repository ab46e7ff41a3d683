"""Every block of Python and every command in the README runs as it is written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(
    r"^```(\w+)\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)
PYTHON = [text for language, text in BLOCKS if language == "python"]
COMMANDS = [
    line.partition("#")[0].strip()
    for language, text in BLOCKS
    for line in text.splitlines()
    if language == "sh" and line.startswith("apertis-audio") and "sandbox" not in line
]


@pytest.fixture
def reader(tmp_path: Path, sandbox_url: str) -> tuple[Path, dict[str, str]]:
    """A folder with what the README speaks of, and an environment that points to the sandbox.

    The stand-up is a short clip here: that the real one is heard is another test's business.
    """
    clips, examples = ROOT / "tests" / "clips", tmp_path / "examples" / "data"
    examples.mkdir(parents=True)
    shutil.copy(clips / "clip.ogg", examples / "standup.ogg")
    shutil.copy(ROOT / "README.md", tmp_path)
    for name in ("meeting.m4a", "interview.mp3", "besprechung.ogg", "release.mp3"):
        shutil.copy(clips / f"clip{Path(name).suffix}", tmp_path / name)
    commands = Path(sys.executable).parent
    variables = {
        "APERTIS_API_KEY": "sk-reader",
        "APERTIS_AUDIO_CACHE": str(tmp_path / "cache"),
        "APERTIS_BASE_URL": sandbox_url,
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
    }
    return tmp_path, {**os.environ, **variables}


def run(command: list[str], reader: tuple[Path, dict[str, str]]) -> None:
    """Fails with what the command wrote on standard error."""
    folder, variables = reader
    outcome = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize("block", PYTHON)
def test_python(reader: tuple[Path, dict[str, str]], block: str) -> None:
    """A block of Python runs."""
    (reader[0] / "release.mp3").unlink()
    run([sys.executable, "-W", "error", "-c", block], reader)


@pytest.mark.parametrize("line", COMMANDS)
def test_command(reader: tuple[Path, dict[str, str]], line: str) -> None:
    """A command runs."""
    run(["bash", "-ec", line], reader)


def test_something_is_found() -> None:
    """The README has both."""
    assert PYTHON
    assert COMMANDS
