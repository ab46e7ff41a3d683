"""A fault, the correct reaction to it, and the check of a client's reaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from support.faults.endpoints import ALL, CLIP_BYTES, Endpoint
from support.loopback_server import Behaviour

RETRIES = 2
"""Number of retries that every client may make."""

_FIRST_ERROR_STATUS = 300
Script = Callable[[Endpoint], list[Behaviour]]


@dataclass(frozen=True, slots=True)
class ExpectedError:
    """The error that a call has to raise.

    Attributes:
        kind: Name of the error class of this package.
        status: HTTP status of the response, if there is one.
        code: Error code of the service.
        retry_after: Seconds after which the service permits a retry.
        request_id: Request id of the service.
        message: Part of the message.
    """

    kind: str
    status: int | None = None
    code: str | None = None
    retry_after: float | None = None
    request_id: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        name: Name in the tables.
        reaction: Correct reaction, in words.
        script: Behaviours of the server, one for each request.
        error: Error that the call has to raise. Defaults to None: it has to succeed.
        attempts: Number of requests that have to arrive, over all calls.
        extra_attempts: Number of further requests that may arrive.
        pause: Minimum and maximum of the seconds between the first two requests.
        endpoints: Uses of the service that the fault can affect.
        size: Size of the recording in bytes.
        source: Kind of the recording: ``path``, ``pipe`` or ``handle``.
        response_format: Format of the transcript.
        calls: Number of successive calls.
        disconnects: True if the server closes all connections between the calls.
        timeout: Read timeout of the client, in seconds.
        deadline: Deadline of the client in seconds, for clients that have one.
    """

    name: str
    reaction: str
    script: Script
    error: ExpectedError | None = None
    attempts: int = 2
    extra_attempts: int = 0
    pause: tuple[float, float] | None = None
    endpoints: Sequence[Endpoint] = field(default=ALL)
    size: int = CLIP_BYTES
    source: str = "path"
    response_format: str = "json"
    calls: int = 1
    disconnects: bool = False
    timeout: float = 30.0
    deadline: float = 1800.0


@dataclass(slots=True)
class Observation:
    """The reaction of a client.

    Attributes:
        values: Results of the calls.
        error: Name of the error class that the last call raised.
        is_typed: True if that class belongs to the client's own error tree.
        status: HTTP status that the error carries.
        attempts: Number of requests that arrived.
        pauses: Seconds between the requests.
        broken: Number of complete requests without the required content.
        redirected: Number of requests that went to another host.
        files: Content of each file that was left.
    """

    values: list[str | bytes] = field(default_factory=list)
    error: str | None = None
    is_typed: bool = True
    status: int | None = None
    attempts: int = 0
    pauses: list[float] = field(default_factory=list)
    broken: int = 0
    redirected: int = 0
    files: list[bytes] = field(default_factory=list)


def find_mistakes(fault: Fault, endpoint: Endpoint, observed: Observation) -> list[str]:
    """Return the mistakes in a client's reaction, in words."""
    return [*_result_mistakes(fault, endpoint, observed), *_request_mistakes(fault, observed)]


def _result_mistakes(fault: Fault, endpoint: Endpoint, observed: Observation) -> list[str]:
    mistakes = []
    if fault.error is None:
        if observed.error:
            mistakes.append(f"fails with {observed.error}")
        elif observed.values != [endpoint.value] * fault.calls:
            mistakes.append("returns a wrong result")
    elif observed.error is None:
        mistakes.append("returns it as a result")
    elif not observed.is_typed:
        mistakes.append(f"fails with a bare {observed.error}")
    elif (fault.error.status or 0) >= _FIRST_ERROR_STATUS and observed.status != fault.error.status:
        mistakes.append(f"{observed.error} does not carry the status")
    if observed.error and observed.files:
        mistakes.append(f"leaves a file of {sum(map(len, observed.files))} bytes")
    return mistakes


def _request_mistakes(fault: Fault, observed: Observation) -> list[str]:
    mistakes = []
    if observed.redirected:
        mistakes.append("sends it to another host")
    if not fault.attempts <= observed.attempts <= fault.attempts + fault.extra_attempts:
        mistakes.append(f"sends {_requests(observed.attempts)} instead of {fault.attempts}")
    elif fault.pause and not fault.pause[0] <= observed.pauses[0] <= fault.pause[1]:
        mistakes.append(f"retries too {'soon' if observed.pauses[0] < fault.pause[0] else 'late'}")
    if observed.broken:
        mistakes.append("sends a broken body")
    return mistakes


def _requests(number: int) -> str:
    return f"{number} request{'s' * (number != 1)}"
