"""The best place to cut, found by listening."""

from collections.abc import Iterable

from av.audio.frame import AudioFrame

from apertis_audio_tools.recordings.pauses import SAMPLE_RATE, Cut, best_cut, powers
from apertis_audio_tools.recordings.sound import mono

_FRAME = 4_000
"""Samples at once: few calls."""


def heard_cut(frames: Iterable[AudioFrame], low: float, high: float) -> Cut:
    """The best cut between two times, in seconds from where the frames begin.

    Where nothing can be decoded one place is as good as another.
    """
    samples: list[int] = []
    for frame in mono(frames, SAMPLE_RATE, frame_size=_FRAME):
        samples += memoryview(frame.planes[0])[: frame.samples * 2].cast("h").tolist()
    heard = powers(samples)
    return best_cut(heard, low, high) if heard else Cut((low + high) / 2, is_pause=False)
