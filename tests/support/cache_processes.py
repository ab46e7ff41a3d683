"""Processes that use a cache, and transcripts to put into it."""

import os
import random
import signal
import sys
from pathlib import Path
from typing import Protocol

from apertis_audio_tools import Transcript
from apertis_audio_tools.pipeline.cache import TranscriptCache


class Barrier(Protocol):
    """Of `threading` or `multiprocessing`."""

    def wait(self, timeout: float) -> int:
        """Until all are there."""


def noise(seed: int) -> Transcript:
    """A transcript that takes some 700 bytes, however well it is compressed."""
    return Transcript(text=random.Random(seed).randbytes(600).hex())


def use(folder: Path, first: int, ready: Barrier) -> None:
    """Put and get with others at once; exit code 0 when everything was found again."""
    kept = TranscriptCache(folder)
    ready.wait(60)
    for number in range(first, first + 40):
        kept.put(f"{number}", noise(number))
        kept.put("shared", noise(number))
        if kept.get(f"{number}") != noise(number) or kept.get("shared") is None:
            sys.exit(1)
    kept.close()


def put_and_die(folder: Path) -> None:
    """Nothing is closed, flushed or said."""
    TranscriptCache(folder).put("noise", noise(1))
    os.kill(os.getpid(), signal.SIGKILL)
