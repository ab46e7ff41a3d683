"""Our client is right about every fault, in every use of the service and in both colours."""

from dataclasses import replace
from pathlib import Path

import pytest

from apertis_audio_tools.transport import receiving
from clock import FakeClock
from faults import nonsense, table
from faults.endpoints import Endpoint
from faults.fault import Fault, Refused, complaints
from faults.ours import Ours
from faults.watching import Watched, digests, watched

MOST_BYTES = 2_000_000


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(("fault", "endpoint"), table.CASES, ids=map(table.name_of, table.CASES))
def test_fault(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fault: Fault,
    endpoint: Endpoint,
    *,
    is_async: bool,
) -> None:
    """The right thing is done, said and left."""
    monkeypatch.setattr(receiving, "MAX_ANSWER_BYTES", MOST_BYTES)
    monkeypatch.setattr(nonsense, "BOMB_BYTES", 3 * MOST_BYTES)
    clock = FakeClock()
    player = Ours(is_async=is_async, clock=clock)
    found = watched(player, fault, endpoint, tmp_path, clock.monotonic)
    assert complaints(fault, endpoint, found.seen) == []
    assert (told(found) if found.error else None) == expected(fault, found)
    assert len(digests(found.requests)) <= fault.calls, "An attempt differs from another."
    assert player.busy == 0, "A connection is not given back."


def told(found: Watched) -> Refused:
    """What the error says."""
    names = ("status", "code", "retry_after", "request_id")
    fields = {name: getattr(found.error, name) for name in names}
    return Refused(type(found.error).__name__, says=str(found.error), **fields)


def expected(fault: Fault, found: Watched) -> Refused | None:
    """What it has to say; of the message, only a part is fixed."""
    if fault.error is None or fault.error.says not in str(found.error):
        return fault.error
    return replace(fault.error, says=str(found.error))
