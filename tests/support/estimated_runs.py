"""Estimates of recordings in many formats, and what the sandbox counted when they were sent."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from apertis_audio_tools import ApertisAudio, BudgetExceededError
from support.encoded_recordings import CODECS, encode_recording, encode_silence

_RATE = 16_000
_DOLLARS_PER_HOUR = 0.36
_MODEL = "whisper-1"


@dataclass(frozen=True)
class EstimatedRun:
    """A recording.

    Attributes:
        name: Format and options.
        estimated: Seconds by the estimate.
        counted: Seconds that the sandbox billed.
        requests: Requests by the estimate.
        sent: Requests that the sandbox counted.
        cached_pieces: Pieces by the estimate that needed no request.
    """

    name: str
    estimated: float
    counted: float
    requests: int
    sent: int
    cached_pieces: int


def estimate_and_run(url: str, cache: Path, count: int, scale: float) -> Iterator[EstimatedRun]:
    """Yield recordings of all formats, of which every fourth is cached, in whole or in part.

    Half of them are noise without a pause, so that pieces overlap. `scale` multiplies the lengths.
    """
    with ApertisAudio("sk-estimates", base_url=url, cache=cache) as client:
        for number in range(count):
            kind = [*CODECS][number % len(CODECS)]
            seconds = round((3.0 + 4.7 * number) * scale, 3)
            source = (f"{number}.{kind}", _recording(kind, seconds, is_noise=number % 2 == 0))
            piece_seconds = [None, 10.0 * scale, 25.0 * scale][number % 3]
            options: dict[str, Any] = {"model": _MODEL, "piece_seconds": piece_seconds}
            if number % 4 == 3:
                allowed = seconds if number % 8 == 3 else seconds / 2
                with contextlib.suppress(BudgetExceededError):
                    client.transcribe(source, max_audio_seconds=allowed + 1, **options)
            estimate = client.estimate([source], **options)
            before = client.balance()
            client.transcribe(source, **options)
            after = client.balance()
            yield EstimatedRun(
                f"{kind}, {seconds:g} s, pieces of {piece_seconds}",
                estimate.seconds,
                (after.used - before.used) / _DOLLARS_PER_HOUR * 3600,
                estimate.requests,
                after.requests - before.requests,
                estimate.cached_pieces,
            )


def _recording(kind: str, seconds: float, *, is_noise: bool) -> bytes:
    if not is_noise:
        return encode_silence(kind, seconds)
    samples = np.random.default_rng(0).normal(0, 3000, round(seconds * _RATE))
    return encode_recording(kind, samples.astype("<i2").tobytes(), _RATE)
