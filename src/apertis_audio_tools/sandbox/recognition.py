"""Speech recognition: what an engine has to offer, and the engine the sandbox brings along."""

import contextlib
import importlib.util
import json
import math
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol, Self, cast

from apertis_audio_tools.sandbox.decoding import BYTES_PER_SECOND
from apertis_audio_tools.sandbox.utterances import Utterance, utterances

Word = tuple[str, float, float, float]


@dataclass(frozen=True)
class Heard:
    """One segment of speech: start and end in seconds of the recording, and its text."""

    start: float
    end: float
    text: str
    avg_logprob: float = 0.0
    no_speech_prob: float = 0.0


class Recogniser(Protocol):
    """An engine: it is given a recording and says what it hears, in order of time.

    `recognise` takes signed 16-bit little-endian mono samples at 16,000 Hz. It is called in a
    thread, by several requests at once; an iterator may be dropped halfway.
    """

    def recognise(self, pcm: bytes, /) -> Iterable[Heard]:
        """Give the segments of a recording, lazily if that is practical."""


class EngineStopped(RuntimeError):  # noqa: N818 -- it says what happened
    """The engine ended before it had heard everything."""


class PocketSphinx:
    """Free English speech by pocketsphinx, in worker processes that start when first needed.

    Args:
        workers: How many processes may listen at the same time (default: one per processor, at
            most four; each takes about 120 MB).

    Raises:
        ImportError: pocketsphinx is not installed.
    """

    def __init__(self, workers: int | None = None) -> None:
        if importlib.util.find_spec("pocketsphinx") is None:
            raise ImportError(_not_installed())
        workers = min(4, os.cpu_count() or 1) if workers is None else workers
        self._threads = ThreadPoolExecutor(workers, "pocketsphinx")
        self._own = threading.local()
        self._listeners: set[_Listener] = set()

    def recognise(self, pcm: bytes, /) -> Iterator[Heard]:
        """Split at pauses, recognise each utterance, leave out those without a word."""
        pending: list[Future[Heard | None]] = []
        try:
            pending.extend(self._submit(each) for each in utterances(pcm))
            for future in pending:
                if (heard := future.result()) is not None:
                    yield heard
        except CancelledError:
            raise EngineStopped("The speech recogniser was closed.") from None
        finally:
            for future in pending:
                future.cancel()

    def close(self) -> None:
        """End the worker processes; recordings in progress fail."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for listener in tuple(self._listeners):
            listener.kill()
        self._threads.shutdown()
        while self._listeners:
            self._listeners.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _submit(self, utterance: Utterance) -> "Future[Heard | None]":
        try:
            return self._threads.submit(self._hear, utterance)
        except RuntimeError:
            raise EngineStopped("The speech recogniser was closed.") from None

    def _hear(self, utterance: Utterance) -> Heard | None:
        listener: _Listener | None = getattr(self._own, "listener", None)
        if listener is None or not listener.alive:
            listener = self._own.listener = _Listener()
            self._listeners.add(listener)
        words = listener.words(utterance.pcm)
        return _segment(words, utterance) if words else None


class _Listener:
    """One worker process and its pipes."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("listening.py")
        self._process = subprocess.Popen(  # noqa: S603 -- our own script, our own interpreter
            [sys.executable, "-P", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._in = cast("BinaryIO", self._process.stdin)
        self._out = cast("BinaryIO", self._process.stdout)

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def words(self, pcm: bytes) -> list[Word]:
        with contextlib.suppress(BrokenPipeError):
            self._in.write(len(pcm).to_bytes(4, "big") + pcm)
            self._in.flush()
        if not (answer := self._out.readline()):
            raise EngineStopped("The speech recogniser's worker process has ended.")
        words: list[Word] = json.loads(answer)
        return words

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._in.close()
        self._out.close()
        self._process.wait()


_LONE_I: Final = re.compile(r"\bi\b")


def _segment(words: list[Word], utterance: Utterance) -> Heard:
    text = _LONE_I.sub("I", " ".join(word for word, *_ in words))
    spoken = sum(end - start for _, start, end, _ in words)
    length = len(utterance.pcm) / BYTES_PER_SECOND
    probabilities = [max(probability, 1e-10) for *_, probability in words]
    return Heard(
        start=utterance.start + words[0][1],
        end=utterance.start + words[-1][2],
        text=text[0].upper() + text[1:] + ".",
        avg_logprob=math.fsum(map(math.log, probabilities)) / len(words),
        no_speech_prob=max(0.0, 1 - spoken / length),
    )


def _not_installed() -> str:
    if sys.version_info >= (3, 14):
        return (
            "Speech recognition in the sandbox needs pocketsphinx, which has no wheel for "
            "Python 3.14 or newer: use Python 3.11 to 3.13, or pass another recogniser."
        )
    return (
        "Speech recognition in the sandbox needs pocketsphinx: "
        'pip install "apertis-audio-tools[sandbox]".'
    )
