"""One request out, one answer in."""

import contextlib
import time
import weakref
from collections.abc import AsyncIterator, Generator, Iterator
from dataclasses import dataclass, replace

import httpx
from pydantic import SecretStr

from apertis_audio_tools.api.request import Request
from apertis_audio_tools.api.response import Response, is_success, status_error
from apertis_audio_tools.transport.error_mapping import map_errors
from apertis_audio_tools.transport.pools import ConnectionPools
from apertis_audio_tools.transport.response_body import (
    alimit_size,
    aread_error_body,
    break_reference_cycle,
    limit_size,
    read_error_body,
    response_head,
)
from apertis_audio_tools.transport.sync_backend import async_timeout, enforce_deadline
from apertis_audio_tools.transport.unread_bytes import watch_unread_bytes

_CONNECT_SECONDS, _WRITE_SECONDS = 5.0, 60.0
_LONGEST_SECONDS = 7 * 86400.0
"""Locks and sockets refuse an endless number of seconds; none of ours waits longer than this."""


@dataclass(frozen=True, slots=True)
class ResponseStream:
    """An answer whose head is known and whose body is still arriving."""

    head: Response
    chunks: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class AsyncResponseStream:
    """The same for the event loop."""

    head: Response
    chunks: AsyncIterator[bytes]


class Transport:
    """Sends requests to one base URL with one key; safe for threads and several event loops.

    A refusal is raised, whichever way a request is sent. Connections close, at the latest, when
    nobody holds this any more.

    Args:
        base_url: Where the paths of requests begin.
        api_key: Goes into the ``Authorization`` header and nowhere else.
        timeout: Seconds of silence after which an answer counts as lost.

    Raises:
        ConfigurationError: The base URL is none.
    """

    def __init__(self, base_url: str, api_key: SecretStr, timeout: float) -> None:
        self._pools = ConnectionPools(base_url)
        self._auth = _Bearer(api_key)
        self._timeout = timeout
        # Tools and chat models of frameworks have nobody who would close their client.
        weakref.finalize(self, self._pools.abandon)

    def send(self, request: Request, within: float) -> Response:
        """The whole answer, within so many seconds."""
        with self.download(request, within) as stream:
            return replace(stream.head, body=b"".join(stream.chunks))

    async def asend(self, request: Request, within: float) -> Response:
        """The same on the event loop."""
        async with self.adownload(request, within) as stream:
            return replace(stream.head, body=b"".join([chunk async for chunk in stream.chunks]))

    @contextlib.contextmanager
    def download(self, request: Request, within: float) -> Iterator[ResponseStream]:
        """An answer as it arrives, to be read to its end within so many seconds."""
        with enforce_deadline(time.monotonic() + within), self._exchange(request, within) as stream:
            yield stream

    @contextlib.asynccontextmanager
    async def adownload(
        self, request: Request, within: float
    ) -> AsyncIterator[AsyncResponseStream]:
        """The same on the event loop."""
        async with async_timeout(within), self._aexchange(request, within) as stream:
            yield stream

    @contextlib.contextmanager
    def stream(self, request: Request, within: float) -> Iterator[ResponseStream]:
        """An answer as it arrives, whose head is there within so many seconds.

        From then on, the timeout of this transport limits each silence.
        """
        with contextlib.ExitStack() as opened:
            with enforce_deadline(time.monotonic() + within):
                stream = opened.enter_context(self._exchange(request, within))
            yield stream

    @contextlib.asynccontextmanager
    async def astream(self, request: Request, within: float) -> AsyncIterator[AsyncResponseStream]:
        """The same on the event loop."""
        async with async_timeout(within) as limit, self._aexchange(request, within) as stream:
            limit.reschedule(None)
            yield stream

    @contextlib.contextmanager
    def _exchange(self, request: Request, within: float) -> Iterator[ResponseStream]:
        client = self._pools.blocking()
        with map_errors(), _body(request) as body:
            built = self._built(client, request, body, within)
            response = client.send(built, stream=True, auth=self._auth)
            watch_unread_bytes(response)
            try:
                head = response_head(response)
                chunks = limit_size(head, response.iter_bytes())
                if not is_success(head.status):
                    raise status_error(replace(head, body=read_error_body(chunks)))
                yield ResponseStream(head, chunks)
            finally:
                response.close()
                break_reference_cycle(response)

    @contextlib.asynccontextmanager
    async def _aexchange(
        self, request: Request, within: float
    ) -> AsyncIterator[AsyncResponseStream]:
        client = await self._pools.awaiting()
        with map_errors():
            async with _abody(request) as body:
                built = self._built(client, request, body, within)
                response = await client.send(built, stream=True, auth=self._auth)
                watch_unread_bytes(response)
                try:
                    head = response_head(response)
                    chunks = alimit_size(head, response.aiter_bytes())
                    if not is_success(head.status):
                        raise status_error(replace(head, body=await aread_error_body(chunks)))
                    yield AsyncResponseStream(head, chunks)
                finally:
                    await response.aclose()
                    break_reference_cycle(response)

    def require_open(self) -> None:
        """Refuse to go on once it is closed.

        Raises:
            ConfigurationError: It is.
        """
        self._pools.require_open()

    def close(self) -> None:
        """Close for good; connections of an event loop go with `aclose` there, or with the loop."""
        self._pools.close()

    async def aclose(self) -> None:
        """Close for good, with the connections of the running event loop."""
        await self._pools.aclose()

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
            pool=min(_LONGEST_SECONDS, within),
            read=min(_LONGEST_SECONDS, within, self._timeout),
        )
        return client.build_request(
            request.method, request.path, headers=headers, content=body, timeout=timeout
        )


@contextlib.contextmanager
def _body(request: Request) -> Iterator[Iterator[bytes] | None]:
    """The chunks of a body; a file among them is closed even when the answer came early."""
    if request.body is None:
        yield None
    else:
        with contextlib.closing(request.body.chunks()) as chunks:
            yield chunks


@contextlib.asynccontextmanager
async def _abody(request: Request) -> AsyncIterator[AsyncIterator[bytes] | None]:
    """The same for the event loop."""
    if request.body is None:
        yield None
    else:
        async with contextlib.aclosing(request.body.achunks()) as chunks:
            yield chunks


class _Bearer(httpx.Auth):
    """Adds the key at the last moment, so that no dictionary of headers holds it."""

    def __init__(self, api_key: SecretStr) -> None:
        self._api_key = api_key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {self._api_key.get_secret_value()}"
        yield request
