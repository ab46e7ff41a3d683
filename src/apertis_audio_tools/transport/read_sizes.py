"""Sizes of reads: small ones, unless a response is known not to be compressed."""

import httpx

READ_BYTES = 16 * 1024
"""Bytes that are read at once; compressed, they may hold a thousand times as many."""
_PLAIN_READ_BYTES = 256 * 1024
"""Bytes that are read at once of a body that is not compressed; h11 accepts any number."""


class ReadSize:
    """Part of a network stream that decides how many bytes are read at once.

    Attributes:
        is_plain: True from the head of a response that is not compressed to the next request.
    """

    is_plain: bool = False

    def read_size(self, max_bytes: int) -> int:
        """Return the number of bytes to read where httpcore would read up to `max_bytes`."""
        return _PLAIN_READ_BYTES if self.is_plain else min(max_bytes, READ_BYTES)


def read_plain_body(response: httpx.Response) -> None:
    """Let the body of a response that is not compressed be read in larger steps."""
    stream = response.extensions.get("network_stream")
    if isinstance(stream, ReadSize):
        stream.is_plain = True
