"""Open connections: one pool for all threads, and one set of pools for each event loop."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncGenerator

import httpx

from apertis_audio_tools.concurrency.fork_safety import ProcessLocal
from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.transport.connection_options import ConnectionOptions
from apertis_audio_tools.transport.connections import ConnectionFactory
from apertis_audio_tools.transport.sharded_pool import ShardedPool


class _Pools:
    """Pools of one process."""

    def __init__(self) -> None:
        # Reentrant: garbage collection in here may close the pools.
        self.lock = threading.RLock()
        self.sync_pool: httpx.HTTPTransport | None = None
        self.async_pools: dict[asyncio.AbstractEventLoop, ShardedPool] = {}
        self.closers: dict[asyncio.AbstractEventLoop, AsyncGenerator[None]] = {}

    def forget_closed_loops(self) -> None:
        """Drop the connections of loops that were closed without finishing their generators."""
        for loop in [loop for loop in self.async_pools if loop.is_closed()]:
            self.forget(loop)

    def forget(self, loop: asyncio.AbstractEventLoop) -> None:
        """Drop the connections of a loop."""
        del self.async_pools[loop], self.closers[loop]


class ConnectionPools:
    """All connections to one base URL, made when they are first needed.

    A forked child makes its own: two processes on one connection would get mixed responses. All
    methods raise `ConfigurationError` if the URL or the proxy is invalid, or the pools are closed.
    """

    def __init__(self, base_url: str, options: ConnectionOptions) -> None:
        try:
            self._factory = ConnectionFactory(httpx.URL(base_url), options)
        except httpx.InvalidURL as error:
            raise ConfigurationError(f"base_url is not a valid URL ({error}).") from error
        self._is_closed = False
        self._pools = ProcessLocal(_Pools)

    def sync_pool(self) -> httpx.HTTPTransport:
        """Return the pool for threads."""
        pools = self._pools.value
        with pools.lock:
            self.require_open()
            if pools.sync_pool is None:
                pools.sync_pool = self._factory.sync_pool()
            return pools.sync_pool

    async def async_pool(self) -> ShardedPool:
        """Return the pools for the running event loop."""
        pools, loop = self._pools.value, asyncio.get_running_loop()
        with pools.lock:
            self.require_open()
            if loop in pools.async_pools:
                return pools.async_pools[loop]
            pools.forget_closed_loops()
            pool = self._factory.async_pool()
            closer = _close_with_loop(pools, loop, pool)
            pools.async_pools[loop], pools.closers[loop] = pool, closer
        await anext(closer)
        return pool

    def close(self) -> None:
        """Close for good; connections of event loops end with `aclose` there, or with the loop."""
        pools = self._pools.value
        with pools.lock:
            self._is_closed = True
            pool, pools.sync_pool = pools.sync_pool, None
        if pool is not None:
            pool.close()

    async def aclose(self) -> None:
        """Close for good, with the connections of the running event loop."""
        self.close()
        closer = self._pools.value.closers.get(asyncio.get_running_loop())
        if closer is not None:
            await closer.aclose()

    def abandon(self) -> None:
        """Close for good, from any thread, and have each event loop close its connections."""
        self.close()
        for loop, closer in list(self._pools.value.closers.items()):
            with contextlib.suppress(RuntimeError):  # the loop was closed in the meantime
                loop.call_soon_threadsafe(_start_closing, closer)

    def require_open(self) -> None:
        """Raise `ConfigurationError` if this is closed."""
        if self._is_closed:
            raise ConfigurationError("This client is closed; make a new one.")


async def _close_with_loop(
    pools: _Pools, loop: asyncio.AbstractEventLoop, pool: ShardedPool
) -> AsyncGenerator[None]:
    """Close a pool with `aclose` or, at the latest, with its event loop.

    A loop finishes the asynchronous generators begun in it before it ends. There is no other hook,
    and this one lets one object serve several ``asyncio.run`` calls without a leak.
    """
    try:
        yield
    finally:
        with pools.lock:
            pools.forget(loop)
        await pool.aclose()


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
