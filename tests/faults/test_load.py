"""Many concurrent transcriptions with a service that limits, refuses and breaks off some."""

import subprocess
import sys
from pathlib import Path

import pytest

LOAD = Path(__file__).parents[2] / "benchmarks" / "load.py"


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_many_at_once(mode: str) -> None:
    """All succeed once, with few requests, and none is sent during a cooldown."""
    size = ("--number", "60", "--at-once", "16", "--retry-after", "0.5")
    command = [sys.executable, str(LOAD), *size, "--colours", mode]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "| right transcripts, each once | 60 of 60 |" in result.stdout
