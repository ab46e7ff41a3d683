"""Record the other end of the connection of each response.

Only httpcore opens sockets, below anything that a mock transport replaces. A response that did not
come through it has no peer, and without a peer nothing is recorded.
"""

import contextlib
import functools
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from hashlib import sha256
from typing import Any
from unittest import mock

import httpcore
from pydantic import BaseModel, IPvAnyAddress

_latest: ContextVar["Peer | None"] = ContextVar("peer of the latest response", default=None)


class Peer(BaseModel, frozen=True, extra="forbid"):
    """The other end of a connection: requested host, IP address and certificate."""

    host: str
    ip: IPvAnyAddress
    port: int
    certificate_sha256: str | None = None


@contextlib.contextmanager
def record_peers() -> Iterator[None]:
    """Record the peer of every response that arrives over a real connection."""
    pool, apool = httpcore.ConnectionPool, httpcore.AsyncConnectionPool
    handle = _recording(pool.handle_request)
    ahandle = _arecording(apool.handle_async_request)
    with (
        mock.patch.object(pool, "handle_request", handle),
        mock.patch.object(apool, "handle_async_request", ahandle),
    ):
        yield


def add_peer(response: dict[str, Any]) -> dict[str, Any]:
    """Return a response with its peer; a response from a cassette or a mock has none."""
    peer = _latest.get()
    _latest.set(None)
    return {**response, "peer": peer} if peer else response


def _recording(
    handle: Callable[..., httpcore.Response],
) -> Callable[..., httpcore.Response]:
    @functools.wraps(handle)
    def handle_request(pool: Any, request: httpcore.Request) -> httpcore.Response:
        response = handle(pool, request)
        _latest.set(_peer(request, response))
        return response

    return handle_request


def _arecording(
    handle: Callable[..., Awaitable[httpcore.Response]],
) -> Callable[..., Awaitable[httpcore.Response]]:
    @functools.wraps(handle)
    async def handle_async_request(pool: Any, request: httpcore.Request) -> httpcore.Response:
        response = await handle(pool, request)
        _latest.set(_peer(request, response))
        return response

    return handle_async_request


def _peer(request: httpcore.Request, response: httpcore.Response) -> Peer | None:
    stream = response.extensions["network_stream"]
    try:
        address = stream.get_extra_info("server_addr")
    except OSError:  # the server responded and reset the connection at once
        return None
    if not address:
        return None
    tls = stream.get_extra_info("ssl_object")
    certificate = sha256(tls.getpeercert(True)).hexdigest() if tls else None  # noqa: FBT003
    host = request.url.host.decode("ascii")
    return Peer(host=host, ip=address[0], port=address[1], certificate_sha256=certificate)
