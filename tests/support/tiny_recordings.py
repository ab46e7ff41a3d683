"""Tiny recordings, and a recogniser that returns the name of each as its text."""

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from apertis_audio_tools.audio import Source
from support.loopback import Exchange
from support.scripted_responses import error, json_answer
from support.wav_files import silence_of

_SILENCE = silence_of(3200)
_NAME = re.compile(rb'filename="(\w+)\.wav"')


def tiny(name: object) -> Source:
    """Return a tenth of a second of silence under a name."""
    return (f"{name}.wav", _SILENCE)


def tinies(number: int) -> list[Source]:
    """Return tiny recordings under the names 0, 1, 2 ..."""
    return [tiny(each) for each in range(number)]


@dataclass
class Names:
    """A behaviour: the text of each recording is its name. Recordings called bad are refused.

    Attributes:
        before: Function that is called before each response.
        heard: The names that arrived, in the order of their arrival.
        forms: The forms that were sent.
        most_at_once: The largest number of requests that were open at any time.
    """

    before: Callable[[str, Exchange], object] = lambda _name, _exchange: None
    heard: list[str] = field(default_factory=list)
    forms: list[bytes] = field(default_factory=list)
    most_at_once: int = 0
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, exchange: Exchange) -> None:
        """Respond to a request."""
        exchange.read_body()
        match = _NAME.search(exchange.received.body)
        assert match is not None
        name = match.group(1).decode()
        self.forms.append(exchange.received.body)
        with self._answering(name):
            self.before(name, exchange)
            if exchange.is_over:
                return
        if name.startswith("bad"):
            error(400, "invalid_request")(exchange)
        else:
            json_answer({"text": name, "duration": 0.1})(exchange)

    @contextlib.contextmanager
    def _answering(self, name: str) -> Iterator[None]:
        with self._lock:
            self.heard.append(name)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            yield
        finally:
            with self._lock:
                self._now -= 1
