"""A service that counts what it bills, and that fails at random before and after it has.

The fate of each request is drawn. What was decoded of a recording is billed, whether or not the
response arrives; refused requests are not.
"""

import contextlib
import io
import json
import random
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from apertis_audio_tools.sandbox.audio_decoding import BYTES_PER_SECOND, decode
from support.piece_recogniser import uploaded_file

DOLLARS_PER_HOUR = 0.36
FATES = {
    "answered": 70,
    "limited": 6,
    "unavailable": 6,
    "billed_error": 6,
    "billed_reset": 6,
    "unread_reset": 3,
    "billed_nonsense": 3,
}
"""Weights of what becomes of a request."""
_RESET = struct.pack("ii", 1, 0)


@dataclass
class BillingService:
    """The fates, and what was billed.

    Attributes:
        generator: Source of the fates.
        reports: Fields of the usage in responses: ``cost``, ``seconds``, both or none.
        seconds: Seconds that were billed.
        requests: Number of recordings that arrived, at least in part.
        url: Base URL.
    """

    generator: random.Random
    reports: frozenset[str] = frozenset()
    seconds: float = 0.0
    requests: int = 0
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def cost(self) -> float:
        """Dollars that were billed."""
        return self.seconds * DOLLARS_PER_HOUR / 3600

    def draw(self) -> str:
        """Return the fate of the next request."""
        with self._lock:
            self.requests += 1
            return self.generator.choices([*FATES], [*FATES.values()])[0]

    def bill(self, body: bytes) -> dict[str, float]:
        """Bill a recording, and return the usage that the response reports."""
        seconds = len(decode(io.BytesIO(uploaded_file(body)))) / BYTES_PER_SECOND
        with self._lock:
            self.seconds += seconds
        usage = {"seconds": seconds, "cost": seconds * DOLLARS_PER_HOUR / 3600}
        return {name: usage[name] for name in self.reports}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        """Serve the catalogue."""
        price = {"input_price": DOLLARS_PER_HOUR / 60, "charge_type": "minute"}
        rows = [{"model_id": "whisper-1", "is_deprecated": False, **price}]
        self._respond(200, {"data": {"models": rows}})

    def do_POST(self) -> None:
        """Serve a transcription, or fail before or after it was billed."""
        service, size = self.server.service, int(self.headers["content-length"])
        fate = service.draw()
        if fate == "unread_reset":
            self.rfile.read(size // 2)
            return self._reset()
        body = self.rfile.read(size)
        if fate in {"limited", "unavailable"}:
            status = 429 if fate == "limited" else 503
            error = {"message": "Later.", "code": "rate_limit_exceeded"}
            return self._respond(status, {"error": error})
        usage = service.bill(body)
        if fate == "billed_reset":
            return self._reset()
        if fate == "billed_error":
            return self._respond(502, {"error": {"message": "It is lost.", "code": "upstream"}})
        if fate == "billed_nonsense":
            return self._respond(200, {"nonsense": True})
        return self._respond(200, {"text": "Words.", "usage": usage or None})

    def log_message(self, *_: object) -> None:
        """Write nothing."""

    def _respond(self, status: int, body: object) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    service: BillingService

    def handle_error(self, *_: object) -> None:
        """Write nothing of connections that were reset."""


@contextlib.contextmanager
def billing_service(
    generator: random.Random, reports: frozenset[str] = frozenset()
) -> Iterator[BillingService]:
    """Yield a service that runs in threads of this process."""
    service = BillingService(generator, reports)
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.service = service
        service.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()
