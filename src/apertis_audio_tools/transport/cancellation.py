"""Cancellation of exchanges from other threads. Imports no part of httpx, unlike its neighbours."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

from apertis_audio_tools.concurrency.fork_safety import ProcessLocal
from apertis_audio_tools.errors import APIConnectionError

if TYPE_CHECKING:
    from httpcore import NetworkStream


class _Streams:
    """Streams of one process that wait for the network."""

    def __init__(self) -> None:
        self.waiting: set[NetworkStream] = set()
        self.lock = threading.Lock()


class CancelToken:
    """Cancellation of the exchanges of several threads, by shutting down their sockets."""

    def __init__(self) -> None:
        self._is_cancelled = False
        self._streams = ProcessLocal(_Streams)

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Let `cancel` end what this thread reads and writes within the context."""
        previous = _cancel_token.set(self)
        try:
            yield
        finally:
            _cancel_token.reset(previous)

    @contextlib.contextmanager
    def waiting(self, stream: "NetworkStream") -> Iterator[None]:
        """Let `cancel` shut a stream down within the context, or raise if it was called before."""
        streams = self._streams.value
        with streams.lock:
            if self._is_cancelled:
                raise APIConnectionError("The exchange was cancelled.")
            streams.waiting.add(stream)
        try:
            yield
        finally:
            with streams.lock:
                streams.waiting.discard(stream)

    def cancel(self) -> None:
        """Shut down all sockets that are waited for; every later read or write fails."""
        streams = self._streams.value
        with streams.lock:
            self._is_cancelled = True
            for stream in streams.waiting:
                with contextlib.suppress(OSError):
                    # SSLSocket.shutdown would also drop the state that its thread still uses.
                    socket.socket.shutdown(stream.get_extra_info("socket"), socket.SHUT_RDWR)


_cancel_token: ContextVar[CancelToken | None] = ContextVar("cancel_token", default=None)


def cancellable(stream: "NetworkStream") -> contextlib.AbstractContextManager[None]:
    """Let the token of the current scope, if there is one, end the wait for a stream."""
    token = _cancel_token.get()
    return token.waiting(stream) if token else contextlib.nullcontext()
