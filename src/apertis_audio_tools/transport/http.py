"""Send one request and receive its response."""

import contextlib
import functools
import logging
import weakref
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import Generic, TypeVar

import httpx
from pydantic import SecretStr

from apertis_audio_tools.api.request import Request, RequestBody
from apertis_audio_tools.api.response import Response, is_success, status_error
from apertis_audio_tools.transport.connection_options import ConnectionOptions
from apertis_audio_tools.transport.error_mapping import map_errors
from apertis_audio_tools.transport.key_redaction import make_redactor
from apertis_audio_tools.transport.pools import ConnectionPools
from apertis_audio_tools.transport.response_body import (
    alimit_size,
    aread_error_body,
    limit_chunks,
    limit_size,
    read_error_body,
    response_head,
)
from apertis_audio_tools.transport.sync_backend import async_timeout, enforce_deadline
from apertis_audio_tools.transport.unread_bytes import watch_unread_bytes
from apertis_audio_tools.transport.wait_limits import WaitLimits

logger: logging.Logger = logging.getLogger("apertis_audio_tools")

C = TypeVar("C", Iterator[bytes], AsyncIterator[bytes])

_CONNECT_SECONDS, _WRITE_SECONDS = 5.0, 60.0
_NO_BODY = RequestBody("", ())
_MAX_SECONDS = 7 * 86400.0
"""Locks and sockets refuse an infinite timeout."""


@dataclass(frozen=True, slots=True)
class ResponseStream(Generic[C]):
    """Response whose head has arrived and whose body is still arriving, in chunks.

    Attributes:
        head: Response without its body.
        chunks: Chunks of the body.
        end_silence: Function to call when a chunk had content, so that `timeout` starts anew.
    """

    head: Response
    chunks: C
    end_silence: Callable[[], None] = lambda: None


class Transport:
    """HTTP client for one base URL and API key, for use in threads and several event loops.

    All methods that send a request raise an `APIError` if there is no successful response within
    `time_limit` seconds. Connections are closed, at the latest, when this is garbage-collected.

    Args:
        base_url: Base URL the requests are sent to.
        api_key: API key, which is sent in the ``Authorization`` header and nowhere else.
        timeout: Seconds of silence after which a response counts as lost.
        connections: Options of the connections. Defaults to those of the environment.

    Raises:
        ConfigurationError: If the base URL is invalid.
    """

    def __init__(
        self,
        base_url: str,
        api_key: SecretStr,
        timeout: float,
        connections: ConnectionOptions | None = None,
    ) -> None:
        connections = connections or ConnectionOptions()
        self._pools = ConnectionPools(base_url, connections)
        self._base_url = base_url
        self._headers = _usual_headers(connections.headers)
        self._api_key = api_key
        self._redact = make_redactor(api_key)
        self._timeout = timeout
        # Nobody closes the client of a framework's tool or chat model.
        weakref.finalize(self, self._pools.abandon)

    def send(self, request: Request, time_limit: float) -> Response:
        """Send a request and return the whole response."""
        with self.download(request, time_limit) as stream:
            return replace(stream.head, body=b"".join(stream.chunks))

    async def asend(self, request: Request, time_limit: float) -> Response:
        """Async version of `send`."""
        async with self.adownload(request, time_limit) as stream:
            return replace(stream.head, body=b"".join([chunk async for chunk in stream.chunks]))

    @contextlib.contextmanager
    def download(
        self, request: Request, time_limit: float
    ) -> Iterator[ResponseStream[Iterator[bytes]]]:
        """Send a request and open its response, all of which has to arrive in time."""
        with (
            enforce_deadline(time_limit),
            self._exchange(request, time_limit) as stream,
        ):
            yield stream

    @contextlib.asynccontextmanager
    async def adownload(
        self, request: Request, time_limit: float
    ) -> AsyncIterator[ResponseStream[AsyncIterator[bytes]]]:
        """Async version of `download`."""
        async with async_timeout(time_limit), self._aexchange(request, time_limit) as stream:
            yield stream

    @contextlib.contextmanager
    def stream(
        self, request: Request, time_limit: float
    ) -> Iterator[ResponseStream[Iterator[bytes]]]:
        """Send a request and open its response.

        `time_limit` limits all waits for it, added up, and `timeout` those without content.
        """
        limits = WaitLimits(time_limit, self._timeout)
        with contextlib.ExitStack() as opened:
            with limits.open():
                stream = opened.enter_context(self._exchange(request, time_limit))
            yield ResponseStream(stream.head, limits.chunks(stream.chunks), limits.end_silence)

    @contextlib.asynccontextmanager
    async def astream(
        self, request: Request, time_limit: float
    ) -> AsyncIterator[ResponseStream[AsyncIterator[bytes]]]:
        """Async version of `stream`."""
        limits = WaitLimits(time_limit, self._timeout)
        async with contextlib.AsyncExitStack() as opened:
            async with limits.aopen():
                stream = await opened.enter_async_context(self._aexchange(request, time_limit))
            chunks = await opened.enter_async_context(
                contextlib.aclosing(limits.achunks(stream.chunks))
            )
            yield ResponseStream(stream.head, chunks, limits.end_silence)

    @contextlib.contextmanager
    def _exchange(
        self, request: Request, time_limit: float
    ) -> Iterator[ResponseStream[Iterator[bytes]]]:
        pool, url = self._pools.sync_pool(), _absolute_url(self._base_url, request.path)
        with (
            map_errors(self._redact, request.method, url),
            contextlib.closing((request.body or _NO_BODY).chunks()) as body,
        ):
            response = pool.handle_request(self._build_request(request, url, body, time_limit))
            watch_unread_bytes(response)
            try:
                head = self._read_head(response, request, url)
                body_chunks = response.iter_bytes()
                if not is_success(head.status):
                    refused = replace(head, body=read_error_body(body_chunks))
                    raise status_error(refused, url.path)
                chunks = limit_size(head, body_chunks, request.max_response_bytes)
                yield ResponseStream(head, chunks)
            finally:
                response.close()

    @contextlib.asynccontextmanager
    async def _aexchange(
        self, request: Request, time_limit: float
    ) -> AsyncIterator[ResponseStream[AsyncIterator[bytes]]]:
        pool, url = await self._pools.async_pool(), _absolute_url(self._base_url, request.path)
        with map_errors(self._redact, request.method, url):
            async with contextlib.aclosing((request.body or _NO_BODY).achunks()) as body:
                built = self._build_request(request, url, body, time_limit)
                response = await pool.handle_async_request(built)
                watch_unread_bytes(response)
                try:
                    head = self._read_head(response, request, url)
                    body_chunks = response.aiter_bytes()
                    if not is_success(head.status):
                        refused = replace(head, body=await aread_error_body(body_chunks))
                        raise status_error(refused, url.path)
                    chunks = alimit_size(head, body_chunks, request.max_response_bytes)
                    yield ResponseStream(head, chunks)
                finally:
                    await response.aclose()

    def require_open(self) -> None:
        """Raise `ConfigurationError` if this is closed."""
        self._pools.require_open()

    def close(self) -> None:
        """Close for good; connections of event loops end with `aclose` there, or with the loop."""
        self._pools.close()

    async def aclose(self) -> None:
        """Close for good, with the connections of the running event loop."""
        await self._pools.aclose()

    def _build_request(
        self,
        request: Request,
        url: httpx.URL,
        body: Iterator[bytes] | AsyncIterator[bytes],
        time_limit: float,
    ) -> httpx.Request:
        headers = [("Accept", request.accept), *self._headers]
        if request.body:
            headers.append(("Content-Type", request.body.media_type))
            headers.append(("Content-Length", str(request.body.size)))
        timeout = {
            "connect": min(_CONNECT_SECONDS, time_limit),
            "write": min(_WRITE_SECONDS, time_limit),
            "pool": min(_MAX_SECONDS, time_limit),
            "read": min(_MAX_SECONDS, time_limit, self._timeout),
        }
        content = body if request.body else None
        built = httpx.Request(
            request.method, url, headers=headers, content=content, extensions={"timeout": timeout}
        )
        # Last, so that no variable holds the key.
        built.headers["Authorization"] = f"Bearer {self._api_key.get_secret_value()}"
        return built

    def _read_head(self, response: httpx.Response, request: Request, url: httpx.URL) -> Response:
        head = response_head(response, self._redact)
        logger.debug("%s %s: %d (%s)", request.method, url.path, head.status, head.request_id)
        limit_chunks(response, head, request.max_response_bytes)
        return head


@functools.lru_cache(maxsize=64)
def _absolute_url(base_url: str, path: str) -> httpx.URL:
    """Return the URL of a path below the base URL; another absolute URL stays as it is."""
    return httpx.URL(base_url.rstrip("/") + path if path.startswith("/") else path)


def _usual_headers(further: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the headers that all requests have; further ones replace others, in any case."""
    headers = httpx.Headers(
        {
            "Accept-Encoding": "identity",
            "Connection": "keep-alive",
            "User-Agent": f"apertis-audio-tools/{_version()}",
        }
    )
    headers.update(further)
    return [(name.decode(), value.decode()) for name, value in headers.raw]


def _version() -> str:
    try:
        return version("apertis-audio-tools")
    except PackageNotFoundError:  # copied into another program, or frozen with it
        return "unknown"
