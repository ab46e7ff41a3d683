"""Time limits of a stream, which count the waits for the service and not the caller's own time."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from time import monotonic

from apertis_audio_tools.transport.sync_backend import TOO_LATE, async_timeout, enforce_deadline

_SILENT = "The service was silent for too long."


class WaitLimits:
    """Seconds left for all waits of a stream together, and for the present silence.

    Args:
        total: Seconds that all waits may take, added up.
        silence: Seconds that waits may take without any content, added up.
    """

    def __init__(self, total: float, silence: float) -> None:
        self._total_left = total
        self._silence = self._silence_left = silence

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Limit the wait for the head of the response, which counts for the total only."""
        with self._measure(), enforce_deadline(self._total_left):
            yield
        self.end_silence()

    @contextlib.asynccontextmanager
    async def aopen(self) -> AsyncIterator[None]:
        """Async version of `open`."""
        with self._measure():
            async with async_timeout(self._total_left):
                yield
        self.end_silence()

    def chunks(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield chunks, and raise `APITimeoutError` if the waits for them exceed the limits."""
        while True:
            seconds, message = self._next_wait()
            with self._measure(), enforce_deadline(seconds, message):
                chunk = next(chunks, None)
            if chunk is None:
                return
            yield chunk

    async def achunks(self, chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        """Async version of `chunks`."""
        while True:
            seconds, message = self._next_wait()
            with self._measure():
                async with async_timeout(seconds, message):
                    chunk = await anext(chunks, None)
            if chunk is None:
                return
            yield chunk

    def end_silence(self) -> None:
        """Start to count the silence anew, because content has arrived."""
        self._silence_left = self._silence

    def _next_wait(self) -> tuple[float, str]:
        """Return the seconds that the next wait may take, and the message if it takes longer."""
        return min((self._total_left, TOO_LATE), (self._silence_left, _SILENT))

    @contextlib.contextmanager
    def _measure(self) -> Iterator[None]:
        began = monotonic()
        try:
            yield
        finally:
            waited = monotonic() - began
            self._total_left -= waited
            self._silence_left -= waited
