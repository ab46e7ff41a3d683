"""Functions that child processes run on a transcript cache."""

import os
import random
import signal
import sys
from pathlib import Path
from typing import Protocol

from apertis_audio_tools import Transcript
from apertis_audio_tools.pipeline.cache import TranscriptCache


class Barrier(Protocol):
    """A barrier of `threading` or `multiprocessing`."""

    def wait(self, timeout: float) -> int:
        """Wait until all parties have arrived."""


def noise(seed: int) -> Transcript:
    """Return a transcript that takes about 700 bytes even when compressed."""
    return Transcript(text=random.Random(seed).randbytes(600).hex())


def use(folder: Path, first: int, ready: Barrier) -> None:
    """Put and get transcripts while other processes do; exit with 1 if one is not found again."""
    cache = TranscriptCache(folder)
    ready.wait(60)
    for number in range(first, first + 40):
        cache.put(f"{number}", noise(number))
        cache.put("shared", noise(number))
        if cache.get(f"{number}") != noise(number) or cache.get("shared") is None:
            sys.exit(1)
    cache.close()


def put_and_die(folder: Path) -> None:
    """Put a transcript and kill the process, without closing or flushing anything."""
    TranscriptCache(folder).put("noise", noise(1))
    os.kill(os.getpid(), signal.SIGKILL)
