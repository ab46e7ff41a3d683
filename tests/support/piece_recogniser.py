"""A server behaviour that recognises the pieces of a recording by their packets."""

import contextlib
import hashlib
import io
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import av

from apertis_audio_tools import audio
from support.loopback_server import Exchange
from support.scripted_responses import respond_json

STANDUP = Path(__file__).parents[2] / "examples" / "data" / "standup.ogg"


def uploaded_file(body: bytes) -> bytes:
    """Return the content of the last part of a form, which is the file."""
    boundary = body[: body.index(b"\r\n")]
    *_, part, _ = body.split(boundary)
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


def packet_digest(file: bytes) -> str:
    """Return the digest of a file's packets; containers contain random serial numbers."""
    with av.open(io.BytesIO(file), "r") as container:
        packets = [bytes(packet) for packet in container.demux(audio=0)]
    return hashlib.sha256(b"".join(packets)).hexdigest()


@dataclass(frozen=True)
class ExpectedPieces:
    """The pieces of a recording.

    Attributes:
        spans: Start and end of each piece, in seconds.
        digests: Packet digest of each piece.
    """

    spans: tuple[tuple[float, float], ...]
    digests: tuple[str, ...]

    @classmethod
    def cut(cls, path: Path, seconds: float) -> "ExpectedPieces":
        """Cut a recording into pieces of about `seconds`."""
        spans, digests = [], []
        pieces = audio.cut_pieces(audio.probe(path), max_bytes=25_000_000, target_seconds=seconds)
        for piece in pieces:
            with contextlib.closing(piece), piece.upload.open() as stream:
                spans.append((piece.start, piece.end))
                digests.append(packet_digest(stream.read()))
        return cls(tuple(spans), tuple(digests))

    @property
    def texts(self) -> list[str]:
        """Text that the recogniser returns for each piece."""
        return [f"Text of piece {number}." for number in range(len(self.spans))]


@dataclass
class PieceRecogniser:
    """A behaviour that responds to each piece with one segment of its own text.

    Attributes:
        pieces: Pieces it recognises.
        before: Called before each response with the piece's number and the exchange; returns True
            if it has responded itself.
        received: Numbers of the pieces, in the order of arrival.
        max_concurrent: Highest number of requests that were in progress at once.
    """

    pieces: ExpectedPieces
    before: Callable[[int, Exchange], object] = lambda _number, _exchange: False
    received: list[int] = field(default_factory=list)
    max_concurrent: int = 0
    _in_progress: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, exchange: Exchange) -> None:
        """Respond to a request."""
        with self._counting():
            exchange.read_body()
            digest = packet_digest(uploaded_file(exchange.received.body))
            number = self.pieces.digests.index(digest)
            self.received.append(number)
            if self.before(number, exchange) is True:
                return
            text = self.pieces.texts[number]
            segment = {"id": 0, "start": 0.01, "end": 0.1, "text": f" {text}"}
            details = {"language": "english", "duration": 9.0, "usage": {"seconds": 1.0}}
            respond_json({"text": text, "segments": [segment], **details})(exchange)

    @property
    def counts(self) -> Counter[int]:
        """Number of requests for each piece."""
        return Counter(self.received)

    @contextlib.contextmanager
    def _counting(self) -> Iterator[None]:
        with self._lock:
            self._in_progress += 1
            self.max_concurrent = max(self.max_concurrent, self._in_progress)
        try:
            yield
        finally:
            with self._lock:
                self._in_progress -= 1
