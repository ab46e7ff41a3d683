"""All faults, and all that can happen to each use of the service."""

from support.faults.broken_connections import BREAKS
from support.faults.endpoints import Endpoint
from support.faults.error_responses import FAILURES, LIMITS, REFUSALS
from support.faults.fault import Fault
from support.faults.invalid_responses import NONSENSE
from support.faults.unusual_responses import ODDITIES, REDIRECTS

NOTHING = Fault("no fault at all", "take the answer", lambda e: [e.good], attempts=1)
FAULTS: tuple[Fault, ...] = (
    NOTHING,
    *LIMITS,
    *FAILURES,
    *REFUSALS,
    *BREAKS,
    *ODDITIES,
    *REDIRECTS,
    *NONSENSE,
)
CASES: tuple[tuple[Fault, Endpoint], ...] = tuple(
    (fault, endpoint) for fault in FAULTS for endpoint in fault.on
)


def name_of(case: tuple[Fault, Endpoint]) -> str:
    """What a case is called."""
    fault, endpoint = case
    return f"{fault.name}, {endpoint.name}"[:90]
