"""Detection of surplus bytes after a response, so that their connection is not used again.

httpcore would read them as the beginning of the next response, and hand what belongs to one call,
or what somebody forged, to another.
"""

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    import h11


class UnreadBytes:
    """Part of a network stream that knows whether bytes were received beyond the response."""

    _protocol: "h11.Connection | None" = None

    def watch(self, protocol: "h11.Connection") -> None:
        """Use the state of h11 to see which bytes it has received and not read."""
        self._protocol = protocol

    @property
    def has_unread_bytes(self) -> bool:
        """True if there are such bytes, which is normal in the middle of a response."""
        return self._protocol is not None and bool(self._protocol.trailing_data[0])


def watch_unread_bytes(response: httpx.Response) -> None:
    """Make the connection of a response count as used up if it holds more than the response."""
    stream = response.extensions.get("network_stream")
    # httpx and httpcore have no public way to the connection and to its h11 state.
    protocol = getattr(_connection(response), "_h11_state", None)
    if isinstance(stream, UnreadBytes) and protocol is not None:
        stream.watch(protocol)


def _connection(response: httpx.Response) -> object:
    """Return the connection below the streams that httpx and httpcore wrap around each other."""
    stream: object = response.stream
    while inner := getattr(stream, "_stream", None) or getattr(stream, "_httpcore_stream", None):
        stream = inner
    return getattr(stream, "_connection", None)
