"""Run a client against a server with a fault, and record its reaction."""

import io
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from support.faults.endpoints import Endpoint, recording
from support.faults.fault import Fault, Observation
from support.loopback_server import LoopbackServer, ReceivedRequest

_SKIPPED = b"8 bytes."


class Pipe(io.RawIOBase):
    """A file object that can be read once and not be sought in."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read bytes into a buffer."""
        return self._data.readinto(buffer)


@dataclass(frozen=True, slots=True)
class FaultSession:
    """A fault, the server that has it, and the folder of a client that meets it.

    Attributes:
        fault: Fault of the server.
        endpoint: Use of the service.
        server: Server that has the fault.
        folder: Folder of the recording; speech is saved in its subfolder ``new``.
    """

    fault: Fault
    endpoint: Endpoint
    server: LoopbackServer
    folder: Path

    def source(self) -> Path | BinaryIO:
        """Return the recording, as the kind of source that the fault requires."""
        content = recording(self.fault.size)
        match self.fault.source:
            case "pipe":
                return io.BufferedReader(Pipe(content))
            case "handle":
                handle = io.BytesIO(_SKIPPED + content)
                handle.seek(len(_SKIPPED))
                handle.name = "audio.wav"
                return handle
            case _:
                path = self.folder / "audio.wav"
                path.write_bytes(content)
                return path

    @property
    def new_file(self) -> Path:
        """Path under which speech is saved."""
        self.output.mkdir(exist_ok=True)
        return self.output / "hello.mp3"

    @property
    def output(self) -> Path:
        """Folder that speech is saved in."""
        return self.folder / "new"

    def between_calls(self) -> None:
        """Close the connections between two calls, if the fault requires it."""
        if self.fault.disconnects:
            self.server.close_connections()


class FaultClient(Protocol):
    """A client that makes the calls of a fault.

    Attributes:
        errors: Root classes of its own errors.
    """

    errors: tuple[type[Exception], ...]

    def make_calls(self, session: FaultSession, on_result: Callable[[str | bytes], None]) -> None:
        """Make the calls of the fault, and pass each result to `on_result`."""


@dataclass(slots=True)
class FaultRun:
    """The reaction of a client, with details for the tests of our own client."""

    observed: Observation = field(default_factory=Observation)
    error: Exception | None = None
    requests: list[ReceivedRequest] = field(default_factory=list)


def run_fault(
    client: FaultClient,
    fault: Fault,
    endpoint: Endpoint,
    folder: Path,
    now: Callable[[], float] = time.monotonic,
) -> FaultRun:
    """Run a client against a fault and return its reaction.

    Args:
        client: Client that makes the calls.
        fault: Fault of the server.
        endpoint: Use of the service.
        folder: Empty folder.
        now: Clock that dates the requests. Defaults to `time.monotonic`.
    """
    run = FaultRun()
    with LoopbackServer(fault.script(endpoint), now) as server:
        session = FaultSession(fault, endpoint, server, folder)
        try:
            client.make_calls(session, run.observed.values.append)
        except Exception as error:  # noqa: BLE001  # the class of the error is recorded
            run.error = error
    run.requests = server.requests
    _note_error(run, client)
    _note_requests(run, fault, endpoint)
    run.observed.files = [path.read_bytes() for path in sorted(session.output.glob("*"))]
    return run


def _note_error(run: FaultRun, client: FaultClient) -> None:
    if run.error is None:
        return
    kind = type(run.error)
    run.observed.error = kind.__name__
    run.observed.is_typed = isinstance(run.error, client.errors)
    status: Any = getattr(run.error, "status_code", getattr(run.error, "status", None))
    run.observed.status = status


def _note_requests(run: FaultRun, fault: Fault, endpoint: Endpoint) -> None:
    observed, required = run.observed, endpoint.required_content(fault.size)
    observed.attempts = len(run.requests)
    observed.pauses = [after.at - before.at for before, after in itertools.pairwise(run.requests)]
    observed.redirected = sum(each.headers["host"].startswith("localhost") for each in run.requests)
    bodies = [each.body for each in run.requests if each.is_whole and each.size == len(each.body)]
    observed.broken = sum(required not in body or _SKIPPED in body for body in bodies)


def digests(requests: list[ReceivedRequest]) -> set[str]:
    """Return the digests of the bodies that were read to their end."""
    return {each.sha256 for each in requests if each.is_whole}
