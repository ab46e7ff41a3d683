"""Tiny recordings, and a server that answers each with its own file name."""

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from apertis_audio_tools.audio import Source
from support.loopback_server import Exchange
from support.scripted_responses import respond_error, respond_json
from support.wav_files import silent_wav

_WAV = silent_wav(3200)
_NAME = re.compile(rb'filename="(\w+)\.wav"')


def tiny_recording(name: object) -> Source:
    """Return a tenth of a second of silence under the given name."""
    return (f"{name}.wav", _WAV)


def tiny_recordings(number: int) -> list[Source]:
    """Return a number of tiny recordings, named 0, 1, 2 ..."""
    return [tiny_recording(each) for each in range(number)]


@dataclass
class NameRecogniser:
    """A behaviour that answers with the file name as text, and refuses names that begin with "bad".

    Attributes:
        before: Called before each response, with the name and the exchange.
        received: Names in the order of their arrival.
        forms: Request bodies.
        max_concurrent: Highest number of requests that were in progress at once.
    """

    before: Callable[[str, Exchange], object] = lambda _name, _exchange: None
    received: list[str] = field(default_factory=list)
    forms: list[bytes] = field(default_factory=list)
    max_concurrent: int = 0
    _in_progress: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, exchange: Exchange) -> None:
        """Respond to a request."""
        exchange.read_body()
        match = _NAME.search(exchange.received.body)
        assert match is not None
        name = match.group(1).decode()
        self.forms.append(exchange.received.body)
        with self._counting(name):
            self.before(name, exchange)
            if exchange.is_finished:
                return
        if name.startswith("bad"):
            respond_error(400, "invalid_request")(exchange)
        else:
            respond_json({"text": name, "duration": 0.1})(exchange)

    @contextlib.contextmanager
    def _counting(self, name: str) -> Iterator[None]:
        with self._lock:
            self.received.append(name)
            self._in_progress += 1
            self.max_concurrent = max(self.max_concurrent, self._in_progress)
        try:
            yield
        finally:
            with self._lock:
                self._in_progress -= 1
