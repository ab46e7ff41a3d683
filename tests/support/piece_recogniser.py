"""A recogniser behind a loopback server, which knows the pieces of a recording."""

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
from support.loopback import Exchange
from support.scripted_responses import json_answer

STANDUP = Path(__file__).parents[2] / "examples" / "data" / "standup.ogg"


def sent_file(body: bytes) -> bytes:
    """The content of the last part of a form, which is the file."""
    boundary = body[: body.index(b"\r\n")]
    *_, part, _ = body.split(boundary)
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")


def digest_of(file: bytes) -> str:
    """What a piece is known by: its packets, because containers have random serial numbers."""
    with av.open(io.BytesIO(file), "r") as container:
        packets = [bytes(packet) for packet in container.demux(audio=0)]
    return hashlib.sha256(b"".join(packets)).hexdigest()


@dataclass(frozen=True)
class Cuts:
    """How a recording is cut.

    Attributes:
        spans: From when to when each piece is, in seconds.
        digests: What each piece is known by.
    """

    spans: tuple[tuple[float, float], ...]
    digests: tuple[str, ...]

    @classmethod
    def of(cls, path: Path, seconds: float) -> "Cuts":
        """The pieces of about so many seconds."""
        spans, digests = [], []
        pieces = audio.cut_pieces(audio.probe(path), max_bytes=25_000_000, target_seconds=seconds)
        for piece in pieces:
            with contextlib.closing(piece), piece.upload.open() as stream:
                spans.append((piece.start, piece.end))
                digests.append(digest_of(stream.read()))
        return cls(tuple(spans), tuple(digests))

    @property
    def texts(self) -> list[str]:
        """What the recogniser hears in each."""
        return [f"Said in {number}." for number in range(len(self.spans))]


@dataclass
class Recogniser:
    """A behaviour: answers each piece with its own words, in a segment, and counts a second.

    Attributes:
        cuts: The pieces it knows.
        before: What it does before it answers a piece; True when that was the answer.
        heard: The pieces that arrived, in the order of their arrival.
        most_at_once: The most that were being answered at any time.
    """

    cuts: Cuts
    before: Callable[[int, Exchange], object] = lambda _number, _exchange: False
    heard: list[int] = field(default_factory=list)
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, exchange: Exchange) -> None:
        """Answer a request."""
        with self._answering():
            exchange.read_body()
            digest = digest_of(sent_file(exchange.received.body))
            number = self.cuts.digests.index(digest)
            self.heard.append(number)
            if self.before(number, exchange) is True:
                return
            text = self.cuts.texts[number]
            segment = {"id": 0, "start": 0.01, "end": 0.1, "text": f" {text}"}
            told = {"language": "english", "duration": 9.0, "usage": {"seconds": 1.0}}
            json_answer({"text": text, "segments": [segment], **told})(exchange)

    @property
    def counts(self) -> Counter[int]:
        """How often each piece arrived."""
        return Counter(self.heard)

    @contextlib.contextmanager
    def _answering(self) -> Iterator[None]:
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            yield
        finally:
            with self._lock:
                self._now -= 1
