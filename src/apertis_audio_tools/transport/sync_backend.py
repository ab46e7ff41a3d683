"""A limit above all silences: what an exchange may take from its first to its last byte.

httpcore limits each read and write by itself, so an answer that comes byte by byte would never
end. asyncio has a remedy for that; blocking sockets get theirs here.
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
from typing import Any, Self

import httpcore

from apertis_audio_tools.concurrency import fork_safety
from apertis_audio_tools.errors import APIConnectionError, APITimeoutError
from apertis_audio_tools.transport.dns import HostResolver
from apertis_audio_tools.transport.unread_bytes import UnreadBytes

_TOO_LATE = "The whole answer did not arrive within the time allowed."
_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


@contextlib.contextmanager
def enforce_deadline(limit: float) -> Iterator[None]:
    """No read or write of a blocking connection goes on past `limit` of the monotonic clock."""
    token = _deadline.set(limit)
    try:
        yield
    finally:
        _deadline.reset(token)


class CancelToken:
    """Ends the exchanges of several threads at once: their sockets are shut, and stay unusable.

    As a context manager it forgets them at the end.
    """

    def __init__(self) -> None:
        self._is_over = False
        self._begin()
        fork_safety.renewed_in_children(self)

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._streams: set[httpcore.NetworkStream] = set()

    def renew(self) -> object:
        """In a child of the process: it must not end the exchanges of its parent."""
        left = self._streams
        self._begin()
        return left

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """What this thread reads and writes in here can be ended by another."""
        token = _abort.set(self)
        try:
            yield
        finally:
            _abort.reset(token)

    @contextlib.contextmanager
    def waiting(self, stream: httpcore.NetworkStream) -> Iterator[None]:
        """While this thread waits for a stream."""
        with self._lock:
            if self._is_over:
                raise APIConnectionError("The exchange was given up.")
            self._streams.add(stream)
        try:
            yield
        finally:
            with self._lock:
                self._streams.discard(stream)

    def cancel(self) -> None:
        """End them."""
        with self._lock:
            self._is_over = True
            for stream in self._streams:
                with contextlib.suppress(OSError):
                    shut = stream.get_extra_info("socket")
                    socket.socket.shutdown(shut, socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._streams.clear()


_abort: ContextVar[CancelToken | None] = ContextVar("abort", default=None)


def _watched(stream: httpcore.NetworkStream) -> contextlib.AbstractContextManager[None]:
    abort = _abort.get()
    return abort.waiting(stream) if abort else contextlib.nullcontext()


@contextlib.asynccontextmanager
async def async_timeout(seconds: float) -> AsyncIterator[asyncio.Timeout]:
    """Nothing in here takes longer than so many seconds, unless they are rescheduled."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield limit
    except TimeoutError:
        raise APITimeoutError(_TOO_LATE) from None


class SyncBackend(httpcore.SyncBackend):
    """Connections that keep to `until`."""

    def __init__(self) -> None:
        self._lookups = HostResolver()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect within what is left of the time, to the first address that answers."""
        *others, last = self._lookups.addresses(host, port, _left(timeout))
        connect = functools.partial(super().connect_tcp, port=port, local_address=local_address)
        for address in others:
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                stream = connect(address, timeout=_left(timeout), socket_options=socket_options)
                return _SyncStream(stream)
        stream = connect(last, timeout=_left(timeout), socket_options=socket_options)
        return _SyncStream(stream)


class _SyncStream(UnreadBytes, httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        with _watched(self._stream):
            return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with _watched(self._stream):
            self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _SyncStream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and self.is_left:
            return True
        return self._stream.get_extra_info(info)


def _left(timeout: float | None) -> float | None:
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise APITimeoutError(_TOO_LATE)
    return timeout if timeout is not None and timeout < left else left
