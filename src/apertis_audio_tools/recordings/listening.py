"""The best place to cut, found by listening."""

from collections.abc import Iterable

from av.audio.frame import AudioFrame

from apertis_audio_tools.recordings.pauses import SAMPLE_RATE, Cut, best_cut, powers
from apertis_audio_tools.recordings.sound import mono

_FRAME = 4_000
"""Samples at once: few calls."""


def heard_cut(frames: Iterable[AudioFrame], low: float, high: float) -> Cut:
    """The best cut between two times, in seconds from where the frames begin."""
    samples: list[int] = []
    for frame in mono(frames, SAMPLE_RATE, frame_size=_FRAME):
        samples += memoryview(frame.planes[0])[: frame.samples * 2].cast("h").tolist()
    return best_cut(powers(samples), low, high)
