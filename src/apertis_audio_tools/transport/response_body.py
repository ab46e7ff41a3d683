"""What comes back, believed only so far."""

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator

import httpx

from apertis_audio_tools.api.response import Response
from apertis_audio_tools.errors import MalformedResponseError

logger = logging.getLogger("apertis_audio_tools")

MAX_RESPONSE_BYTES = 256 * 1024 * 1024
"""Far more than the longest speech the service can give: 4096 characters at a quarter of the
speed make some 50 MB of wav."""

_MOST_OF_A_REFUSAL = 1024 * 1024
"""Far more than the words of any refusal."""

_CODINGS = frozenset({"", "identity", "gzip", "deflate"})
"""None was asked for. These grow a thousandfold at most; others, and several at once, without
bound in a single step."""


def response_head(response: httpx.Response) -> Response:
    """The answer without its body.

    Raises:
        MalformedResponseError: The body is packed in a way that nobody asked for.
    """
    headers = {name.lower(): value for name, value in response.headers.items()}
    answer = Response(response.status_code, headers)
    method, path = response.request.method, response.request.url.path
    logger.debug("%s %s: %d (%s)", method, path, answer.status, answer.request_id)
    coding = headers.get("content-encoding", "").strip().lower()
    if coding not in _CODINGS:
        raise MalformedResponseError(
            f"The answer is packed in a way nobody asked for ({coding[:80]}).",
            status=answer.status,
            request_id=answer.request_id,
        )
    return answer


def limit_size(head: Response, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The chunks, as long as they are no more than any honest answer."""
    size = 0
    for chunk in chunks:
        size = _counted(head, size + len(chunk))
        yield chunk


async def alimit_size(head: Response, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same."""
    size = 0
    async for chunk in chunks:
        size = _counted(head, size + len(chunk))
        yield chunk


def read_error_body(chunks: Iterator[bytes]) -> bytes:
    """The body of a refusal; one that breaks off, or does not end, refuses all the same."""
    body = bytearray()
    with contextlib.suppress(httpx.NetworkError, httpx.ProtocolError):
        for chunk in chunks:
            body += chunk
            if len(body) > _MOST_OF_A_REFUSAL:
                break
    return bytes(body)


async def aread_error_body(chunks: AsyncIterator[bytes]) -> bytes:
    """The same."""
    body = bytearray()
    with contextlib.suppress(httpx.NetworkError, httpx.ProtocolError):
        async for chunk in chunks:
            body += chunk
            if len(body) > _MOST_OF_A_REFUSAL:
                break
    return bytes(body)


def break_reference_cycle(response: httpx.Response) -> None:
    """Free the response and its request now: httpx 0.28 keeps both alive in a reference cycle."""
    response.stream = httpx.ByteStream(b"")


def _counted(head: Response, size: int) -> int:
    if size > MAX_RESPONSE_BYTES:
        raise MalformedResponseError(
            f"The answer is larger than {MAX_RESPONSE_BYTES} bytes: given up.",
            status=head.status,
            request_id=head.request_id,
        )
    return size
