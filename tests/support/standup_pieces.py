"""The stand-up meeting in pieces of ten seconds, and server behaviours for its pieces."""

import threading
from functools import cache
from typing import Any

from apertis_audio_tools import ApertisAudio, Transcript
from support.loopback_server import Exchange
from support.piece_recogniser import STANDUP, ExpectedPieces
from support.scripted_responses import respond_error
from support.sync_async import Run
from support.timeouts import TIMEOUT

PIECE_SECONDS = 10.0
SEGMENT_START = 0.01
"""Start of the recogniser's segment within a piece, in seconds."""


@cache
def standup_pieces() -> ExpectedPieces:
    """Return the pieces of the meeting."""
    return ExpectedPieces.cut(STANDUP, PIECE_SECONDS)


def transcribe_standup(run: Run, client: ApertisAudio, **options: Any) -> Transcript:
    """Transcribe the whole meeting in pieces."""
    transcript = run(client, "transcribe", STANDUP, **{"piece_seconds": PIECE_SECONDS} | options)
    assert isinstance(transcript, Transcript)
    return transcript


class RefuseOnePiece:
    """Refuse piece 1 while pieces 0 and 2 are in progress, and answer those later.

    Attributes:
        is_refusing: False to answer all pieces. Defaults to True.
        is_noted: Event to set once the client has handled the refusal. A closed connection does
            not show that, because the client's thread may pause after closing it.
    """

    def __init__(self) -> None:
        self.is_refusing = True
        self.is_noted = threading.Event()
        self._together = threading.Barrier(3)

    def __call__(self, number: int, exchange: Exchange) -> bool:
        """Return True if a response was sent."""
        if not self.is_refusing:
            return False
        self._together.wait(TIMEOUT)
        if number != 1:
            assert self.is_noted.wait(TIMEOUT)
            return False
        respond_error(400, "invalid_request")(exchange)
        return True


class NeverRespond:
    """Never respond, except to piece 0 with a Retry-After longer than any test."""

    def __init__(self) -> None:
        self.is_hanging = True
        self.arrived = threading.Barrier(4)

    def __call__(self, number: int, exchange: Exchange) -> bool:
        """Return True if a response was sent or none will be."""
        if not self.is_hanging:
            return False
        if number == 0:
            respond_error(503, retry_after="180", connection="close")(exchange)
            exchange.close()
        self.arrived.wait(TIMEOUT)
        if number:
            exchange.wait_for_disconnect()
        return True
