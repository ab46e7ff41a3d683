"""Memory that estimated times take, in a process of their own."""

import json
import os
import random
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json

PROCESS = Path(__file__).parents[1] / "support" / "processes" / "measure_estimates.py"
HOURS = 10.0 if os.environ.get("APERTIS_LONG_TESTS") else 0.5
RATE = 8_000
MEGABYTE = 1_000_000
TEXT = "The new version will go out on Thursday, and nobody knows when the next one will. " * 60


def write_speech(path: Path, hours: float) -> Path:
    """Write a recording in which noise of two seconds and pauses of one alternate."""
    noise = random.Random(0).randbytes(2 * RATE) + b"\x80" * RATE
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 1, RATE, 0, "NONE", ""))
        for _ in range(round(hours * 3600 / 3)):
            file.writeframes(noise)
    return path


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    """Segments of hours take little more memory than those of a piece of 15 minutes."""
    short, long = write_speech(tmp_path / "a.wav", 0.25), write_speech(tmp_path / "b.wav", HOURS)
    with LoopbackServer([respond_json({"text": TEXT})]) as server:
        command = [sys.executable, str(PROCESS), server.url, str(short), str(long)]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures = json.loads(output)
    assert figures["segments"] >= 60 * (HOURS / 0.25)
    assert figures["peak"] < 150 * MEGABYTE
    assert figures["growth"] < 30 * MEGABYTE
