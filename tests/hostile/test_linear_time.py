"""Everything that reads text from outside takes linear time, whatever the text repeats."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.hostile.readers import READERS

MEASURE_READERS = Path(__file__).parents[1] / "support" / "processes" / "measure_readers.py"
PAIRS = 200 if os.environ.get("APERTIS_LONG_TESTS") else 0
"""Pairs of tokens for each reader, besides each token alone; the short form is every other one."""
MAX_RATIO = 8.0
"""Of the times for four times the text: 4 is linear, 16 quadratic."""


@pytest.mark.timeout(1800)
def test_linear_time() -> None:
    """Four times the text takes about four times as long, for each reader and shape."""
    result = subprocess.run(
        [sys.executable, str(MEASURE_READERS), str(PAIRS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    measured = [json.loads(line) for line in result.stdout.splitlines()]
    slow = [each for each in measured if each[2] and each[3] > MAX_RATIO * each[2]]
    assert not slow
    assert {name for name, *_ in measured} == set(READERS)
