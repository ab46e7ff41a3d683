"""Find pauses between speech by their energy, however noisy the room is."""

from array import array
from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import log10
from operator import mul
from typing import NamedTuple

from av.audio.frame import AudioFrame

from apertis_audio_tools.audio.input.frames import resample_mono

SAMPLE_RATE = 4_000
"""Hz. Nearly all the energy of speech is below 2 kHz, and little of the energy of noise."""
_FRAME_SAMPLES = 4_000
"""Samples resampled at once, so that there are few calls."""
BLOCK_SECONDS = 0.01
_BLOCK = int(SAMPLE_RATE * BLOCK_SECONDS)

_SMOOTHED_BLOCKS = 7
"""Blocks (70 ms) averaged: longer than the closure of a consonant, shorter than a pause."""
_LEVELS = (
    (0.05, 0.90, 1.5),
    (0.004, 0.996, 6.0),  # of 60 s, all but a quarter of a second are speech, or are noise
)
"""Quantiles of the powers of all blocks at which noise and speech are measured, and the decibels
between them, below which the two cannot be distinguished. The first pair that can be is used.
"""
_THRESHOLD_SHARE = 0.35
"""Level up to which a block is a pause, as a share of the decibels from noise to speech."""
_MIN_PAUSE_BLOCKS = 20
"""Blocks of a pause (200 ms). Anything shorter may be within a word."""
_CLEAR_PAUSE_BLOCKS, _CLEAR_DECIBELS = 50, 25.0
"""Blocks of a clear pause (500 ms), and the decibels from noise to speech from which eight seconds
show one as well as a minute does. With less, `benchmarks/cut_quality.py` found more cuts in words.
"""
_SILENCE = _BLOCK * 10.0**2
"""Power of a block (of samples up to 32,767) that is inaudible: -70 dB."""


class CutPoint(NamedTuple):
    """A place to cut, in seconds from the beginning of the audio.

    If there is no pause, it is merely the quietest place. A pause is clear if it is long, and much
    softer than the speech, so that no better one has to be looked for.
    """

    seconds: float
    is_pause: bool
    is_clear: bool = False


def find_cut_point(frames: Iterable[AudioFrame], low: float, high: float) -> CutPoint:
    """Return the best place to cut between two times, in seconds from where the frames begin.

    If nothing can be decoded, it is the middle.
    """
    samples: list[int] = []
    for frame in resample_mono(frames, SAMPLE_RATE, frame_size=_FRAME_SAMPLES):
        samples += memoryview(frame.planes[0])[: frame.samples * 2].cast("h").tolist()
    powers = block_powers(samples)
    if not powers:
        return CutPoint((low + high) / 2, is_pause=False)
    return best_cut_point(powers, low, high)


def block_powers(samples: Sequence[int]) -> list[float]:
    """Return the power of each whole block of 10 ms, of 16-bit samples at `SAMPLE_RATE`.

    The mean of a block is left out, because an offset or rumble would hide the speech.
    """
    starts = range(0, len(samples) - _BLOCK + 1, _BLOCK)
    blocks = (samples[start : start + _BLOCK] for start in starts)
    return [sum(map(mul, block, block)) - sum(block) ** 2 / _BLOCK for block in blocks]


def best_cut_point(powers: Sequence[float], low: float, high: float) -> CutPoint:
    """Return the middle of the longest pause between two times, or the quietest place there.

    The powers are those of blocks of 10 ms, all of which show how loud noise and speech are. Times
    are in seconds from where the powers begin.
    """
    smooth = smooth_powers(powers)
    first = min(int(low / BLOCK_SECONDS), len(smooth) - 1)
    last = max(min(int(high / BLOCK_SECONDS), len(smooth)), first + 1)
    noise, speech = _noise_and_speech(smooth)
    threshold = noise * (speech / noise) ** _THRESHOLD_SHARE
    start, length = _longest_run(smooth[first:last], threshold)
    if length >= _MIN_PAUSE_BLOCKS:
        is_quiet = 10 * log10(speech / noise) >= _CLEAR_DECIBELS
        seconds = (first + start + length / 2) * BLOCK_SECONDS
        return CutPoint(seconds, is_pause=True, is_clear=is_quiet and length >= _CLEAR_PAUSE_BLOCKS)
    quietest = min(range(first, last), key=smooth.__getitem__)
    return CutPoint((quietest + 0.5) * BLOCK_SECONDS, is_pause=False)


def smooth_powers(powers: Sequence[float]) -> Sequence[float]:
    """Return the mean power around each block."""
    half = _SMOOTHED_BLOCKS // 2
    sums = array("d", accumulate(powers, initial=0.0))
    count = len(powers)
    edges = ((max(at - half, 0), min(at + half + 1, count)) for at in range(count))
    return array("d", ((sums[end] - sums[start]) / (end - start) for start, end in edges))


def _noise_and_speech(smooth: Sequence[float]) -> tuple[float, float]:
    """Return the powers of noise and of speech, both of silence if they cannot be distinguished."""
    ranked = sorted(smooth)
    for low, high, min_range in _LEVELS:
        noise = max(ranked[int(len(ranked) * low)], _SILENCE)
        speech = max(ranked[int(len(ranked) * high)], _SILENCE)
        if 10 * log10(speech / noise) >= min_range:
            return noise, speech
    return _SILENCE, _SILENCE


def _longest_run(smooth: Sequence[float], threshold: float) -> tuple[int, int]:
    """Return where the longest run of quiet blocks begins, and how many blocks it has."""
    best = (0, 0)
    start = 0
    for at, power in enumerate([*smooth, float("inf")]):
        if power > threshold:
            if at - start > best[1]:
                best = (start, at - start)
            start = at + 1
    return best
