"""Recordings whose channels hold beacons of their own."""

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from support.beacon_recordings import PERIOD_SECONDS, QUIET_NOISE, beacon_samples

RATE = 16_000
PERIOD = round(RATE * PERIOD_SECONDS)
Samples = NDArray[np.int16]


def beacons(*numbers: int | None, noise: float = QUIET_NOISE) -> Samples:
    """Return a channel with the beacon of each number, or two seconds of noise for None."""
    sounds = np.random.default_rng(7)
    parts = [
        np.rint(sounds.normal(0, noise, PERIOD)).astype(np.int16)
        if number is None
        else np.frombuffer(b"".join(beacon_samples(RATE, 1, first=number, noise=noise)), np.int16)
        for number in numbers
    ]
    return np.concatenate(parts)


def mix(channel: Samples, other: Samples, decibels: float, delay: int = 80) -> Samples:
    """Return a channel in which another one is heard more softly, some samples later."""
    echo = np.roll(other.astype(np.float64), delay) * 10 ** (decibels / 20)
    return np.clip(np.rint(channel + echo), -32_768, 32_767).astype(np.int16)


def write_channels(
    channels: Sequence[Samples], container: str = "wav", encoder: str = "pcm_s16le"
) -> bytes:
    """Return a recording of one track with these channels."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as target:
        layout = {1: "mono", 2: "stereo"}.get(len(channels), f"{len(channels)} channels")
        stream: Any = target.add_stream(encoder, rate=RATE, layout=layout)
        packed = np.stack(channels, 1)
        for start in range(0, len(packed), RATE):
            block = np.ascontiguousarray(packed[start : start + RATE]).reshape(1, -1)
            frame = AudioFrame.from_ndarray(block, format="s16", layout=layout)
            frame.sample_rate, frame.pts = RATE, start
            frame.time_base = Fraction(1, RATE)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))
    return file.getvalue()
