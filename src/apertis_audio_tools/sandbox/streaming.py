"""Stream response bodies that are made while they are sent."""

from collections.abc import AsyncIterator, Iterator

from starlette.concurrency import iterate_in_threadpool
from starlette.responses import StreamingResponse


async def stream_response(content: Iterator[bytes], media_type: str) -> StreamingResponse:
    """Return a streamed response, once its first chunk is made without an error."""
    chunks = iterate_in_threadpool(content)
    first = await anext(chunks, b"")
    return StreamingResponse(_chain(first, chunks), media_type=media_type)


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
