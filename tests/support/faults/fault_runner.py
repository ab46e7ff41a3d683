"""A client and a server that go through a fault, and what can be seen of it."""

import io
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from support.faults.endpoints import Endpoint, recording
from support.faults.fault import Fault, Seen
from support.loopback import Loopback, Received

_BEFORE = b"8 bytes."


class Pipe(io.RawIOBase):
    """Bytes that can be read once."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        """It can be read ..."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """... but not sought in."""
        return self._data.readinto(buffer)


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a fault takes place.

    Attributes:
        fault: It.
        endpoint: What the service is asked for.
        server: Who misbehaves.
        folder: For what is sent and, in ``new``, for what is saved.
    """

    fault: Fault
    endpoint: Endpoint
    server: Loopback
    folder: Path

    def source(self) -> Path | BinaryIO:
        """The recording, in the way the fault wants it."""
        content = recording(self.fault.size)
        match self.fault.source:
            case "pipe":
                return io.BufferedReader(Pipe(content))
            case "handle":
                handle = io.BytesIO(_BEFORE + content)
                handle.seek(len(_BEFORE))
                handle.name = "audio.wav"
                return handle
            case _:
                path = self.folder / "audio.wav"
                path.write_bytes(content)
                return path

    @property
    def new_file(self) -> Path:
        """Where speech is saved."""
        self.saved.mkdir(exist_ok=True)
        return self.saved / "hello.mp3"

    @property
    def saved(self) -> Path:
        """The folder it is saved in."""
        return self.folder / "new"

    def between_calls(self) -> None:
        """What happens after a call that is not the last."""
        if self.fault.is_dropped:
            self.server.hang_up()


class Player(Protocol):
    """A client, under the name of its library.

    Attributes:
        errors: The roots of its own errors.
    """

    errors: tuple[type[Exception], ...]

    def play(self, stage: Stage, took: Callable[[str | bytes], None]) -> None:
        """Make the calls of the fault, and hand over what each of them gave."""


@dataclass(slots=True)
class Watched:
    """What was seen, and what only a test of our own client looks at."""

    seen: Seen = field(default_factory=Seen)
    error: Exception | None = None
    requests: list[Received] = field(default_factory=list)


def watched(
    player: Player,
    fault: Fault,
    endpoint: Endpoint,
    folder: Path,
    now: Callable[[], float] = time.monotonic,
) -> Watched:
    """Go through a fault.

    Args:
        player: Who does.
        fault: What goes wrong.
        endpoint: In what use of the service.
        folder: An empty one.
        now: The clock that dates the requests.
    """
    found = Watched()
    with Loopback(fault.script(endpoint), now) as server:
        stage = Stage(fault, endpoint, server, folder)
        try:
            player.play(stage, found.seen.values.append)
        except Exception as error:  # noqa: BLE001  # which ones are raised is the question
            found.error = error
    found.requests = server.requests
    _note_error(found, player)
    _note_requests(found, fault, endpoint)
    found.seen.files = [path.read_bytes() for path in sorted(stage.saved.glob("*"))]
    return found


def _note_error(found: Watched, player: Player) -> None:
    if found.error is None:
        return
    kind = type(found.error)
    found.seen.error = kind.__name__
    found.seen.is_typed = isinstance(found.error, player.errors)
    status: Any = getattr(found.error, "status_code", getattr(found.error, "status", None))
    found.seen.status = status


def _note_requests(found: Watched, fault: Fault, endpoint: Endpoint) -> None:
    seen, carried = found.seen, endpoint.carried(fault.size)
    seen.attempts = len(found.requests)
    seen.pauses = [after.at - before.at for before, after in itertools.pairwise(found.requests)]
    seen.strayed = sum(each.headers["host"].startswith("localhost") for each in found.requests)
    kept = [each.body for each in found.requests if each.is_whole and each.size == len(each.body)]
    seen.broken = sum(carried not in body or _BEFORE in body for body in kept)


def digests(requests: list[Received]) -> set[str]:
    """Of the bodies that were read to their end."""
    return {each.sha256 for each in requests if each.is_whole}
