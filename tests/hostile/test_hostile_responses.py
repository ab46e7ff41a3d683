"""Hostile responses of any shape end in a result or a typed error, at little cost."""

import subprocess
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[2] / "benchmarks" / "fuzz_responses.py"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_hostile_responses() -> None:
    """A sample of the responses of the benchmark, sync and async, has no faults."""
    command = [sys.executable, str(FUZZ), "--count=30", "--processor=30", "--seconds=100"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "30 responses, 60 calls, 0 faults" in result.stdout
