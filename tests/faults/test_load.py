"""Many concurrent transcriptions by a service that limits, refuses and resets some of them."""

import subprocess
import sys
from pathlib import Path

import pytest

LOAD = Path(__file__).parents[2] / "benchmarks" / "load.py"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_many_at_once(mode: str) -> None:
    """Every transcript arrives once, in few requests, and none is sent during a cooldown."""
    size = ("--number", "60", "--concurrency", "16", "--retry-after", "0.5")
    command = [sys.executable, str(LOAD), *size, "--modes", mode]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "| correct transcripts, each once | 60 of 60 |" in finished.stdout
