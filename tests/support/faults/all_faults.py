"""All faults, and every combination of a fault and an endpoint."""

from support.faults.broken_connections import BROKEN_CONNECTIONS
from support.faults.endpoints import Endpoint
from support.faults.error_responses import FAILURES, LIMITS, REFUSALS
from support.faults.fault import Fault
from support.faults.invalid_responses import INVALID_RESPONSES
from support.faults.unusual_responses import REDIRECTS, UNUSUAL_RESPONSES

NOTHING = Fault("no fault", "accept the response", lambda e: [e.success], attempts=1)
FAULTS: tuple[Fault, ...] = (
    NOTHING,
    *LIMITS,
    *FAILURES,
    *REFUSALS,
    *BROKEN_CONNECTIONS,
    *UNUSUAL_RESPONSES,
    *REDIRECTS,
    *INVALID_RESPONSES,
)
CASES: tuple[tuple[Fault, Endpoint], ...] = tuple(
    (fault, endpoint) for fault in FAULTS for endpoint in fault.endpoints
)


def name_of(case: tuple[Fault, Endpoint]) -> str:
    """Return the name of a case."""
    fault, endpoint = case
    return f"{fault.name}, {endpoint.name}"[:90]
