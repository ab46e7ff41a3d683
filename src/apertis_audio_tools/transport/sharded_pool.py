"""Connection pool for event loops that consists of many small ones."""

from collections.abc import AsyncIterator, Callable

import httpx

SHARDS, SHARD_CONNECTIONS = 40, 5


class ShardedPool(httpx.AsyncBaseTransport):
    """Several small pools, because the time of httpcore's asynchronous pool grows quadratically."""

    def __init__(self, make: Callable[[], httpx.AsyncHTTPTransport]) -> None:
        self._pools = [make() for _ in range(SHARDS)]
        self._requests = [0] * SHARDS

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send through the pool with the fewest requests; the first of those, for reuse."""
        index = min(range(SHARDS), key=self._requests.__getitem__)
        self._requests[index] += 1

        def release() -> None:
            self._requests[index] -= 1

        try:
            response = await self._pools[index].handle_async_request(request)
        except BaseException:
            release()
            raise
        response.stream = _ReleasingStream(response.stream, release)
        return response

    async def aclose(self) -> None:
        """Close all pools."""
        for pool in self._pools:
            await pool.aclose()


class _ReleasingStream(httpx.AsyncByteStream):
    """Response body that calls `release` once when it is closed."""

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
