"""Calls of a service that fails often leave nothing behind."""

import subprocess
import sys
from pathlib import Path

import pytest

LEAKS = Path(__file__).parents[2] / "benchmarks" / "leaks.py"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are listed there")
def test_nothing_is_left() -> None:
    """After hundreds of calls, there are no more descriptors, threads and objects than before."""
    command = [sys.executable, str(LEAKS), "--number", "280"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "280 calls, {'results': " in finished.stdout
