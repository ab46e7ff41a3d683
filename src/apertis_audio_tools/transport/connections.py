"""How connections are made: encryption, proxies, signs of life."""

import functools
import socket
import ssl
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpx

from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.transport.async_backend import AsyncBackend
from apertis_audio_tools.transport.sharded_pool import SHARD_CONNECTIONS, ShardedPool
from apertis_audio_tools.transport.sync_backend import SyncBackend

_THREAD_CONNECTIONS = 100
_KEEPALIVE_SECONDS = 60.0


class ConnectionFactory:
    """The way to one address, as the environment has it."""

    def __init__(self, base_url: httpx.URL) -> None:
        self._base_url = base_url

    def blocking(self) -> httpx.HTTPTransport:
        """A pool for threads.

        Raises:
            ConfigurationError: The proxy of the environment cannot be used.
        """
        pool = httpx.HTTPTransport(**self._options(_THREAD_CONNECTIONS))
        pool._pool._network_backend = SyncBackend()  # noqa: SLF001  # httpx has no other way
        return pool

    def awaiting(self) -> ShardedPool:
        """Pools for one event loop.

        Raises:
            ConfigurationError: The proxy of the environment cannot be used.
        """
        return ShardedPool(self._shard)

    def _shard(self) -> httpx.AsyncHTTPTransport:
        pool = httpx.AsyncHTTPTransport(**self._options(SHARD_CONNECTIONS))
        pool._pool._network_backend = AsyncBackend()  # noqa: SLF001  # httpx has no other way
        return pool

    def _options(self, connections: int) -> dict[str, Any]:
        return {
            "verify": self._tls,
            "proxy": self._proxy,
            "socket_options": keepalive_options(vars(socket)),
            "limits": httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=_KEEPALIVE_SECONDS,
            ),
        }

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        """Loading the certificates takes some 20 ms: once, and only where they are needed."""
        if self._base_url.scheme == "https":
            return httpx.create_ssl_context()
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    @functools.cached_property
    def _proxy(self) -> httpx.Proxy | None:
        """The proxy of the environment: httpx looks for it only without a transport of our own."""
        address = _proxy_address(self._base_url)
        if not address:
            return None
        try:
            proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
            is_complete = bool(proxy.url.host)
        except (ValueError, httpx.InvalidURL):
            is_complete = False
        if not is_complete:
            raise ConfigurationError(
                f"The proxy of the environment ({self._base_url.scheme}_proxy or all_proxy) is no "
                "address of a proxy; correct it, or name the host of the service in no_proxy."
            )
        if proxy.url.scheme.startswith("socks") and not find_spec("socksio"):
            raise ConfigurationError("A SOCKS proxy needs the package socksio: install it.")
        return proxy


def _proxy_address(url: httpx.URL) -> str | None:
    if proxy_bypass(url.netloc.decode("ascii")):
        return None
    proxies = getproxies()
    return proxies.get(url.scheme) or proxies.get("all")


def keepalive_options(names: Mapping[str, int]) -> list[tuple[int, int, int]]:
    """Minutes of silence while a model works make firewalls forget a connection.

    Args:
        names: The numbers of the options that the system has, by name.
    """
    found = [
        (names.get("TCP_KEEPIDLE", names.get("TCP_KEEPALIVE")), 60),  # the latter is macOS's
        (names.get("TCP_KEEPINTVL"), 60),
        (names.get("TCP_KEEPCNT"), 5),
    ]
    known = [(socket.IPPROTO_TCP, name, value) for name, value in found if name is not None]
    return [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *known]
