"""Release what the tracebacks of collected errors hold."""

from apertis_audio_tools.errors import ApertisError


def drop_traceback(error: ApertisError) -> None:
    """Drop the tracebacks of an error and of its causes.

    For errors that are collected instead of raised: their frames would keep recordings, clients
    and the error itself alive.
    """
    current: BaseException | None = error
    while current is not None:
        current.__traceback__ = None
        current = current.__cause__ or current.__context__
