"""Who answered: the other end of the live connection, noted beside each recorded answer.

Only httpcore opens sockets, below anything a mock transport replaces: what did not come through
it has no peer, and without one nothing is recorded.
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

_latest: ContextVar["Peer | None"] = ContextVar("peer of the latest answer", default=None)


class Peer(BaseModel, frozen=True, extra="forbid"):
    """One end of a connection: the name asked for, the address reached, the certificate shown."""

    host: str
    ip: IPvAnyAddress
    port: int
    certificate_sha256: str | None = None


@contextlib.contextmanager
def noting_peers() -> Iterator[None]:
    """Note the peer of every answer that arrives over a real connection."""
    pool, apool = httpcore.ConnectionPool, httpcore.AsyncConnectionPool
    noted = _noted(pool.handle_request)
    anoted = _anoted(apool.handle_async_request)
    with (
        mock.patch.object(pool, "handle_request", noted),
        mock.patch.object(apool, "handle_async_request", anoted),
    ):
        yield


def with_peer(response: dict[str, Any]) -> dict[str, Any]:
    """The answer with its peer; one from a cassette or a mock has none."""
    peer = _latest.get()
    _latest.set(None)
    return {**response, "peer": peer} if peer else response


def _noted(
    handle: Callable[..., httpcore.Response],
) -> Callable[..., httpcore.Response]:
    @functools.wraps(handle)
    def handle_request(pool: Any, request: httpcore.Request) -> httpcore.Response:
        response = handle(pool, request)
        _latest.set(_peer(request, response))
        return response

    return handle_request


def _anoted(
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
    except OSError:  # answered and reset at once
        return None
    if not address:
        return None
    tls = stream.get_extra_info("ssl_object")
    certificate = sha256(tls.getpeercert(True)).hexdigest() if tls else None  # noqa: FBT003
    host = request.url.host.decode("ascii")
    return Peer(host=host, ip=address[0], port=address[1], certificate_sha256=certificate)
