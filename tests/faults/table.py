"""All faults, and all that can happen to each use of the service."""

from faults.breaks import BREAKS
from faults.endpoints import Endpoint
from faults.fault import Fault
from faults.nonsense import NONSENSE
from faults.oddities import ODDITIES, REDIRECTS
from faults.refusals import FAILURES, LIMITS, REFUSALS

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
