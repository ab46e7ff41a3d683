"""The stand-up meeting in pieces of ten seconds: how tests of jobs send it, and who refuses."""

import contextlib
import threading
from functools import cache
from pathlib import Path
from typing import Any

from apertis_audio_tools import ApertisAudio, Transcript
from support.loopback import Exchange
from support.piece_recogniser import STANDUP, Cuts
from support.scripted_responses import error
from support.sync_async import Run
from support.timeouts import PATIENCE

SECONDS = 10.0
OFFSET = 0.01
"""Where the recogniser hears its words, from the start of a piece."""


@cache
def standup() -> Cuts:
    """How it is cut."""
    return Cuts.of(STANDUP, SECONDS)


def transcribed(run: Run, client: ApertisAudio, **options: Any) -> Transcript:
    """The whole of it, in one colour."""
    found = run(client, "transcribe", STANDUP, **{"piece_seconds": SECONDS} | options)
    assert isinstance(found, Transcript)
    return found


def temporary_files() -> set[str]:
    """Files that this process holds open although they have no name any more."""
    folder = Path("/proc/self/fd")
    names = set()
    for opened in [*folder.iterdir()] if folder.exists() else []:
        with contextlib.suppress(FileNotFoundError):  # another thread has just closed it
            names.add(str(opened.readlink()))
    return {name for name in names if name.endswith("(deleted)")}


class RefusesOne:
    """Refuses piece 1 for good, while pieces 0 and 2 are under way; these are answered later.

    Attributes:
        is_refusing: Whether it does; else all are answered.
        is_noted: To be set when the client has noted the refusal. That it has hung up does not say
            so: its thread may pause between the two.
    """

    def __init__(self) -> None:
        self.is_refusing = True
        self.is_noted = threading.Event()
        self._together = threading.Barrier(3)

    def __call__(self, number: int, exchange: Exchange) -> bool:
        """True when there was an answer."""
        if not self.is_refusing:
            return False
        self._together.wait(PATIENCE)
        if number != 1:
            assert self.is_noted.wait(PATIENCE)
            return False
        error(400, "invalid_request")(exchange)
        return True


class Hangs:
    """Never answers, nor lets go; piece 0 is refused for a time longer than any test may take."""

    def __init__(self) -> None:
        self.is_hanging = True
        self.arrived = threading.Barrier(4)

    def __call__(self, number: int, exchange: Exchange) -> bool:
        """True when there was an answer, or will be none."""
        if not self.is_hanging:
            return False
        if number == 0:
            error(503, retry_after="180", connection="close")(exchange)
            exchange.close()
        self.arrived.wait(PATIENCE)
        if number:
            exchange.wait_for_client_to_leave()
        return True
