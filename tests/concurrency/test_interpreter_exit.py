"""A thread that outlives the main thread: Python starts no thread of a pool for it any more."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.loopback import Loopback
from support.timeouts import PATIENCE
from support.tiny_recordings import Names

PROGRAM = Path(__file__).parents[1] / "support" / "processes" / "thread_outlives_main.py"


def output_of(server: Loopback, colour: str, recordings: int) -> Any:
    done = subprocess.run(
        [sys.executable, PROGRAM, server.url, colour, str(recordings)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_thread() -> None:
    """It is served all the same, one recording and many, each of them sent once."""
    names = Names()
    with Loopback([names]) as server:
        assert output_of(server, "sync", 3) == ["0", "1", "2", ["0", "1", "2"]]
    assert names.received == ["0", "1", "2"] * 2


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="asyncio.run needs a thread of its own")
def test_event_loop() -> None:
    """An event loop cannot do without such threads, which is told in a sentence."""
    with Loopback([Names()]) as server:
        one, *_, several = output_of(server, "async", 2)
    assert one[0] == "ApertisError"
    assert "The program is ending" in one[1]
    assert several == [one[1], one[1]]
