"""Every mistake of a client is found."""

from dataclasses import replace

import pytest

from support.faults.all_faults import CASES, FAULTS
from support.faults.endpoints import SPEAK, TRANSCRIBE, WORDS
from support.faults.error_responses import always
from support.faults.fault import ExpectedError, Fault, Observation, find_mistakes

FAILING = Fault(
    "refused", "", always(TRANSCRIBE.success), ExpectedError("ServerError", 500), pause=(1.0, 2.0)
)
SUCCESSFUL = replace(FAILING, error=None)
CORRECT = Observation(values=[WORDS], attempts=2, pauses=[1.5])
FAILED = Observation(error="APIError", status=500, attempts=2, pauses=[1.5])


def test_idle() -> None:
    """A client that does nothing makes a mistake in every case."""
    assert all(find_mistakes(fault, endpoint, Observation()) for fault, endpoint in CASES)


def test_names() -> None:
    """The names of faults are unique."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_right() -> None:
    """A correct reaction has no mistakes."""
    assert find_mistakes(SUCCESSFUL, TRANSCRIBE, CORRECT) == []
    assert find_mistakes(FAILING, TRANSCRIBE, FAILED) == []


@pytest.mark.parametrize(
    ("fault", "observed", "mistake"),
    [
        (SUCCESSFUL, FAILED, "fails with APIError"),
        (SUCCESSFUL, replace(CORRECT, values=["one"]), "returns a wrong result"),
        (SUCCESSFUL, replace(CORRECT, values=[WORDS, WORDS]), "returns a wrong result"),
        (SUCCESSFUL, replace(CORRECT, attempts=1), "sends 1 request instead of 2"),
        (SUCCESSFUL, replace(CORRECT, pauses=[0.1]), "retries too soon"),
        (SUCCESSFUL, replace(CORRECT, pauses=[9.0]), "retries too late"),
        (SUCCESSFUL, replace(CORRECT, broken=1), "sends a broken body"),
        (SUCCESSFUL, replace(CORRECT, redirected=1), "sends it to another host"),
        (FAILING, CORRECT, "returns it as a result"),
        (FAILING, replace(FAILED, is_typed=False), "fails with a bare APIError"),
        (FAILING, replace(FAILED, status=None), "APIError does not carry the status"),
        (FAILING, replace(FAILED, files=[b"123"]), "leaves a file of 3 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong(fault: Fault, observed: Observation, mistake: str) -> None:
    """Each mistake is reported, and nothing else."""
    assert find_mistakes(fault, TRANSCRIBE, observed) == [mistake]


def test_text_in_place_of_audio() -> None:
    """A text in place of audio is a wrong result."""
    assert find_mistakes(SUCCESSFUL, SPEAK, CORRECT) == ["returns a wrong result"]
