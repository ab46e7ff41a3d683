"""A fault, what is right to do about it, and who did not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from support.faults.endpoints import ALL, CLIP_BYTES, Endpoint
from support.loopback import Behaviour

RETRIES = 2
"""How often every client may try again."""

_REFUSALS = 300
Script = Callable[[Endpoint], list[Behaviour]]


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that has to fail.

    Attributes:
        kind: The error of this package.
        status: Of the answer, if there was one.
        code: The service's own.
        retry_after: Seconds.
        request_id: The service's own.
        says: A part of the message.
    """

    kind: str
    status: int | None = None
    code: str | None = None
    retry_after: float | None = None
    request_id: str | None = None
    says: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        name: In the words of the tables.
        right: What is right to do, in words.
        script: What the server does with each request.
        error: How the call has to fail; None where it has to succeed.
        attempts: Requests that have to arrive, over all calls.
        spare: How many more may arrive.
        pause: Seconds between the first two, from and to, where they matter.
        on: The uses of the service it can happen to.
        size: Bytes of the recording.
        source: How the recording is given: ``path``, ``pipe`` or ``handle``.
        wanted: The format of the transcript.
        calls: How many calls, one after the other.
        is_dropped: Whether the server hangs up between them.
        timeout: Seconds of silence the client is told to bear.
        deadline: Seconds the client is told to take, where it can be told.
    """

    name: str
    right: str
    script: Script
    error: Refused | None = None
    attempts: int = 2
    spare: int = 0
    pause: tuple[float, float] | None = None
    on: Sequence[Endpoint] = field(default=ALL)
    size: int = CLIP_BYTES
    source: str = "path"
    wanted: str = "json"
    calls: int = 1
    is_dropped: bool = False
    timeout: float = 30.0
    deadline: float = 1800.0


@dataclass(slots=True)
class Seen:
    """What a client did.

    Attributes:
        values: What the calls gave.
        error: The name of the error the last call ended with.
        is_typed: Whether that error is of the client's own tree.
        status: What the error says of the status.
        attempts: Requests that arrived.
        pauses: Seconds between them.
        broken: How many whole requests did not carry what they should.
        strayed: How many went to another host than was asked.
        files: Bytes of each file that was left.
    """

    values: list[str | bytes] = field(default_factory=list)
    error: str | None = None
    is_typed: bool = True
    status: int | None = None
    attempts: int = 0
    pauses: list[float] = field(default_factory=list)
    broken: int = 0
    strayed: int = 0
    files: list[bytes] = field(default_factory=list)


def complaints(fault: Fault, endpoint: Endpoint, seen: Seen) -> list[str]:
    """What was not right, in words; nothing where all was."""
    return [*_of_the_end(fault, endpoint, seen), *_of_the_way(fault, seen)]


def _of_the_end(fault: Fault, endpoint: Endpoint, seen: Seen) -> list[str]:
    found = []
    if fault.error is None:
        if seen.error:
            found.append(f"fails with {seen.error}")
        elif seen.values != [endpoint.value] * fault.calls:
            found.append("gives a wrong result")
    elif seen.error is None:
        found.append("takes it for a result")
    elif not seen.is_typed:
        found.append(f"fails with a bare {seen.error}")
    elif (fault.error.status or 0) >= _REFUSALS and seen.status != fault.error.status:
        found.append(f"{seen.error} does not tell the status")
    if seen.error and seen.files:
        found.append(f"leaves a file of {sum(map(len, seen.files))} bytes")
    return found


def _of_the_way(fault: Fault, seen: Seen) -> list[str]:
    found = []
    if seen.strayed:
        found.append("sends it to another host")
    if not fault.attempts <= seen.attempts <= fault.attempts + fault.spare:
        found.append(f"asks {_times(seen.attempts)} in place of {_times(fault.attempts)}")
    elif fault.pause and not fault.pause[0] <= seen.pauses[0] <= fault.pause[1]:
        found.append(f"asks again too {'soon' if seen.pauses[0] < fault.pause[0] else 'late'}")
    if seen.broken:
        found.append("sends a broken body")
    return found


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"
