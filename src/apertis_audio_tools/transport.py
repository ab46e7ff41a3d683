"""The only importer of httpx: pools, streamed bodies, time limits, size caps, in both colours.

Knows nothing of endpoints or retries: a request value goes in; an answer value, or one of this
package's errors, comes out.
"""

import asyncio
import contextlib
import functools
import logging
import socket
import ssl
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from urllib.request import getproxies, proxy_bypass

import httpx
from pydantic import SecretStr

from apertis_audio_tools.answers import is_success, refusal
from apertis_audio_tools.errors import (
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    MalformedAnswerError,
)
from apertis_audio_tools.wire import Answer, Request

logger = logging.getLogger("apertis_audio_tools")

MAX_ANSWER_BYTES = 256 * 1024 * 1024
"""Far more than the longest speech the service can give: 4096 characters at a quarter of the
speed make some 50 MB of wav."""

_CONNECT_SECONDS, _WRITE_SECONDS, _POOL_SECONDS, _KEEPALIVE_SECONDS = 5.0, 60.0, 60.0, 60.0
_THREAD_CONNECTIONS = 100
_SHARDS, _SHARD_CONNECTIONS = 20, 10


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose head is known and whose body is still arriving."""

    head: Answer
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class AsyncStream:
    """The same for the event loop."""

    head: Answer
    chunks: AsyncIterator[bytes]


class Transport:
    """Sends requests to one base URL with one key; safe for threads and several event loops.

    Args:
        base_url: Where the paths of requests begin.
        api_key: Goes into the ``Authorization`` header and nowhere else.
        timeout: Seconds of silence after which an answer counts as lost.
    """

    def __init__(self, base_url: str, api_key: SecretStr, timeout: float) -> None:
        self._base_url = httpx.URL(base_url)
        self._auth = _Bearer(api_key)
        self._timeout = timeout
        self._lock = threading.Lock()
        self._closed = False
        self._client: httpx.Client | None = None
        self._aclients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._closers: dict[asyncio.AbstractEventLoop, AsyncGenerator[None]] = {}

    def send(self, request: Request, within: float) -> Answer:
        """The whole answer, within so many seconds."""
        limit = time.monotonic() + within
        with self.stream(request, within) as stream:
            return replace(stream.head, body=b"".join(_punctual(stream.chunks, limit)))

    async def asend(self, request: Request, within: float) -> Answer:
        """The same on the event loop."""
        async with _in_time(within), self.astream(request, within) as stream:
            return replace(stream.head, body=b"".join([chunk async for chunk in stream.chunks]))

    @contextlib.contextmanager
    def stream(self, request: Request, within: float) -> Iterator[Stream]:
        """An answer as it arrives; a refusal is raised instead.

        `within` limits the seconds to the head of the answer; from then on, the timeout of this
        transport limits each silence.
        """
        limit = time.monotonic() + within
        body = _punctual(request.body.chunks(), limit) if request.body else None
        client = self._thread_client()
        with _translated():
            response = client.send(
                self._built(client, request, body, within), stream=True, auth=self._auth
            )
            try:
                head, chunks = _head(response), _capped(response.iter_bytes())
                if not is_success(head.status):
                    raise refusal(replace(head, body=b"".join(_punctual(chunks, limit))))
                yield Stream(head, chunks)
            finally:
                response.close()
                _break_cycle(response)

    @contextlib.asynccontextmanager
    async def astream(self, request: Request, within: float) -> AsyncIterator[AsyncStream]:
        """The same on the event loop."""
        body = request.body.achunks() if request.body else None
        client = await self._loop_client()
        with _translated():
            async with _in_time(within):
                response = await client.send(
                    self._built(client, request, body, within), stream=True, auth=self._auth
                )
            try:
                head, chunks = _head(response), _acapped(response.aiter_bytes())
                if not is_success(head.status):
                    async with _in_time(within):
                        error_body = b"".join([chunk async for chunk in chunks])
                    raise refusal(replace(head, body=error_body))
                yield AsyncStream(head, chunks)
            finally:
                await response.aclose()
                _break_cycle(response)

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

    def _built(
        self,
        client: httpx.Client | httpx.AsyncClient,
        request: Request,
        body: Iterator[bytes] | AsyncIterator[bytes] | None,
        within: float,
    ) -> httpx.Request:
        headers = {"Accept": request.accept}
        if request.body:
            headers["Content-Type"] = request.body.media_type
            headers["Content-Length"] = str(request.body.size)
        timeout = httpx.Timeout(
            connect=min(_CONNECT_SECONDS, within),
            write=min(_WRITE_SECONDS, within),
            pool=min(_POOL_SECONDS, within),
            read=min(self._timeout, within),
        )
        return client.build_request(
            request.method, request.path, headers=headers, content=body, timeout=timeout
        )

    def _thread_client(self) -> httpx.Client:
        with self._lock:
            self._require_open()
            if self._client is None:
                self._client = httpx.Client(
                    transport=httpx.HTTPTransport(
                        limits=_limits(_THREAD_CONNECTIONS),
                        verify=self._tls,
                        proxy=self._proxy,
                        socket_options=_keepalive_options(),
                    ),
                    base_url=self._base_url,
                    headers=_identity(),
                )
            return self._client

    async def _loop_client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        with self._lock:
            self._require_open()
            if loop in self._aclients:
                return self._aclients[loop]
            client = httpx.AsyncClient(
                transport=_Shards(self._shard), base_url=self._base_url, headers=_identity()
            )
            closer = self._until_the_loop_ends(loop, client)
            self._aclients[loop], self._closers[loop] = client, closer
        await anext(closer)
        return client

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

    def _require_open(self) -> None:
        if self._closed:
            raise ConfigurationError("This client is closed; make a new one.")

    def _shard(self) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(
            limits=_limits(_SHARD_CONNECTIONS),
            verify=self._tls,
            proxy=self._proxy,
            socket_options=_keepalive_options(),
        )

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        """Loading the certificates takes some 20 ms: once, and only where they are needed."""
        if self._base_url.scheme == "https":
            return httpx.create_ssl_context()
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    @functools.cached_property
    def _proxy(self) -> str | None:
        """The proxy of the environment: httpx looks for it only without a transport of our own."""
        if proxy_bypass(self._base_url.host):
            return None
        proxies = getproxies()
        return proxies.get(self._base_url.scheme) or proxies.get("all")


class _Bearer(httpx.Auth):
    """Adds the key at the last moment, so that no dictionary of headers holds it."""

    def __init__(self, api_key: SecretStr) -> None:
        self._api_key = api_key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {self._api_key.get_secret_value()}"
        yield request


class _Shards(httpx.AsyncBaseTransport):
    """Several small pools: the time httpcore's asynchronous pool takes grows with its square."""

    def __init__(self, make: Callable[[], httpx.AsyncHTTPTransport]) -> None:
        self._pools = [make() for _ in range(_SHARDS)]
        self._busy = [0] * _SHARDS

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        index = min(range(_SHARDS), key=self._busy.__getitem__)
        self._busy[index] += 1
        release = functools.partial(self._release, index)
        try:
            response = await self._pools[index].handle_async_request(request)
        except BaseException:
            release()
            raise
        response.stream = _ReleasingStream(response.stream, release)
        return response

    def _release(self, index: int) -> None:
        self._busy[index] -= 1

    async def aclose(self) -> None:
        for pool in self._pools:
            await pool.aclose()


class _ReleasingStream(httpx.AsyncByteStream):
    """A body that gives its place in the shard back when it is closed."""

    def __init__(
        self, stream: httpx.SyncByteStream | httpx.AsyncByteStream, release: Callable[[], None]
    ) -> None:
        assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101  # narrows httpx's union
        self._stream = stream
        self._release: Callable[[], None] | None = release

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk

    async def aclose(self) -> None:
        release, self._release = self._release, None
        if release:
            release()
        await self._stream.aclose()


def _limits(connections: int) -> httpx.Limits:
    return httpx.Limits(
        max_connections=connections,
        max_keepalive_connections=connections,
        keepalive_expiry=_KEEPALIVE_SECONDS,
    )


def _keepalive_options() -> list[tuple[int, int, int]]:
    """Minutes of silence while a model works make firewalls forget a connection."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 60), ("TCP_KEEPCNT", 5)):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options


def _identity() -> dict[str, str]:
    return {
        "User-Agent": f"apertis-audio-tools/{version('apertis-audio-tools')}",
        "Accept-Encoding": "identity",
    }


def _head(response: httpx.Response) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    answer = Answer(response.status_code, headers)
    logger.debug(
        "%s %s: %d (%s)",
        response.request.method,
        response.request.url.path,
        answer.status,
        answer.request_id,
    )
    return answer


def _capped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size = _counted(size, chunk)
        yield chunk


async def _acapped(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    size = 0
    async for chunk in chunks:
        size = _counted(size, chunk)
        yield chunk


def _counted(size: int, chunk: bytes) -> int:
    size += len(chunk)
    if size > MAX_ANSWER_BYTES:
        raise MalformedAnswerError(f"The answer is larger than {MAX_ANSWER_BYTES} bytes: given up.")
    return size


def _punctual(chunks: Iterator[bytes], limit: float) -> Iterator[bytes]:
    """The chunks, until the moment `limit` of the monotonic clock."""
    for chunk in chunks:
        if time.monotonic() > limit:
            raise APITimeoutError("The whole answer did not arrive within the time allowed.")
        yield chunk


@contextlib.asynccontextmanager
async def _in_time(within: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(within):
            yield
    except TimeoutError:
        raise APITimeoutError("The whole answer did not arrive within the time allowed.") from None


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Errors of the connection as ours; they name the host, never the body or the key."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise APITimeoutError(f"The service stayed silent too long ({_brief(error)}).") from error
    except httpx.DecodingError as error:
        raise MalformedAnswerError(f"The answer cannot be decompressed ({error}).") from error
    except (httpx.RequestError, httpx.StreamError, ssl.SSLError) as error:
        raise APIConnectionError(
            f"The connection to {_host(error)} failed ({_brief(error)})."
        ) from error


def _brief(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _host(error: Exception) -> str:
    try:
        url = getattr(error, "request").url  # noqa: B009  # httpx raises where it has none
    except (AttributeError, RuntimeError):
        return "the service"
    return f"{url.host}:{url.port or url.scheme}"


def _break_cycle(response: httpx.Response) -> None:
    """Free the response and its request now: httpx 0.28 keeps both alive in a reference cycle."""
    response.stream = httpx.ByteStream(b"")
