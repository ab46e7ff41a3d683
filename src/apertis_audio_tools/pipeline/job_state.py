"""Mutable state of a job while its pieces or parts are under way."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from apertis_audio_tools.concurrency.signals import Notifier, StopEvent
from apertis_audio_tools.errors import ApertisError
from apertis_audio_tools.pipeline.accounts import Account

if TYPE_CHECKING:
    from apertis_audio_tools.pipeline.stitching import TranscribedPiece


class StoppedError(ApertisError):
    """Raised for work that was not sent because something else had failed."""


@dataclass(slots=True)
class JobState:
    """Mutable state of a job while its pieces are under way.

    Attributes:
        transcribed: Pieces that are transcribed.
        failure: First error.
        stop: Event that is set when nothing more is to be sent; it ends all waits.
        notifier: Notifier of each transcribed piece of a recording that has several.
        account: Account of the call or batch, besides that of the client.
    """

    transcribed: list["TranscribedPiece"] = field(default_factory=list)
    failure: ApertisError | None = None
    stop: StopEvent = field(default_factory=StopEvent)
    notifier: Notifier = field(default_factory=Notifier)
    account: Account | None = None

    @property
    def seconds(self) -> float:
        """Seconds of audio that are transcribed."""
        return sum(max(each.seconds - each.overlap, 0.0) for each in tuple(self.transcribed))

    @contextlib.contextmanager
    def catching_failure(self) -> Iterator[None]:
        """Store the first `ApertisError` and stop the job; other exceptions propagate.

        The error loses its traceback, whose frames hold the client, the recording and this state.
        """
        try:
            yield
        except ApertisError as error:
            drop_traceback(error)
            if not isinstance(error, StoppedError):
                self.failure = self.failure or error
                self.stop.set()

    def raise_failure(self) -> None:
        """Raise the first error, if there is one, and forget it here."""
        failure, self.failure = self.failure, None
        if failure:
            try:
                raise failure
            finally:
                del failure  # a frame of its traceback would hold it, and it the frame

    def restart(self) -> None:
        """Forget a failure, for a job that goes on in another way."""
        self.transcribed.clear()
        self.failure, self.stop = None, StopEvent()

    def require_running(self) -> None:
        """Raise `StoppedError` if the job was stopped, so that nothing more is paid for."""
        if self.stop.is_set:
            raise StoppedError("The request was not sent, because another one had failed.")


def drop_traceback(error: ApertisError) -> None:
    """Drop the tracebacks of an error and of its causes.

    For errors that are collected instead of raised: their frames would keep recordings, clients
    and the error itself alive.
    """
    current: BaseException | None = error
    while current is not None:
        current.__traceback__ = None
        current = current.__cause__ or current.__context__
