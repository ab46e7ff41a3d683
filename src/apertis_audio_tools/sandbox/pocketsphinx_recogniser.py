"""Speech recognition by pocketsphinx, in worker processes."""

import contextlib
import importlib.util
import json
import math
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final, Self, cast

from apertis_audio_tools.sandbox.audio_decoding import BYTES_PER_SECOND
from apertis_audio_tools.sandbox.recognition import RecogniserStopped, SpeechSegment
from apertis_audio_tools.sandbox.utterance_splitting import Utterance, split_utterances

RecognisedWord = tuple[str, float, float, float]
"""A word, its start and end in seconds of the utterance, and its probability."""

_LONE_I: Final = re.compile(r"\bi\b")


class PocketSphinx:
    """Recogniser of English speech; its worker processes start when they are first needed.

    Args:
        workers: Number of processes that recognise at the same time, about 120 MB each. Defaults
            to one per processor, at most four.

    Raises:
        ImportError: If pocketsphinx is not installed.
    """

    def __init__(self, workers: int | None = None) -> None:
        if importlib.util.find_spec("pocketsphinx") is None:
            raise ImportError(_install_hint())
        workers = min(4, os.cpu_count() or 1) if workers is None else workers
        self._threads = ThreadPoolExecutor(workers, "pocketsphinx")
        self._thread_local = threading.local()
        self._processes: set[_WorkerProcess] = set()

    def recognise(self, pcm: bytes, /) -> Iterator[SpeechSegment]:
        """Yield a segment for each utterance that has words.

        Raises:
            RecogniserStopped: If the recogniser is closed before the recording ends.
        """
        pending: list[Future[SpeechSegment | None]] = []
        try:
            pending.extend(self._submit(each) for each in split_utterances(pcm))
            for future in pending:
                if (segment := future.result()) is not None:
                    yield segment
        except CancelledError:
            raise RecogniserStopped("The speech recogniser was closed.") from None
        finally:
            for future in pending:
                future.cancel()

    def close(self) -> None:
        """End the worker processes; recordings in progress fail."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in tuple(self._processes):
            process.kill()
        self._threads.shutdown()
        while self._processes:
            self._processes.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _submit(self, utterance: Utterance) -> "Future[SpeechSegment | None]":
        try:
            return self._threads.submit(self._recognise_utterance, utterance)
        except RuntimeError:
            raise RecogniserStopped("The speech recogniser was closed.") from None

    def _recognise_utterance(self, utterance: Utterance) -> SpeechSegment | None:
        process: _WorkerProcess | None = getattr(self._thread_local, "process", None)
        if process is None or not process.is_alive:
            process = self._thread_local.process = _WorkerProcess()
            self._processes.add(process)
        words = process.recognise_words(utterance.pcm)
        return _make_segment(words, utterance) if words else None


class _WorkerProcess:
    """A worker process and its pipes."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("pocketsphinx_worker.py")
        self._process = subprocess.Popen(  # noqa: S603 -- our own script, our own interpreter
            [sys.executable, "-P", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._stdin = cast("BinaryIO", self._process.stdin)
        self._stdout = cast("BinaryIO", self._process.stdout)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def recognise_words(self, pcm: bytes) -> list[RecognisedWord]:
        with contextlib.suppress(BrokenPipeError):
            self._stdin.write(len(pcm).to_bytes(4, "big") + pcm)
            self._stdin.flush()
        if not (line := self._stdout.readline()):
            raise RecogniserStopped("The speech recogniser's worker process has ended.")
        words: list[RecognisedWord] = json.loads(line)
        return words

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()
        self._stdout.close()
        self._process.wait()


def _make_segment(words: list[RecognisedWord], utterance: Utterance) -> SpeechSegment:
    text = _LONE_I.sub("I", " ".join(word for word, *_ in words))
    speech_seconds = sum(end - start for _, start, end, _ in words)
    utterance_seconds = len(utterance.pcm) / BYTES_PER_SECOND
    probabilities = [max(probability, 1e-10) for *_, probability in words]
    return SpeechSegment(
        start=utterance.start + words[0][1],
        end=utterance.start + words[-1][2],
        text=text[0].upper() + text[1:] + ".",
        avg_logprob=math.fsum(map(math.log, probabilities)) / len(words),
        no_speech_prob=max(0.0, 1 - speech_seconds / utterance_seconds),
    )


def _install_hint() -> str:
    if sys.version_info >= (3, 14):
        return (
            "Speech recognition in the sandbox needs pocketsphinx, which has no wheel for "
            "Python 3.14 or newer: use Python 3.11 to 3.13, or pass another recogniser."
        )
    return (
        "Speech recognition in the sandbox needs pocketsphinx: "
        'pip install "apertis-audio-tools[sandbox]".'
    )
