"""The client handles every fault correctly, with every verb, sync and async."""

from dataclasses import replace
from pathlib import Path

import pytest

from apertis_audio_tools.transport import response_body
from apertis_audio_tools.transport.retry import Clock, SystemClock
from support.fake_clock import FakeClock
from support.faults import all_faults, invalid_responses
from support.faults.endpoints import Endpoint
from support.faults.fault import Fault, Refused, complaints
from support.faults.fault_runner import Watched, digests, watched
from support.faults.our_client import Ours

MOST_BYTES = 2_000_000


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("fault", "endpoint"), all_faults.CASES, ids=map(all_faults.name_of, all_faults.CASES)
)
def test_fault(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    fault: Fault,
    endpoint: Endpoint,
    *,
    is_async: bool,
) -> None:
    """The requests, the result or error, and the open connections are as expected."""
    monkeypatch.setattr(response_body, "MAX_RESPONSE_BYTES", MOST_BYTES)
    monkeypatch.setattr(invalid_responses, "BOMB_BYTES", 3 * MOST_BYTES)
    player, found = watched_in_time(fault, endpoint, tmp_path, is_async=is_async)
    spare = 2 * fault.spare if is_async else 0
    assert complaints(replace(fault, spare=spare), endpoint, found.seen) == []
    assert (error_fields(found) if found.error else None) == expected(fault, found)
    assert len(digests(found.requests)) <= fault.calls, "An attempt differs from another."
    assert player.busy == 0, "A connection is not given back."


def watched_in_time(
    fault: Fault, endpoint: Endpoint, folder: Path, *, is_async: bool
) -> tuple[Ours, Watched]:
    """Return what the client did; if a short deadline ended too early, with longer ones.

    On a busy machine a deadline may be over before the request has been sent. A longer one has to
    pass by itself; short ones are over with the first pause before another attempt.
    """
    for times in (1, 10, 100):
        clock: Clock = FakeClock() if times == 1 else SystemClock()
        empty = folder / str(times)
        empty.mkdir()
        player = Ours(is_async=is_async, clock=clock)
        longer = replace(fault, deadline=times * fault.deadline)
        found = watched(player, longer, endpoint, empty, clock.monotonic)
        if found.requests:
            break
    return player, found


def error_fields(found: Watched) -> Refused:
    """Return the fields of an error that are compared."""
    names = ("status", "code", "retry_after", "request_id")
    fields = {name: getattr(found.error, name) for name in names}
    return Refused(type(found.error).__name__, says=str(found.error), **fields)


def expected(fault: Fault, found: Watched) -> Refused | None:
    """Return the expected fields, with the message found if it has the expected part."""
    if fault.error is None or fault.error.says not in str(found.error):
        return fault.error
    return replace(fault.error, says=str(found.error))
