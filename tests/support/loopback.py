"""A loopback HTTP server that does what its script says, and keeps what it was sent.

Each request takes the next behaviour of the script; the last one serves all that follow. A
behaviour is a function of the `Exchange`: it reads as much of the request as it likes and writes
any bytes whatever, so that servers which break the protocol are as easy as those which keep it.
`scripted_responses` has the usual ones.
"""

import contextlib
import hashlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from apertis_audio_tools import ApertisAudio
from support.fake_clock import FakeClock
from support.timeouts import PATIENCE

Behaviour = Callable[["Exchange"], None]

LINES = "\r\n"
_RECEIVE_BYTES = 64 * 1024
_KEPT_BYTES = 1024 * 1024


@dataclass(slots=True)
class Received:
    """One request as it arrived.

    Attributes:
        number: Its place in the order of arrival over all connections, from 0.
        at: When its head was complete, by the clock of the server.
        target: The path, or the whole address when it came through a proxy.
        headers: By names in lower case.
        size: Bytes of the body that were read.
        sha256: Of those bytes, in hexadecimal.
        body: The bytes themselves, up to a megabyte.
        is_whole: Whether the body was read to its end.
    """

    number: int
    at: float
    method: str
    target: str
    headers: dict[str, str]
    size: int = 0
    sha256: str = ""
    body: bytes = b""
    is_whole: bool = False


class Exchange:
    """One request being answered: what a behaviour has in its hands."""

    def __init__(
        self, sock: socket.socket, received: Received, rest: bytes, closing: threading.Event
    ) -> None:
        self.received = received
        self.closing = closing
        self.is_over = False
        self._sock = sock
        self._rest = rest
        self._digest = hashlib.sha256()

    def read_body(self, limit: int | None = None) -> None:
        """Read the body, or its next bytes up to `limit`."""
        received = self.received
        if received.headers.get("transfer-encoding") == "chunked":
            while size := int(self._read_line(), 16):
                self._read(received.size + size)
                self._read_line()
            self._read_line()
            received.is_whole = True
            return
        size = int(received.headers.get("content-length", 0))
        self._read(size if limit is None else min(limit, size))
        received.is_whole = received.size == size

    def _read(self, wanted: int) -> None:
        """Read until so many bytes of the body are there."""
        received, kept = self.received, bytearray()
        while received.size < wanted:
            data = self._some(min(_RECEIVE_BYTES, wanted - received.size))
            self._digest.update(data)
            kept += data[: _KEPT_BYTES - len(received.body) - len(kept)]
            received.size += len(data)
        received.sha256, received.body = self._digest.hexdigest(), received.body + bytes(kept)

    def _read_line(self) -> bytes:
        line = b""
        while not line.endswith(b"\r\n"):
            line += self._some(1)
        return line.strip()

    def _some(self, most: int) -> bytes:
        data, self._rest = self._rest[:most], self._rest[most:]
        data = data or self._sock.recv(most)
        if not data:
            raise ConnectionResetError("The client left in the middle of its body.")
        return data

    def write(self, data: bytes) -> None:
        """Send any bytes."""
        self._sock.sendall(data)

    def write_head(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Send a status line, headers and what begins the body."""
        lines = [f"HTTP/1.1 {status} As Scripted", *(f"{k}: {v}" for k, v in headers.items())]
        self.write((LINES.join(lines) + 2 * LINES).encode("latin-1") + body)

    def close(self) -> None:
        """End the connection in good order after this exchange."""
        self.is_over = True

    def reset(self) -> None:
        """End the connection with a reset, at once."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()
        self.is_over = True

    def wait_for_client_to_leave(self) -> None:
        """Say nothing until the client has had enough, or the test is over."""
        with contextlib.suppress(OSError):
            while not self.closing.is_set() and self._sock.recv(_RECEIVE_BYTES):
                pass
        self.is_over = True


@dataclass
class Loopback:
    """The server, as a context manager.

    Attributes:
        script: What it does with each request.
        now: The clock that dates the arrivals.
        requests: All requests so far, in the order of their arrival.
        connections: How many there have been.
    """

    script: list[Behaviour]
    now: Callable[[], float] = time.monotonic
    requests: list[Received] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._closing = threading.Event()
        self._last: object = None
        self._open: dict[socket.socket, threading.Thread] = {}

    @property
    def address(self) -> str:
        """Host and port."""
        return "{}:{}".format(*self._listener.getsockname())

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"http://{self.address}/v1"

    def client(self, **options: Any) -> ApertisAudio:
        """A client of this server, which never really sleeps."""
        settings: dict[str, Any] = {"base_url": self.url, "clock": FakeClock()} | options
        return ApertisAudio("key-of-a-test", **settings)

    def wait_for_requests(self, number: int) -> None:
        """Block until the heads of so many requests have arrived."""
        self._wait_until(lambda: len(self.requests) >= number)

    def wait_for_hang_ups(self) -> None:
        """Block until no connection is open."""
        self._wait_until(lambda: not self._open)

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE), "It never came true."

    def hang_up(self) -> None:
        """Close all connections, and wait until the other side knows."""
        with self._lock:
            found = list(self._open)
        for sock in found:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self.wait_for_hang_ups()

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        # Whoever is still in the queue of the listener comes before this one, and is counted.
        with socket.socket() as last:
            last.bind(("127.0.0.1", 0))
            self._last = last.getsockname()
            last.connect(self._listener.getsockname())
            self._acceptor.join()
        self._listener.close()
        self.hang_up()

    def _accept(self) -> None:
        while True:
            sock, peer = self._listener.accept()
            if peer == self._last:
                sock.close()
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            with self._changed:
                self.connections += 1
                self._open[sock] = thread
                self._changed.notify_all()
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        rest = b""
        with contextlib.suppress(OSError), sock:
            while (head := _read_head(sock, rest)) is not None:
                exchange = Exchange(sock, *self._begun(*head), self._closing)
                self._behaviour(exchange.received.number)(exchange)
                if exchange.is_over:
                    break
                rest = exchange._rest
        with self._changed:
            del self._open[sock]
            self._changed.notify_all()

    def _begun(self, head: str, rest: bytes) -> tuple[Received, bytes]:
        first, *lines = head.split(LINES)
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        with self._changed:
            received = Received(len(self.requests), self.now(), method, target, headers)
            self.requests.append(received)
            self._changed.notify_all()
        return received, rest

    def _behaviour(self, number: int) -> Behaviour:
        return self.script[min(number, len(self.script) - 1)]


@contextlib.contextmanager
def dead_port() -> Iterator[int]:
    """A port of this machine where nobody listens; and nobody else can, as long as this lasts."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def _read_head(sock: socket.socket, data: bytes) -> tuple[str, bytes] | None:
    while b"\r\n\r\n" not in data:
        received = sock.recv(_RECEIVE_BYTES)
        if not received:
            return None
        data += received
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest
