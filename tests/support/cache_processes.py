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
    """Barrier of `threading` or `multiprocessing`."""

    def wait(self, timeout: float) -> int:
        """Wait until all have arrived."""


def incompressible_transcript(seed: int) -> Transcript:
    """Return a transcript of about 700 bytes, which cannot be compressed further."""
    return Transcript(text=random.Random(seed).randbytes(600).hex())


def use_cache(folder: Path, first: int, ready: Barrier) -> None:
    """Put and get while other processes do; exit with 0 if everything was found."""
    kept = TranscriptCache(folder)
    ready.wait(60)
    for number in range(first, first + 40):
        kept.put(f"{number}", incompressible_transcript(number))
        kept.put("shared", incompressible_transcript(number))
        if kept.get(f"{number}") != incompressible_transcript(number) or kept.get("shared") is None:
            sys.exit(1)
    kept.close()


def put_and_be_killed(folder: Path) -> None:
    """Put a transcript, and end without closing anything."""
    TranscriptCache(folder).put("noise", incompressible_transcript(1))
    os.kill(os.getpid(), signal.SIGKILL)
