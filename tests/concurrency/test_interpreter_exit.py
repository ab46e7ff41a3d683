"""A thread can use a client after the main thread has ended.

Python starts no thread of an executor then.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.fake_clock import IGNORE_RETIREMENT
from support.loopback_server import LoopbackServer
from support.timeouts import TIMEOUT
from support.tiny_recordings import NameRecogniser

PROGRAM = Path(__file__).parents[1] / "support" / "processes" / "thread_outlives_main.py"


def output_of(server: LoopbackServer, mode: str, recordings: int) -> Any:
    done = subprocess.run(
        [sys.executable, *IGNORE_RETIREMENT, PROGRAM, server.url, mode, str(recordings)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_thread() -> None:
    """One recording and many are transcribed, and each is sent once."""
    names = NameRecogniser()
    with LoopbackServer([names]) as server:
        assert output_of(server, "sync", 3) == ["0", "1", "2", ["0", "1", "2"]]
    assert names.received == ["0", "1", "2"] * 2


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="asyncio.run needs a thread of its own")
def test_event_loop() -> None:
    """Event loops need such threads, which the error says."""
    with LoopbackServer([NameRecogniser()]) as server:
        one, *_, several = output_of(server, "async", 2)
    assert one[0] == "ApertisError"
    assert "The program is ending" in one[1]
    assert several == one
