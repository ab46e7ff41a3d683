"""Blocking connections with a total time limit, which other threads can cancel.

httpcore limits each read and write separately, so a response that arrives byte by byte could take
forever. asyncio has a remedy for that; blocking sockets get theirs here.
"""

import asyncio
import contextlib
import functools
import math
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextvars import ContextVar

import httpcore

from apertis_audio_tools.errors import APITimeoutError
from apertis_audio_tools.transport.cancellation import cancellable
from apertis_audio_tools.transport.dns import HostResolver
from apertis_audio_tools.transport.error_mapping import clear_transport_frames
from apertis_audio_tools.transport.held_writes import HeldWrites
from apertis_audio_tools.transport.read_sizes import ReadSize
from apertis_audio_tools.transport.unread_bytes import UnreadBytes

TOO_LATE = "The whole response did not arrive within the time allowed."
_deadline: ContextVar[tuple[float, str]] = ContextVar("deadline", default=(math.inf, TOO_LATE))


@contextlib.contextmanager
def enforce_deadline(seconds: float, message: str = TOO_LATE) -> Iterator[None]:
    """Raise `APITimeoutError` in reads and writes of blocking connections after some seconds."""
    token = _deadline.set((time.monotonic() + seconds, message))
    try:
        yield
    finally:
        _deadline.reset(token)


@contextlib.asynccontextmanager
async def async_timeout(seconds: float, message: str = TOO_LATE) -> AsyncIterator[None]:
    """Raise `APITimeoutError` in the context after some seconds."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        clear_transport_frames(error)
        raise APITimeoutError(message) from None


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
        with _limit(timeout) as seconds:
            *others, last = self._resolver.addresses(host, port, seconds)
        connect = functools.partial(
            super().connect_tcp,
            port=port,
            local_address=local_address,
            socket_options=socket_options,
        )
        for address in others:
            with (
                contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout),
                _limit(timeout) as seconds,
            ):
                return _SyncStream(connect(address, timeout=seconds))
        with _limit(timeout) as seconds:
            return _SyncStream(connect(last, timeout=seconds))


class _SyncStream(ReadSize, HeldWrites, UnreadBytes, httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._send(self.take_writes(), timeout)
        with cancellable(self._stream), _limit(timeout) as seconds:
            return self._stream.read(self.read_size(max_bytes), seconds)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.is_plain = False  # the next response is not known yet
        self._send(self.take_writes(buffer), timeout)

    def _send(self, data: bytes, timeout: float | None) -> None:
        if data:
            with cancellable(self._stream), _limit(timeout) as seconds:
                self._stream.write(data, seconds)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        with _limit(timeout) as seconds:
            stream = self._stream.start_tls(ssl_context, server_hostname, seconds)
        return _SyncStream(stream)

    def get_extra_info(self, info: str) -> object:
        if info == "is_readable" and self.has_unread_bytes:
            return True
        return self._stream.get_extra_info(info)


@contextlib.contextmanager
def _limit(timeout: float | None) -> Iterator[float]:
    """Yield the seconds that a read or write may take; raise `APITimeoutError` at the deadline."""
    deadline, message = _deadline.get()
    left = deadline - time.monotonic()
    if left <= 0:
        raise APITimeoutError(message)
    try:
        yield left if timeout is None else min(timeout, left)
    except httpcore.TimeoutException:
        if timeout is None or left <= timeout:
            raise APITimeoutError(message) from None
        raise
