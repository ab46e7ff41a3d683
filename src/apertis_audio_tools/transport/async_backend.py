"""Asynchronous connections that receive a response while they are still sending.

A service that refuses an upload half-way responds and closes the connection. anyio reads only on
request, and by then asyncio has met the broken connection in a write and dropped what had arrived:
the refusal would look like a failed connection, and the request would be sent again.
"""

import asyncio
import contextlib
import functools
import ssl
from collections.abc import Iterable
from socket import socket

import httpcore
from httpcore._utils import is_socket_readable  # there is no public form

from apertis_audio_tools.transport.held_writes import HeldWrites
from apertis_audio_tools.transport.read_sizes import READ_BYTES, ReadSize
from apertis_audio_tools.transport.unread_bytes import UnreadBytes

_MAX_EARLY_BYTES = 1024 * 1024
_TURNS = 3
"""Turns of the event loop in which a task is started, a socket is found readable, and is read."""


class AsyncBackend(httpcore.AnyIOBackend):
    """Network backend of httpcore whose connections read while they write."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to a host."""
        return _AsyncStream(
            await super().connect_tcp(host, port, timeout, local_address, socket_options)
        )


class _AsyncStream(ReadSize, HeldWrites, UnreadBytes, httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._received = bytearray()
        self._receiver: asyncio.Task[None] | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        if data := self.take_writes():
            await self._stream.write(data, timeout)
        await self._stop_receiving()
        max_bytes = self.read_size(max_bytes)
        if not self._received:
            return await self._stream.read(max_bytes, timeout)
        data = bytes(self._received[:max_bytes])
        del self._received[:max_bytes]
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        self.is_plain = False  # the next response is not known yet
        data = self.take_writes(buffer)
        if not data:
            return
        if buffer and self._receiver is None:  # more follows
            self._receiver = asyncio.create_task(self._receive())
        if is_socket_readable(self._socket):  # take it before a write meets a broken connection
            for _ in range(_TURNS):
                await asyncio.sleep(0)
        await self._stream.write(data, timeout)

    async def aclose(self) -> None:
        try:
            await self._stop_receiving()
        finally:  # a cancelled task may be cancelled again, in the middle of this
            await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        try:
            stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:  # httpcore does not close it when the task is cancelled
            await self._stream.aclose()
            raise
        return _AsyncStream(stream)

    def get_extra_info(self, info: str) -> object:
        if info == "is_readable":
            if self._received or self.has_unread_bytes:
                return True
            return is_socket_readable(self._socket)
        return self._stream.get_extra_info(info)

    @functools.cached_property
    def _socket(self) -> socket | None:
        """The socket, which anyio finds by asking for the address of the peer."""
        found: socket | None = self._stream.get_extra_info("socket")
        return found

    async def _receive(self) -> None:
        """Keep what arrives; the end and every error are met again by the next read."""
        with contextlib.suppress(httpcore.NetworkError, OSError):
            while len(self._received) < _MAX_EARLY_BYTES:
                data = await self._stream.read(READ_BYTES)
                if not data:
                    return
                self._received += data

    async def _stop_receiving(self) -> None:
        receiver, self._receiver = self._receiver, None
        if receiver is not None:
            receiver.cancel()
            await asyncio.wait([receiver])
