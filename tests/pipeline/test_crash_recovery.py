"""After a crash, finished pieces are not sent again."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.loopback_server import Exchange, LoopbackServer
from support.piece_recogniser import STANDUP, ExpectedPieces, PieceRecogniser

PIECE_SECONDS = 2.0
MAX_CONCURRENCY = 4
TIMEOUT = 100.0
"""Seconds for each of three processes."""
PROGRAM = Path(__file__).parents[1] / "support" / "processes" / "transcribe_with_cache.py"


class RespondToFirst:
    """A behaviour that responds to the first pieces and holds all others until the client ends."""

    def __init__(self, responses: float) -> None:
        self.has_stopped = threading.Semaphore(0)
        self._left = responses
        self._lock = threading.Lock()

    def __call__(self, _: int, exchange: Exchange) -> bool:
        """Return True if no response is sent."""
        with self._lock:
            self._left -= 1
            is_held = self._left < 0
        if is_held:
            self.has_stopped.release()
            exchange.wait_for_disconnect()
        return is_held


@contextlib.contextmanager
def run_process(server: LoopbackServer, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that transcribes, and kill it at the end."""
    arguments = [server.url, STANDUP, folder, PIECE_SECONDS, MAX_CONCURRENCY]
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_killed_twice(tmp_path: Path) -> None:
    """After two runs that were killed, the third run sends only the missing pieces.

    A piece is sent again only if it was in progress when a process was killed.
    """
    cuts = ExpectedPieces.cut(STANDUP, PIECE_SECONDS)
    recogniser = PieceRecogniser(cuts)
    assert len(cuts.spans) >= 40
    with LoopbackServer([recogniser]) as server:
        for responses in (15, 12):
            recogniser.before = behaviour = RespondToFirst(responses)
            with run_process(server, tmp_path):
                assert all(
                    behaviour.has_stopped.acquire(timeout=TIMEOUT) for _ in range(MAX_CONCURRENCY)
                )
            server.wait_until_disconnected()
        recogniser.before = RespondToFirst(float("inf"))
        with run_process(server, tmp_path) as process:
            text, _ = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0
    assert text == " ".join(cuts.texts)
    assert set(recogniser.counts) == set(range(len(cuts.spans)))
    assert len(recogniser.received) <= len(cuts.spans) + 2 * MAX_CONCURRENCY
    assert max(recogniser.counts.values()) <= 3
