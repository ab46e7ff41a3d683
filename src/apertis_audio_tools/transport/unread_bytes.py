"""Bytes after the end of an answer: no connection that had any is used again.

httpcore would read them as the beginning of the next answer, and hand what was meant for one call,
or was made up, to another.
"""

from typing import Any

import httpx


class UnreadBytes:
    """What a connection was sent beyond the end of its answers, as a part of its stream."""

    _protocol: Any = None

    def watch(self, protocol: Any) -> None:
        """From now on, know what h11 has read and not yet understood."""
        self._protocol = protocol

    @property
    def is_left(self) -> bool:
        """Whether there is any. In the middle of an answer that is nothing to worry about."""
        return self._protocol is not None and bool(self._protocol.trailing_data[0])


def watch_unread_bytes(response: httpx.Response) -> None:
    """Have the connection of this answer known as used up, if it holds more than the answer."""
    stream = response.extensions.get("network_stream")
    connection = _connection(response)
    if isinstance(stream, UnreadBytes) and connection is not None:
        stream.watch(connection._h11_state)  # noqa: SLF001  # httpcore has no other way


def _connection(response: httpx.Response) -> Any:
    """What is below the streams that httpx and httpcore put around each other."""
    stream: Any = response.stream
    while inner := getattr(stream, "_stream", None) or getattr(stream, "_httpcore_stream", None):
        stream = inner
    return getattr(stream, "_connection", None)
