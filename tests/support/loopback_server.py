"""A loopback HTTP server that follows a script and records the requests it receives.

Each request takes the next behaviour of the script; the last behaviour serves all later requests. A
behaviour is a function of an `Exchange`. It reads as much of the request as it likes and writes any
bytes, so that servers that break the protocol are as easy to write as correct ones.
`scripted_responses` has the usual behaviours.
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
from support.timeouts import TIMEOUT

Behaviour = Callable[["Exchange"], None]

LINES = "\r\n"
_RECEIVE_BYTES = 64 * 1024
_MAX_RECORDED_BYTES = 1024 * 1024


@dataclass(slots=True)
class ReceivedRequest:
    """One request as it arrived.

    Attributes:
        number: Position in the order of arrival over all connections, from 0.
        at: Time at which the head was complete, by the clock of the server.
        target: Path, or the whole URL if it came through a proxy.
        headers: Headers by lower-case name.
        size: Number of bytes of the body that were read.
        sha256: SHA-256 of those bytes, in hexadecimal.
        body: Those bytes, up to a megabyte.
        is_whole: True if the body was read to its end.
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
    """One request and its response, as a behaviour sees them."""

    def __init__(
        self, sock: socket.socket, received: ReceivedRequest, rest: bytes, closing: threading.Event
    ) -> None:
        self.received = received
        self.closing = closing
        self.is_finished = False
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

    def _read(self, total: int) -> None:
        """Read until `total` bytes of the body have arrived."""
        received, recorded = self.received, bytearray()
        while received.size < total:
            data = self._receive(min(_RECEIVE_BYTES, total - received.size))
            self._digest.update(data)
            recorded += data[: _MAX_RECORDED_BYTES - len(received.body) - len(recorded)]
            received.size += len(data)
        received.sha256 = self._digest.hexdigest()
        received.body += bytes(recorded)

    def _read_line(self) -> bytes:
        line = b""
        while not line.endswith(b"\r\n"):
            line += self._receive(1)
        return line.strip()

    def _receive(self, limit: int) -> bytes:
        data, self._rest = self._rest[:limit], self._rest[limit:]
        data = data or self._sock.recv(limit)
        if not data:
            raise ConnectionResetError("The client disconnected in the middle of its body.")
        return data

    def write(self, data: bytes) -> None:
        """Send any bytes."""
        self._sock.sendall(data)

    def write_head(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        """Send a status line, headers and the beginning of the body."""
        lines = [f"HTTP/1.1 {status} As Scripted", *(f"{k}: {v}" for k, v in headers.items())]
        self.write((LINES.join(lines) + 2 * LINES).encode("latin-1") + body)

    def close(self) -> None:
        """Close the connection normally after this exchange."""
        self.is_finished = True

    def reset(self) -> None:
        """Reset the connection at once."""
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._sock.close()
        self.is_finished = True

    def wait_for_disconnect(self) -> None:
        """Block until the client disconnects or the test ends."""
        with contextlib.suppress(OSError):
            while not self.closing.is_set() and self._sock.recv(_RECEIVE_BYTES):
                pass
        self.is_finished = True


@dataclass
class LoopbackServer:
    """A scripted HTTP server on the loopback address, as a context manager.

    Attributes:
        script: Behaviours, one for each request.
        now: Clock that dates the requests.
        requests: Requests so far, in the order of arrival.
        connections: Number of connections so far.
    """

    script: list[Behaviour]
    now: Callable[[], float] = time.monotonic
    requests: list[ReceivedRequest] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._closing = threading.Event()
        self._last_peer: object = None
        self._open: dict[socket.socket, threading.Thread] = {}

    @property
    def address(self) -> str:
        """Host and port, separated by a colon."""
        return "{}:{}".format(*self._listener.getsockname())

    @property
    def url(self) -> str:
        """Base URL for a client."""
        return f"http://{self.address}/v1"

    def client(self, **options: Any) -> ApertisAudio:
        """Return a client of this server, with a clock that never really sleeps."""
        settings: dict[str, Any] = {"base_url": self.url, "clock": FakeClock()} | options
        return ApertisAudio("key-of-a-test", **settings)

    def wait_for_requests(self, number: int) -> None:
        """Block until the heads of `number` requests have arrived."""
        self._wait_until(lambda: len(self.requests) >= number)

    def wait_until_disconnected(self) -> None:
        """Block until all connections are closed."""
        self._wait_until(lambda: not self._open)

    def _wait_until(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, TIMEOUT), "The server waited in vain."

    def close_connections(self) -> None:
        """Close all connections and wait until they are closed on both sides."""
        with self._lock:
            connections = list(self._open)
        for sock in connections:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self.wait_until_disconnected()

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        # Connections still in the listener's queue are accepted and counted before this last one.
        with socket.socket() as last:
            last.bind(("127.0.0.1", 0))
            self._last_peer = last.getsockname()
            last.connect(self._listener.getsockname())
            self._acceptor.join()
        self._listener.close()
        self.close_connections()

    def _accept(self) -> None:
        while True:
            sock, peer = self._listener.accept()
            if peer == self._last_peer:
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
                exchange = Exchange(sock, *self._record(*head), self._closing)
                self._behaviour(exchange.received.number)(exchange)
                if exchange.is_finished:
                    break
                rest = exchange._rest
        with self._changed:
            del self._open[sock]
            self._changed.notify_all()

    def _record(self, head: str, rest: bytes) -> tuple[ReceivedRequest, bytes]:
        first, *lines = head.split(LINES)
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        with self._changed:
            received = ReceivedRequest(len(self.requests), self.now(), method, target, headers)
            self.requests.append(received)
            self._changed.notify_all()
        return received, rest

    def _behaviour(self, number: int) -> Behaviour:
        return self.script[min(number, len(self.script) - 1)]


@contextlib.contextmanager
def unused_port() -> Iterator[int]:
    """Yield a port that nobody listens on, and keep others from using it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def _read_head(sock: socket.socket, data: bytes) -> tuple[str, bytes] | None:
    while b"\r\n\r\n" not in data:
        received = sock.recv(_RECEIVE_BYTES)
        if not received:
            return None
        data += received
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode("latin-1"), rest
