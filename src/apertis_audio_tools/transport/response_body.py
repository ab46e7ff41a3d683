"""Reading of response bodies, with a size limit and a check of the content encoding."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx

from apertis_audio_tools.api.response import Response
from apertis_audio_tools.errors import MalformedResponseError
from apertis_audio_tools.models import MAX_ERROR_RESPONSE_BYTES
from apertis_audio_tools.transport.key_redaction import Redact
from apertis_audio_tools.transport.read_sizes import read_plain_body

_MAX_TINY_CHUNKS, _MIN_CHUNK_BYTES = 20_000, 32
"""Each chunk costs some microseconds, whatever its size. An event has more bytes than that."""
_BROKEN_OFF = (httpx.NetworkError, httpx.ProtocolError, MalformedResponseError)
_PLAIN = frozenset({"", "identity"})
_ENCODINGS = _PLAIN | {"gzip", "deflate"}
"""None is requested. These expand a thousandfold at most; others, and several at once, without
bound in a single step."""


def response_head(response: httpx.Response, redact: Redact) -> Response:
    """Return a response without its body, and raise an error if the body's encoding is unusual.

    `redact` removes the API key from the headers and from what errors quote of the body.
    """
    response.extensions.pop("reason_phrase", None)  # which its repr shows, in tracebacks
    headers = {name.lower(): redact(value) for name, value in response.headers.items()}
    head = Response(response.status_code, headers, redact=redact)
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding not in _ENCODINGS:
        raise _malformed(
            head, f"The response has a content encoding that was not requested ({encoding[:80]})."
        )
    if encoding in _PLAIN:
        read_plain_body(response)
    return head


def limit_chunks(response: httpx.Response, head: Response, max_bytes: int) -> None:
    """Raise an error for a body of too many bytes or tiny chunks, before it is decompressed."""
    response.stream = _LimitedStream(response.stream, head, max_bytes)


class _LimitedStream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Body as it arrives. Each chunk takes time, also one that yields nothing."""

    def __init__(self, stream: object, head: Response, max_bytes: int) -> None:
        self._stream: Any = stream  # either of both kinds
        self._head = head
        self._max_bytes = max_bytes
        self._bytes = self._chunks = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            yield self._count(chunk)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield self._count(chunk)

    def close(self) -> None:
        self._stream.close()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def _count(self, chunk: bytes) -> bytes:
        self._bytes += len(chunk)
        self._chunks += 1
        _require_size(self._head, self._bytes, self._max_bytes)
        if self._chunks > _MAX_TINY_CHUNKS + self._bytes // _MIN_CHUNK_BYTES:
            raise _malformed(self._head, "The response arrives in far too small chunks.")
        return chunk


def limit_size(head: Response, chunks: Iterator[bytes], max_bytes: int) -> Iterator[bytes]:
    """Yield the chunks of a body, and raise an error if they exceed `max_bytes`."""
    size = 0
    for chunk in chunks:
        size += len(chunk)
        _require_size(head, size, max_bytes)
        yield chunk


async def alimit_size(
    head: Response, chunks: AsyncIterator[bytes], max_bytes: int
) -> AsyncIterator[bytes]:
    """Async version of `limit_size`."""
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        _require_size(head, size, max_bytes)
        yield chunk


def read_error_body(chunks: Iterator[bytes]) -> bytes:
    """Return the body of an error; if it breaks off, or does not end, the part that arrived."""
    body = bytearray()
    with contextlib.suppress(*_BROKEN_OFF):
        for chunk in chunks:
            body += chunk[: MAX_ERROR_RESPONSE_BYTES - len(body)]
            if len(body) == MAX_ERROR_RESPONSE_BYTES:
                break
    return bytes(body)


async def aread_error_body(chunks: AsyncIterator[bytes]) -> bytes:
    """Async version of `read_error_body`."""
    body = bytearray()
    with contextlib.suppress(*_BROKEN_OFF):
        async for chunk in chunks:
            body += chunk[: MAX_ERROR_RESPONSE_BYTES - len(body)]
            if len(body) == MAX_ERROR_RESPONSE_BYTES:
                break
    return bytes(body)


def _require_size(head: Response, size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise _malformed(head, f"The response is larger than {max_bytes} bytes.")


def _malformed(head: Response, message: str) -> MalformedResponseError:
    return MalformedResponseError(message, status=head.status, request_id=head.request_id)
