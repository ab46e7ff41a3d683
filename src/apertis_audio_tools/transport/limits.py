"""A limit above all silences: what an exchange may take from its first to its last byte.

httpcore limits each read and write by itself, so an answer that comes byte by byte would never
end. asyncio has a remedy for that; blocking sockets get theirs here.
"""

import asyncio
import contextlib
import math
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextvars import ContextVar
from typing import Any

import httpcore

from apertis_audio_tools.errors import APITimeoutError

_TOO_LATE = "The whole answer did not arrive within the time allowed."
_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


@contextlib.contextmanager
def until(limit: float) -> Iterator[None]:
    """No read or write of a blocking connection goes on past `limit` of the monotonic clock."""
    token = _deadline.set(limit)
    try:
        yield
    finally:
        _deadline.reset(token)


@contextlib.asynccontextmanager
async def in_time(seconds: float) -> AsyncIterator[asyncio.Timeout]:
    """Nothing in here takes longer than so many seconds, unless they are rescheduled."""
    try:
        async with asyncio.timeout(seconds) as limit:
            yield limit
    except TimeoutError:
        raise APITimeoutError(_TOO_LATE) from None


class PunctualBackend(httpcore.SyncBackend):
    """Connections that keep to `until`."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect within what is left of the time."""
        return _PunctualStream(
            super().connect_tcp(host, port, _left(timeout), local_address, socket_options)
        )


class _PunctualStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _PunctualStream(self._stream.start_tls(ssl_context, server_hostname, _left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None) -> float | None:
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise APITimeoutError(_TOO_LATE)
    return timeout if timeout is not None and timeout < left else left
