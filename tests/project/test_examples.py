"""Every example runs without a key as its docstring says, and prints what it should."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.fake_clock import IGNORE_RETIREMENT

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
CITATIONS = ["llama_index_citations.py", "recordings", "When is the meeting?", "--sandbox"]
RAG = ["langchain_rag.py", "recordings", "When is the meeting?", "--sandbox"]
LLAMA_AGENT = ["llama_index_agent.py", "recordings/standup.ogg", "--sandbox"]
VOICE_AGENT = ["langchain_voice_agent.py", "recordings/standup.ogg", "--sandbox"]
WARNINGS = (
    *("-W", "error", "-W", "ignore::DeprecationWarning:inspect"),
    *IGNORE_RETIREMENT,
)
"""LlamaIndex's agents inspect all their members, including deprecated ones of pydantic."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a recording, and nothing of this project."""
    (tmp_path / "recordings").mkdir()
    shutil.copy(ROOT / "tests" / "clips" / "clip.ogg", tmp_path / "recordings" / "standup.ogg")
    return tmp_path


def run(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    script, *arguments = command
    return subprocess.run(
        [sys.executable, *WARNINGS, EXAMPLES / script, *arguments],
        cwd=folder,
        env={**os.environ, "APERTIS_AUDIO_CACHE": "0"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (CITATIONS, ["Source 1, standup.ogg 00:00:00: The meeting is tomorrow."]),
        (RAG, ["[standup.ogg 00:00:00] The meeting is tomorrow."]),
        (
            [*RAG, "--model", "apertis:gpt-4o-audio-preview"],
            ["Found in:", "at [standup.ogg 00:00:00]"],
        ),
        (VOICE_AGENT, ["You: The meeting is tomorrow.", "Listen to reply.mp3 ("]),
        (LLAMA_AGENT, ["speak_text: Spoken into the file", "Listen to ", "The tool answered: "]),
    ],
)
def test_example(folder: Path, command: list[str], output: list[str]) -> None:
    """The example prints the expected output, and nothing on standard error."""
    finished = run(folder, command)
    assert finished.stderr == ""
    assert finished.returncode == 0
    for each in output:
        assert each in finished.stdout


@pytest.mark.parametrize(
    ("command", "output"),
    [
        (["langchain_rag.py", "recordings", "When?"], "There is no API key"),
        (["llama_index_agent.py", "nothing.ogg"], "There is no file nothing.ogg"),
    ],
)
def test_mistakes_are_one_sentence(folder: Path, command: list[str], output: str) -> None:
    """A mistake is reported in one line, without a traceback."""
    finished = run(folder, command)
    assert finished.returncode == 1
    assert output in finished.stderr
    assert finished.stderr.count("\n") == 1


def test_page_includes_every_example() -> None:
    """The page of examples includes each program, in the syntax of the site generator."""
    page = (ROOT / "docs" / "examples.md").read_text("utf-8")
    included = re.findall(r'^--8<-- "examples/(.+)"$', page, re.MULTILINE)
    assert sorted(included) == sorted(path.name for path in (ROOT / "examples").glob("*.py"))
