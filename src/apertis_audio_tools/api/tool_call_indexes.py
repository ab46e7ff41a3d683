"""Which tool call a piece of a streamed reply belongs to, however the service numbers them."""


class ToolCallIndexes:
    """Numbers for tool calls, each of which has one of its own.

    Some services say the same index for all calls, or none, and tell calls apart by their ids.
    """

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}
        self._latest: dict[int | None, int] = {}
        self._known: dict[tuple[int | None, str], int] = {}

    def number(self, index: int | None, call_id: str | None) -> int:
        """The call a piece belongs to: the service's own index, unless another call has that.

        Args:
            index: As the service says; None means the call before, unless there is another id.
            call_id: As the service says; later pieces of a call usually have none.
        """
        number = self._begun(index, call_id)
        if number is None:
            number = self._free(index)
        self._ids[number] = self._ids.get(number) or call_id or ""
        self._known[index, self._ids[number]] = number
        self._latest[index] = self._latest[None] = number
        return number

    def _begun(self, index: int | None, call_id: str | None) -> int | None:
        latest = self._latest.get(index)
        if latest is None or not call_id or self._ids[latest] in {"", call_id}:
            return latest
        return self._known.get((index, call_id))

    def _free(self, index: int | None) -> int:
        if index is None or index in self._ids:
            return max(self._ids, default=-1) + 1
        return index
