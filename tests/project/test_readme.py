"""Every Python example and every command in the README and in docs/ runs as written."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from apertis_audio_tools import NotFoundError
from apertis_audio_tools.sandbox import Sandbox, Whisper
from apertis_audio_tools.transport.retry import SystemClock
from support.caching_recogniser import CachingRecogniser
from support.doc_pages import CLIPS, PAGES, ROOT, code_blocks, copy_recordings, run_code

SPRING = date(2027, 3, 1)
"""A day on which most models of the reference have retired."""
IS_LONG = bool(os.environ.get("APERTIS_LONG_TESTS"))
PYTHON = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(code_blocks(page, "python"))
    if not re.match(r"# \S+\.py\n", block)  # a plugin's file, which `make plugins` runs
]
COMMANDS = [
    line.partition("#")[0].strip()
    for page in PAGES
    for block in code_blocks(page, "sh")
    for line in block.splitlines()
    if line.startswith("apertis-audio") and "sandbox" not in line
]


@pytest.fixture(scope="module")
def spring_url() -> Iterator[str]:
    """Yield the base URL of a sandbox in spring."""
    with Whisper() as engine, Sandbox(recogniser=CachingRecogniser(engine), today=SPRING) as url:
        yield url


@pytest.fixture
def folder(tmp_path: Path, sandbox_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the files that pages mention; the environment selects the sandbox."""
    commands = Path(sys.executable).parent
    monkeypatch.setenv("APERTIS_API_KEY", "sk-reader")
    monkeypatch.setenv("APERTIS_AUDIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("APERTIS_BASE_URL", sandbox_url)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return copy_recordings(tmp_path)


# LlamaIndex's agents inspect all their members, including deprecated ones of pydantic.
@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
@pytest.mark.parametrize("block", PYTHON)
def test_python(folder: Path, block: str) -> None:
    """A Python example runs without an error."""
    run_code(block, str(folder / "pasted.py"))


@pytest.mark.model_list
@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
@pytest.mark.parametrize(
    "block", PYTHON if IS_LONG else [each for each in PYTHON if str(each.id).startswith("README")]
)
def test_python_in_spring(
    folder: Path, spring_url: str, monkeypatch: pytest.MonkeyPatch, block: str
) -> None:
    """A Python example runs when models have retired, or ends in the sentence about audio chat."""
    monkeypatch.setenv("APERTIS_BASE_URL", spring_url)
    monkeypatch.setattr(SystemClock, "today", lambda _: SPRING)
    sentence = ""
    try:
        run_code(block, str(folder / "pasted.py"))
    except NotFoundError as error:
        sentence = str(error)
    assert not sentence or "chat with audio. gpt-4o-audio-preview retired" in sentence
    assert not sentence or "Transcribe the clips" in sentence


@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
@pytest.mark.parametrize("page", ["langchain", "llama_index"])
def test_framework_pages(
    tmp_path: Path, sandbox_url: str, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    """The examples on the page of a framework run top to bottom in an empty folder."""
    monkeypatch.setenv("APERTIS_API_KEY", "sk-reader")
    monkeypatch.setenv("APERTIS_BASE_URL", sandbox_url)
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {"__name__": "__main__"}
    for block in code_blocks(ROOT / "docs" / f"{page}.md", "python"):
        run_code(block, str(tmp_path / "pasted.py"), space=space)


@pytest.mark.parametrize("line", COMMANDS)
def test_command(folder: Path, line: str) -> None:
    """A command runs without an error."""
    shutil.copy(CLIPS / "clip.mp3", folder / "release.mp3")
    finished = subprocess.run(["bash", "-ec", line], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_pages_have_examples() -> None:
    """The pages contain Python examples and commands."""
    assert PYTHON
    assert COMMANDS
