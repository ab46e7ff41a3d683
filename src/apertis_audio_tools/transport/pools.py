"""Connections kept open: one pool for all threads, and one set of pools for each event loop."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator
from importlib.metadata import PackageNotFoundError, version

import httpx

from apertis_audio_tools.concurrency import fork_safety
from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.transport.connections import ConnectionFactory


class ConnectionPools:
    """All connections to one base URL, made when they are first needed.

    Raises:
        ConfigurationError: The base URL is none.
    """

    def __init__(self, base_url: str) -> None:
        try:
            self._base_url = httpx.URL(base_url)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"base_url is no address ({error}).") from error
        self._route = ConnectionFactory(self._base_url)
        self._closed = False
        self._begin()
        fork_safety.renewed_in_children(self)

    def _begin(self) -> None:
        # Reentrant: collecting garbage in here may close the pools.
        self._lock = threading.RLock()
        self._client: httpx.Client | None = None
        self._aclients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._closers: dict[asyncio.AbstractEventLoop, AsyncGenerator[None]] = {}

    def renew(self) -> object:
        """In a child of the process: two of them on one connection would get mixed answers."""
        left = self._client, self._aclients, self._closers
        self._begin()
        return left

    def blocking(self) -> httpx.Client:
        """The client for threads.

        Raises:
            ConfigurationError: Closed, or the proxy of the environment cannot be used.
        """
        with self._lock:
            self.require_open()
            if self._client is None:
                self._client = httpx.Client(
                    transport=self._route.blocking(), base_url=self._base_url, headers=_identity()
                )
            return self._client

    async def awaiting(self) -> httpx.AsyncClient:
        """The client for the running event loop.

        Raises:
            ConfigurationError: Closed, or the proxy of the environment cannot be used.
        """
        loop = asyncio.get_running_loop()
        with self._lock:
            self.require_open()
            if loop in self._aclients:
                return self._aclients[loop]
            self._forget_closed_loops()
            client = httpx.AsyncClient(
                transport=self._route.awaiting(), base_url=self._base_url, headers=_identity()
            )
            closer = self._until_the_loop_ends(loop, client)
            self._aclients[loop], self._closers[loop] = client, closer
        await anext(closer)
        return client

    def close(self) -> None:
        """Close for good; connections of an event loop go with `aclose` there, or with the loop."""
        with self._lock:
            self._closed = True
            client, self._client = self._client, None
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        """Close for good, with the connections of the running event loop."""
        self.close()
        closer = self._closers.get(asyncio.get_running_loop())
        if closer is not None:
            await closer.aclose()

    def abandon(self) -> None:
        """Close for good, from anywhere, when nobody is left who could; loops close their own."""
        self.close()
        for loop, closer in list(self._closers.items()):
            with contextlib.suppress(RuntimeError):  # closed meanwhile
                loop.call_soon_threadsafe(_close_soon, closer)

    async def _until_the_loop_ends(
        self, loop: asyncio.AbstractEventLoop, client: httpx.AsyncClient
    ) -> AsyncGenerator[None]:
        """Close the client with `aclose` or, at the latest, with its event loop.

        A loop finishes the asynchronous generators begun in it before it goes. There is no other
        hook, and this one lets one object serve several ``asyncio.run`` calls without a leak.
        """
        try:
            yield
        finally:
            with self._lock:
                del self._aclients[loop], self._closers[loop]
            await client.aclose()

    def _forget_closed_loops(self) -> None:
        """A loop that was closed without finishing its generators leaves us with its pools."""
        for loop in [loop for loop in self._aclients if loop.is_closed()]:
            del self._aclients[loop], self._closers[loop]

    def require_open(self) -> None:
        """Refuse to go on once it is closed.

        Raises:
            ConfigurationError: It is.
        """
        if self._closed:
            raise ConfigurationError("This client is closed; make a new one.")


_closing: set[asyncio.Task[None]] = set()
"""Event loops themselves hold no reference to their tasks."""


def _close_soon(closer: AsyncGenerator[None]) -> None:
    task = asyncio.ensure_future(_closed(closer))
    _closing.add(task)
    task.add_done_callback(_closing.discard)


async def _closed(closer: AsyncGenerator[None]) -> None:
    await closer.aclose()


def _identity() -> dict[str, str]:
    return {
        "User-Agent": f"apertis-audio-tools/{_version()}",
        "Accept-Encoding": "identity",
    }


def _version() -> str:
    try:
        return version("apertis-audio-tools")
    except PackageNotFoundError:  # copied into another program, or frozen with it
        return "unknown"
