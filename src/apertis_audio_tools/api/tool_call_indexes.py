"""Indexes of the tool calls in a streamed reply, however the service numbers them."""


class ToolCallIndexes:
    """Unique indexes for tool calls.

    Some services send the same index for all calls, or none, and only ids tell the calls apart.
    """

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}
        self._latest: dict[int | None, int] = {}
        self._known: dict[tuple[int | None, str], int] = {}
        self._next = 0

    @property
    def count(self) -> int:
        """Number of tool calls so far."""
        return len(self._ids)

    def resolve(self, index: int | None, call_id: str | None) -> int:
        """Return the index of the call that a delta belongs to.

        It is the service's own index, unless another call has that.

        Args:
            index: Index from the service. None means the previous call, unless the id differs.
            call_id: Id from the service, usually with the first delta of a call only.
        """
        resolved = self._known_index(index, call_id)
        if resolved is None:
            resolved = self._free_index(index)
        self._ids[resolved] = self._ids.get(resolved) or call_id or ""
        self._known[index, self._ids[resolved]] = resolved
        self._next = max(self._next, resolved + 1)
        self._latest[index] = self._latest[None] = resolved
        return resolved

    def _known_index(self, index: int | None, call_id: str | None) -> int | None:
        latest = self._latest.get(index)
        if latest is None or not call_id or self._ids[latest] in {"", call_id}:
            return latest
        return self._known.get((index, call_id))

    def _free_index(self, index: int | None) -> int:
        if index is None or index in self._ids:
            return self._next
        return index
