"""Asynchronous connections that hear an answer while they are still sending.

A service that refuses an upload half-way answers and closes. anyio reads only when it is told to,
and by then asyncio has met the broken connection in a write and dropped what had arrived: the
refusal would look like a failed connection, and would be sent again.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from apertis_audio_tools.transport.unread_bytes import UnreadBytes

_READ_BYTES = 64 * 1024
_MOST_HEARD = 1024 * 1024


class AsyncBackend(httpcore.AnyIOBackend):
    """Makes such connections."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect."""
        return _AsyncStream(
            await super().connect_tcp(host, port, timeout, local_address, socket_options)
        )


class _AsyncStream(UnreadBytes, httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._heard = bytearray()
        self._listener: asyncio.Task[None] | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        await self._stop_listening()
        if not self._heard:
            return await self._stream.read(max_bytes, timeout)
        data = bytes(self._heard[:max_bytes])
        del self._heard[:max_bytes]
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen())
        await asyncio.sleep(0)  # what has arrived is read before a write can fail
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        try:
            await self._stop_listening()
        finally:  # whoever is cancelled may be cancelled again, in the middle of this
            await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        try:
            stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:  # httpcore closes it only where nobody is cancelled
            await self._stream.aclose()
            raise
        return _AsyncStream(stream)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and (self._heard or self.is_left):
            return True
        return self._stream.get_extra_info(info)

    async def _listen(self) -> None:
        """Keep what comes; the end and every error are met again by the next read."""
        with contextlib.suppress(httpcore.NetworkError, OSError):
            while len(self._heard) < _MOST_HEARD:
                data = await self._stream.read(_READ_BYTES)
                if not data:
                    return
                self._heard += data

    async def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.cancel()
            await asyncio.wait([listener])
