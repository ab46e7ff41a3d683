"""Connection pools with encryption, proxies and TCP keepalive."""

import os
import socket
import ssl
from collections.abc import Mapping
from importlib.util import find_spec
from typing import TypedDict
from urllib.request import getproxies, proxy_bypass

import httpx

from apertis_audio_tools.errors import ConfigurationError
from apertis_audio_tools.transport.async_backend import AsyncBackend
from apertis_audio_tools.transport.connection_options import ConnectionOptions, Verify
from apertis_audio_tools.transport.sharded_pool import SHARD_CONNECTIONS, ShardedPool
from apertis_audio_tools.transport.sync_backend import SyncBackend

_MAX_THREAD_CONNECTIONS = 100
_KEEPALIVE_SECONDS = 60.0


class _PoolOptions(TypedDict):
    verify: ssl.SSLContext
    proxy: httpx.Proxy | None
    socket_options: list[tuple[int, int, int]]
    limits: httpx.Limits


class ConnectionFactory:
    """Maker of connection pools for one base URL.

    All methods raise `ConfigurationError` if the proxy cannot be used.
    """

    def __init__(self, base_url: httpx.URL, options: ConnectionOptions) -> None:
        self._base_url = base_url
        self._connection_options = options
        self._tls_context: ssl.SSLContext | None = None

    def sync_pool(self) -> httpx.HTTPTransport:
        """Return a new pool for threads."""
        pool = httpx.HTTPTransport(**self._options(_MAX_THREAD_CONNECTIONS))
        pool._pool._network_backend = SyncBackend()  # noqa: SLF001  # httpx has no other way
        return pool

    def async_pool(self) -> ShardedPool:
        """Return new pools for one event loop."""
        options = self._options(SHARD_CONNECTIONS)

        def make_shard() -> httpx.AsyncHTTPTransport:
            pool = httpx.AsyncHTTPTransport(**options)
            pool._pool._network_backend = AsyncBackend()  # noqa: SLF001  # httpx has no other way
            return pool

        return ShardedPool(make_shard)

    def _options(self, connections: int) -> _PoolOptions:
        return {
            "verify": self._tls(),
            "proxy": _find_proxy(self._base_url, self._connection_options.proxy),
            "socket_options": keepalive_options(vars(socket)),
            "limits": httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=_KEEPALIVE_SECONDS,
            ),
        }

    def _tls(self) -> ssl.SSLContext:
        """Return one context for all pools: loading the certificates takes about 20 ms."""
        if self._tls_context is None:
            is_encrypted = self._base_url.scheme == "https"
            self._tls_context = (
                _make_tls_context(self._connection_options.verify)
                if is_encrypted
                else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            )
        return self._tls_context


def _make_tls_context(verify: Verify) -> ssl.SSLContext:
    if verify is True:
        return httpx.create_ssl_context()
    if isinstance(verify, bool | ssl.SSLContext):
        return httpx.create_ssl_context(verify=verify)
    try:
        return ssl.create_default_context(cafile=os.fspath(verify))
    except OSError as error:
        reason = error.strerror or "it has no certificate"
        raise ConfigurationError(f"verify is {str(verify)!r:.200}: {reason}.") from error


def _find_proxy(url: httpx.URL, given: str | None) -> httpx.Proxy | None:
    """Return the proxy that was given, or that of the environment, which httpx would ignore."""
    proxy, is_valid = None, True
    try:
        proxy = _environment_proxy(url) if given is None else _parse_proxy(given)
    except (ValueError, httpx.InvalidURL):
        is_valid = False  # raised below, because the other error shows the password of the proxy
    if not is_valid or (proxy and not proxy.url.host):
        if given is not None:
            raise ConfigurationError("proxy is not the address of a proxy, such as http://host:80.")
        raise ConfigurationError(
            f"The proxy of the environment ({url.scheme}_proxy or all_proxy) is not a proxy "
            "address; correct it, or name the host of the service in no_proxy."
        )
    if proxy and proxy.url.scheme.startswith("socks") and not find_spec("socksio"):
        raise ConfigurationError("A SOCKS proxy requires the package socksio: pip install socksio.")
    return proxy


def _environment_proxy(url: httpx.URL) -> httpx.Proxy | None:
    if proxy_bypass(url.netloc.decode("ascii")):
        return None
    proxies = getproxies()
    address = proxies.get(url.scheme) or proxies.get("all")
    return _parse_proxy(address) if address else None


def _parse_proxy(address: str) -> httpx.Proxy:
    return httpx.Proxy(address if "://" in address else f"http://{address}")


def keepalive_options(names: Mapping[str, int]) -> list[tuple[int, int, int]]:
    """Return socket options that keep firewalls from forgetting a connection.

    They would after minutes of silence, while a model works. `names` are the numbers of the options
    that the system has, by name.
    """
    options = [
        (names.get("TCP_KEEPIDLE", names.get("TCP_KEEPALIVE")), 60),  # the latter on macOS
        (names.get("TCP_KEEPINTVL"), 60),
        (names.get("TCP_KEEPCNT"), 5),
    ]
    known = [(socket.IPPROTO_TCP, name, value) for name, value in options if name is not None]
    return [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1), *known]
