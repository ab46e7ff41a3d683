"""Blocking connections with a total time limit, which other threads can cancel.

httpcore limits each read and write separately, so a response that arrives byte by byte could take
forever. asyncio has a remedy for that; blocking sockets get theirs here.
"""

import asyncio
import contextlib
import functools
import math
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextvars import ContextVar

import httpcore

from apertis_audio_tools.concurrency.fork_safety import ProcessLocal
from apertis_audio_tools.errors import APIConnectionError, APITimeoutError
from apertis_audio_tools.transport.dns import HostResolver
from apertis_audio_tools.transport.error_mapping import clear_transport_frames
from apertis_audio_tools.transport.unread_bytes import UnreadBytes

_TOO_LATE = "The whole response did not arrive within the time allowed."
_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


@contextlib.contextmanager
def enforce_deadline(deadline: float) -> Iterator[None]:
    """End every read and write of a blocking connection at `deadline` of the monotonic clock."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


@contextlib.asynccontextmanager
async def async_timeout(seconds: float) -> AsyncIterator[asyncio.Timeout]:
    """Raise `APITimeoutError` in the context after some seconds, unless they are rescheduled."""
    try:
        async with asyncio.timeout(seconds) as timeout:
            yield timeout
    except TimeoutError as error:
        clear_transport_frames(error)
        raise APITimeoutError(_TOO_LATE) from None


class _Streams:
    """Streams of one process that wait for the network."""

    def __init__(self) -> None:
        self.waiting: set[httpcore.NetworkStream] = set()
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
    def waiting(self, stream: httpcore.NetworkStream) -> Iterator[None]:
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


def _cancellable(stream: httpcore.NetworkStream) -> contextlib.AbstractContextManager[None]:
    token = _cancel_token.get()
    return token.waiting(stream) if token else contextlib.nullcontext()


class SyncBackend(httpcore.SyncBackend):
    """Network backend of httpcore whose connections obey `enforce_deadline` and `CancelToken`."""

    def __init__(self) -> None:
        self._resolver = HostResolver()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of the host that accepts, within the time left."""
        *others, last = self._resolver.addresses(host, port, _time_left(timeout))
        connect = functools.partial(
            super().connect_tcp,
            port=port,
            local_address=local_address,
            socket_options=socket_options,
        )
        for address in others:
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return _SyncStream(connect(address, timeout=_time_left(timeout)))
        return _SyncStream(connect(last, timeout=_time_left(timeout)))


class _SyncStream(UnreadBytes, httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _cancellable(self._stream):
            return self._stream.read(max_bytes, _time_left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _cancellable(self._stream):
            self._stream.write(buffer, _time_left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, _time_left(timeout))
        return _SyncStream(stream)

    def get_extra_info(self, info: str) -> object:
        if info == "is_readable" and self.has_unread_bytes:
            return True
        return self._stream.get_extra_info(info)


def _time_left(timeout: float | None) -> float:
    """Return the seconds that a read or write may take, or raise `APITimeoutError`."""
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise APITimeoutError(_TOO_LATE)
    return left if timeout is None else min(timeout, left)
