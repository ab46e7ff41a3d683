"""Small files that unpack to something enormous cost no more than other files."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from support.hostile.bombs import BOMBS

pytestmark = pytest.mark.timeout(600)
MEBIBYTE = 1 << 20
MEASURE_BOMBS = Path(__file__).parents[1] / "support" / "processes" / "measure_bombs.py"


@pytest.fixture(scope="module")
def bomb_results() -> dict[str, tuple[list[str], int]]:
    """Return the outcomes and the growth of memory for each bomb, in a process of its own."""
    process = subprocess.run(
        [sys.executable, str(MEASURE_BOMBS)], capture_output=True, check=True, timeout=500
    )
    lines = map(json.loads, process.stdout.splitlines())
    return {name: (outcomes, grown) for name, outcomes, grown in lines}


@pytest.mark.parametrize("name", BOMBS)
def test_memory(name: str, bomb_results: dict[str, tuple[list[str], int]]) -> None:
    """Each check of a bomb ends, and takes less than 200 MiB."""
    outcomes, grown = bomb_results[name]
    assert grown < 200 * MEBIBYTE
    if "cover" in name:
        assert set(outcomes) == {"fine"}


def test_refusals(bomb_results: dict[str, tuple[list[str], int]]) -> None:
    """Files that cannot be audio are refused with a message."""
    for name in ("mp4 of many tracks", "ogg of many streams", "wav of 0 Hz", "midi"):
        outcomes, _ = bomb_results[name]
        assert all(
            outcome.startswith(("RecordingError: ", "ErrorResponse: ")) for outcome in outcomes
        )
