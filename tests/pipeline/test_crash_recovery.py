"""A crash loses nothing that was paid for."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.loopback import Exchange, Loopback
from support.piece_recogniser import STANDUP, Cuts, Recogniser

PIECE_SECONDS = 2.0
AT_ONCE = 4
PATIENCE = 100.0
"""Seconds, for each of three processes."""
PROGRAM = Path(__file__).parents[1] / "support" / "processes" / "transcribe_with_cache.py"


class StopsAfter:
    """Answers so many pieces; those that follow are held until the client is gone."""

    def __init__(self, answers: float) -> None:
        self.has_stopped = threading.Semaphore(0)
        self._left = answers
        self._lock = threading.Lock()

    def __call__(self, _: int, exchange: Exchange) -> bool:
        """True when there is no answer."""
        with self._lock:
            self._left -= 1
            is_over = self._left < 0
        if is_over:
            self.has_stopped.release()
            exchange.wait_for_disconnect()
        return is_over


@contextlib.contextmanager
def started(server: Loopback, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that transcribes, until it is killed in the end."""
    arguments = [server.url, STANDUP, folder, PIECE_SECONDS, AT_ONCE]
    command = [sys.executable, str(PROGRAM), *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_killed_twice(tmp_path: Path) -> None:
    """Killed twice in the middle of its work, the third run sends only what is missing.

    No piece is sent more often than it was under way when the process was killed.
    """
    cuts = Cuts.of(STANDUP, PIECE_SECONDS)
    recogniser = Recogniser(cuts)
    assert len(cuts.spans) >= 40
    with Loopback([recogniser]) as server:
        for answers in (15, 12):
            recogniser.before = stops = StopsAfter(answers)
            with started(server, tmp_path):
                assert all(stops.has_stopped.acquire(timeout=PATIENCE) for _ in range(AT_ONCE))
            server.wait_until_disconnected()
        recogniser.before = StopsAfter(float("inf"))
        with started(server, tmp_path) as process:
            text, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert text == " ".join(cuts.texts)
    assert set(recogniser.counts) == set(range(len(cuts.spans)))
    assert len(recogniser.received) <= len(cuts.spans) + 2 * AT_ONCE
    assert max(recogniser.counts.values()) <= 3
