"""The judgement of faults finds each deviation."""

from dataclasses import replace

import pytest

from support.faults.all_faults import CASES, FAULTS
from support.faults.endpoints import SPEAK, TRANSCRIBE, WORDS
from support.faults.error_responses import always
from support.faults.fault import Fault, Refused, Seen, complaints

REFUSED = Fault(
    "refused", "", always(TRANSCRIBE.good), Refused("ServerError", 500), pause=(1.0, 2.0)
)
ANSWERED = replace(REFUSED, error=None)
RIGHT = Seen(values=[WORDS], attempts=2, pauses=[1.5])
FAILED = Seen(error="APIError", status=500, attempts=2, pauses=[1.5])


def test_idle() -> None:
    """A client that does nothing fails every fault."""
    assert all(complaints(fault, endpoint, Seen()) for fault, endpoint in CASES)


def test_names() -> None:
    """The names of faults are unique."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_right() -> None:
    """A client that does as expected passes."""
    assert complaints(ANSWERED, TRANSCRIBE, RIGHT) == []
    assert complaints(REFUSED, TRANSCRIBE, FAILED) == []


@pytest.mark.parametrize(
    ("fault", "seen", "complaint"),
    [
        (ANSWERED, FAILED, "fails with APIError"),
        (ANSWERED, replace(RIGHT, values=["one"]), "gives a wrong result"),
        (ANSWERED, replace(RIGHT, values=[WORDS, WORDS]), "gives a wrong result"),
        (ANSWERED, replace(RIGHT, attempts=1), "asks once in place of 2 times"),
        (ANSWERED, replace(RIGHT, pauses=[0.1]), "asks again too soon"),
        (ANSWERED, replace(RIGHT, pauses=[9.0]), "asks again too late"),
        (ANSWERED, replace(RIGHT, broken=1), "sends a broken body"),
        (ANSWERED, replace(RIGHT, strayed=1), "sends it to another host"),
        (REFUSED, RIGHT, "takes it for a result"),
        (REFUSED, replace(FAILED, is_typed=False), "fails with a bare APIError"),
        (REFUSED, replace(FAILED, status=None), "APIError does not tell the status"),
        (REFUSED, replace(FAILED, files=[b"123"]), "leaves a file of 3 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_wrong(fault: Fault, seen: Seen, complaint: str) -> None:
    """Each deviation is reported by itself."""
    assert complaints(fault, TRANSCRIBE, seen) == [complaint]


def test_sound() -> None:
    """A correct text is not accepted in place of audio."""
    assert complaints(ANSWERED, SPEAK, RIGHT) == ["gives a wrong result"]
