"""The first writes of a request, held back so that a small request is sent at once."""

_HELD_BYTES = 64 * 1024


class HeldWrites:
    """Part of a network stream that joins the head of a request and a small body.

    They are sent with the write after them, which is an empty one at the end of a request, or
    before the next read at the latest.
    """

    _held: bytes = b""

    def take_writes(self, buffer: bytes = b"") -> bytes:
        """Return what is to be sent now: nothing as long as little is held, and more follows."""
        held = self._held + buffer
        is_whole = not buffer or len(held) > _HELD_BYTES
        self._held = b"" if is_whole else held
        return held if is_whole else b""
