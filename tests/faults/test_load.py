"""Many transcriptions at once from a service that limits, refuses and breaks off some of them."""

import subprocess
import sys
from pathlib import Path

import pytest

LOAD = Path(__file__).parents[2] / "benchmarks" / "load.py"


@pytest.mark.slow
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_many_at_once(colour: str) -> None:
    """All arrive, each once, in few requests, and nobody sends while the service wants to rest."""
    size = ("--number", "60", "--at-once", "16", "--retry-after", "0.5")
    command = [sys.executable, str(LOAD), *size, "--colours", colour]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert "| right transcripts, each once | 60 of 60 |" in told.stdout
