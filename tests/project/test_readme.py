"""Every block of Python in the README and in docs/, and every command, runs as it is written."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.doc_pages import CLIPS, PAGES, blocks, furnish, run_here

PYTHON = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, block in enumerate(blocks(page, "python"))
    if not re.match(r"# \S+\.py\n", block)  # a file for a host, which `make plugins` runs
]
COMMANDS = [
    line.partition("#")[0].strip()
    for page in PAGES
    for block in blocks(page, "sh")
    for line in block.splitlines()
    if line.startswith("apertis-audio") and "sandbox" not in line
]


@pytest.fixture
def folder(tmp_path: Path, sandbox_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the pages speak of, and an environment that points to the sandbox."""
    commands = Path(sys.executable).parent
    monkeypatch.setenv("APERTIS_API_KEY", "sk-reader")
    monkeypatch.setenv("APERTIS_AUDIO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("APERTIS_BASE_URL", sandbox_url)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return furnish(tmp_path)


# LlamaIndex's agents look at all their members, the deprecated ones of pydantic too.
@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
@pytest.mark.filterwarnings("ignore:The function `loads` is in beta")
@pytest.mark.parametrize("block", PYTHON)
def test_python(folder: Path, block: str) -> None:
    """A block of Python runs."""
    run_here(block, str(folder / "pasted.py"))


@pytest.mark.parametrize("line", COMMANDS)
def test_command(folder: Path, line: str) -> None:
    """A command runs, and says on standard error why not if it fails."""
    shutil.copy(CLIPS / "clip.mp3", folder / "release.mp3")
    finished = subprocess.run(["bash", "-ec", line], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def test_something_is_found() -> None:
    """There are both."""
    assert PYTHON
    assert COMMANDS
