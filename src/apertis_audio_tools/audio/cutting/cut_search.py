"""The best place to cut, found by listening."""

from collections.abc import Iterable

from av.audio.frame import AudioFrame

from apertis_audio_tools.audio.cutting.pauses import (
    SAMPLE_RATE,
    CutPoint,
    best_cut_point,
    block_powers,
)
from apertis_audio_tools.audio.input.packets import resample_mono

_FRAME = 4_000
"""Samples at once: few calls."""


def find_cut(frames: Iterable[AudioFrame], low: float, high: float) -> CutPoint:
    """The best cut between two times, in seconds from where the frames begin.

    Where nothing can be decoded one place is as good as another.
    """
    samples: list[int] = []
    for frame in resample_mono(frames, SAMPLE_RATE, frame_size=_FRAME):
        samples += memoryview(frame.planes[0])[: frame.samples * 2].cast("h").tolist()
    heard = block_powers(samples)
    return best_cut_point(heard, low, high) if heard else CutPoint((low + high) / 2, is_pause=False)
