"""The client reacts correctly to every fault, in every use of the service, sync and async."""

from dataclasses import replace
from pathlib import Path

import pytest

from apertis_audio_tools import models
from apertis_audio_tools.transport.retry import Clock, SystemClock
from support.fake_clock import FakeClock
from support.faults import all_faults, invalid_responses
from support.faults.endpoints import Endpoint
from support.faults.fault import ExpectedError, Fault, find_mistakes
from support.faults.fault_runner import FaultRun, digests, run_fault
from support.faults.our_client import OurClient

MAX_BYTES = 2_000_000


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
    """The requests, the result or error, and the files that are left are correct."""
    monkeypatch.setattr(models, "MAX_AUDIO_RESPONSE_BYTES", MAX_BYTES)
    monkeypatch.setattr(invalid_responses, "BOMB_BYTES", 3 * models.MAX_JSON_RESPONSE_BYTES)
    client, run = run_fault_in_time(fault, endpoint, tmp_path, is_async=is_async)
    extra = 2 * fault.extra_attempts if is_async else 0
    assert find_mistakes(replace(fault, extra_attempts=extra), endpoint, run.observed) == []
    assert (error_of(run) if run.error else None) == expected_error(fault, run)
    assert len(digests(run.requests)) <= fault.calls, "An attempt differs from another."
    assert client.busy == 0, "A connection is not released."


def run_fault_in_time(
    fault: Fault, endpoint: Endpoint, folder: Path, *, is_async: bool
) -> tuple[OurClient, FaultRun]:
    """Run the client against a fault, with longer deadlines until a request was sent.

    On a busy machine a short deadline may pass before the request has been sent.
    """
    for times in (1, 10, 100):
        clock: Clock = FakeClock() if times == 1 else SystemClock()
        empty = folder / str(times)
        empty.mkdir()
        client = OurClient(is_async=is_async, clock=clock)
        longer = replace(fault, deadline=times * fault.deadline)
        run = run_fault(client, longer, endpoint, empty, clock.monotonic)
        if run.requests:
            break
    return client, run


def error_of(run: FaultRun) -> ExpectedError:
    """Return the error of a run as a value that can be compared."""
    names = ("status", "code", "retry_after", "request_id")
    fields = {name: getattr(run.error, name) for name in names}
    return ExpectedError(type(run.error).__name__, message=str(run.error), **fields)


def expected_error(fault: Fault, run: FaultRun) -> ExpectedError | None:
    """Return the expected error, with the whole message if it contains the required part."""
    if fault.error is None or fault.error.message not in str(run.error):
        return fault.error
    return replace(fault.error, message=str(run.error))
