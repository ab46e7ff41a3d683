"""Open connections: one pool for all threads, and one set of pools for each event loop."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator
from http.cookiejar import CookieJar
from importlib.metadata import PackageNotFoundError, version

import httpx

from apertis_audio_tools.concurrency.fork_safety import ProcessLocal
from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.transport.connection_options import ConnectionOptions
from apertis_audio_tools.transport.connections import ConnectionFactory


class _NoCookies(CookieJar):
    """Jar that keeps no cookies: they would be sent again, whatever a response put into them."""

    def extract_cookies(self, response: object, request: object) -> None:
        """Keep nothing."""


def _forget_location(response: httpx.Response) -> None:
    """Remove the address of a redirect, which is refused, and which errors of httpx would quote."""
    response.headers.pop("location", None)


async def _aforget_location(response: httpx.Response) -> None:
    """Async version of `_forget_location`."""
    _forget_location(response)


class _Clients:
    """Clients of one process, with their connections."""

    def __init__(self) -> None:
        # Reentrant: garbage collection in here may close the pools.
        self.lock = threading.RLock()
        self.sync_client: httpx.Client | None = None
        self.async_clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self.closers: dict[asyncio.AbstractEventLoop, AsyncGenerator[None]] = {}

    def forget_closed_loops(self) -> None:
        """Drop the connections of loops that were closed without finishing their generators."""
        for loop in [loop for loop in self.async_clients if loop.is_closed()]:
            self.forget(loop)

    def forget(self, loop: asyncio.AbstractEventLoop) -> None:
        """Drop the connections of a loop."""
        del self.async_clients[loop], self.closers[loop]


class ConnectionPools:
    """All connections to one base URL, made when they are first needed.

    A forked child makes its own: two processes on one connection would get mixed responses. All
    methods raise `ConfigurationError` if the URL or the proxy is invalid, or the pools are closed.
    """

    def __init__(self, base_url: str, options: ConnectionOptions) -> None:
        try:
            self._base_url = httpx.URL(base_url)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"base_url is not a valid URL ({error}).") from error
        self._factory = ConnectionFactory(self._base_url, options)
        self._headers = _default_headers() | dict(options.headers)
        self._is_closed = False
        self._clients = ProcessLocal(_Clients)

    def sync_client(self) -> httpx.Client:
        """Return the client for threads."""
        clients = self._clients.value
        with clients.lock:
            self.require_open()
            if clients.sync_client is None:
                clients.sync_client = httpx.Client(
                    transport=self._factory.sync_pool(),
                    base_url=self._base_url,
                    headers=self._headers,
                    cookies=_NoCookies(),
                    event_hooks={"response": [_forget_location]},
                )
            return clients.sync_client

    async def async_client(self) -> httpx.AsyncClient:
        """Return the client for the running event loop."""
        clients, loop = self._clients.value, asyncio.get_running_loop()
        with clients.lock:
            self.require_open()
            if loop in clients.async_clients:
                return clients.async_clients[loop]
            clients.forget_closed_loops()
            client = httpx.AsyncClient(
                transport=self._factory.async_pool(),
                base_url=self._base_url,
                headers=self._headers,
                cookies=_NoCookies(),
                event_hooks={"response": [_aforget_location]},
            )
            closer = _close_with_loop(clients, loop, client)
            clients.async_clients[loop], clients.closers[loop] = client, closer
        await anext(closer)
        return client

    def close(self) -> None:
        """Close for good; connections of event loops end with `aclose` there, or with the loop."""
        clients = self._clients.value
        with clients.lock:
            self._is_closed = True
            client, clients.sync_client = clients.sync_client, None
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        """Close for good, with the connections of the running event loop."""
        self.close()
        closer = self._clients.value.closers.get(asyncio.get_running_loop())
        if closer is not None:
            await closer.aclose()

    def abandon(self) -> None:
        """Close for good, from any thread, and have each event loop close its connections."""
        self.close()
        for loop, closer in list(self._clients.value.closers.items()):
            with contextlib.suppress(RuntimeError):  # the loop was closed in the meantime
                loop.call_soon_threadsafe(_start_closing, closer)

    def require_open(self) -> None:
        """Raise `ConfigurationError` if this is closed."""
        if self._is_closed:
            raise ConfigurationError("This client is closed; make a new one.")


async def _close_with_loop(
    clients: _Clients, loop: asyncio.AbstractEventLoop, client: httpx.AsyncClient
) -> AsyncGenerator[None]:
    """Close the client with `aclose` or, at the latest, with its event loop.

    A loop finishes the asynchronous generators begun in it before it ends. There is no other hook,
    and this one lets one object serve several ``asyncio.run`` calls without a leak.
    """
    try:
        yield
    finally:
        with clients.lock:
            clients.forget(loop)
        await client.aclose()


_closing: set[asyncio.Task[None]] = set()
"""Event loops themselves hold no reference to their tasks."""


def _start_closing(closer: AsyncGenerator[None]) -> None:
    task = asyncio.ensure_future(_close(closer))
    _closing.add(task)
    task.add_done_callback(_closing.discard)


async def _close(closer: AsyncGenerator[None]) -> None:
    # A task around a bare `aclose()` that is cancelled before it starts leaves a generator that
    # nobody can close any more: the loop skips it, and its connections stay open.
    await closer.aclose()


def _default_headers() -> dict[str, str]:
    return {"User-Agent": f"apertis-audio-tools/{_version()}", "Accept-Encoding": "identity"}


def _version() -> str:
    try:
        return version("apertis-audio-tools")
    except PackageNotFoundError:  # copied into another program, or frozen with it
        return "unknown"
