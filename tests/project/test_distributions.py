"""The wheel and the sdist work in an environment with nothing but what they require.

`make dist` builds both and runs these tests.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.doc_pages import ROOT, code_blocks, copy_recordings

DISTRIBUTIONS = {"wheel": "*.whl", "sdist": "*.tar.gz"}
QUICKSTART = code_blocks(ROOT / "docs" / "quickstart.md", "python")


@pytest.fixture(params=DISTRIBUTIONS)
def python(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return the interpreter of a new environment with one distribution and no extra."""
    if not os.environ.get("APERTIS_DISTRIBUTIONS"):
        pytest.skip("`make dist` builds the distributions")
    (distribution,) = (ROOT / "dist").glob(DISTRIBUTIONS[request.param])
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "bare"], check=True)
    interpreter = tmp_path / "bare" / "bin" / "python"
    subprocess.run([interpreter, "-m", "pip", "install", "--quiet", distribution], check=True)
    return interpreter


@pytest.mark.timeout(600)
def test_quickstart(python: Path, tmp_path: Path, sandbox_url: str) -> None:
    """Every Python example of the quickstart runs, and the command names its extra."""
    folder = tmp_path / "here"
    folder.mkdir()
    copy_recordings(folder)
    environment = {"APERTIS_API_KEY": "sk-reader", "APERTIS_BASE_URL": sandbox_url}
    assert QUICKSTART
    for block in QUICKSTART:
        subprocess.run([python, "-c", block], cwd=folder, env=environment, check=True)
    command = [str(python.with_name("apertis-audio")), "--help"]
    outcome = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert outcome.returncode != 0
    assert "apertis-audio-tools[cli]" in outcome.stdout + outcome.stderr
    assert "Traceback" not in outcome.stderr
