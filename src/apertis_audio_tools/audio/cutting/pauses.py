"""Where nobody speaks: pauses told from speech by energy, however noisy the room is."""

from collections.abc import Sequence
from itertools import accumulate
from math import log10
from operator import mul
from typing import NamedTuple

SAMPLE_RATE = 4_000
"""Hz: up to 2 kHz is nearly all the energy of speech, and little of the energy of noise."""
BLOCK_SECONDS = 0.01
_BLOCK = int(SAMPLE_RATE * BLOCK_SECONDS)

_SMOOTHING = 7
"""Blocks (70 ms) averaged: longer than the closure of a consonant, shorter than a pause."""
_FLOOR, _PEAK = 0.05, 0.90
"""The shares of the time in which it is quieter than the room's noise, and than speech."""
_SHARE = 0.35
"""How far above the noise, as a share of the way to the speech in decibels, a pause may be."""
_SHORTEST = 20
"""Blocks (200 ms): anything shorter may be within a word."""
_LEAST_RANGE = 1.5
"""Decibels between noise and speech, without which there is no telling them apart."""
_SILENCE = _BLOCK * 10.0**2
"""The power of a block (of samples up to 32,767) that nobody hears: -70 dB."""


class CutPoint(NamedTuple):
    """A place to cut.

    Attributes:
        at: Seconds from where the powers begin.
        is_pause: Whether nobody speaks there; else it is merely the quietest place.
    """

    at: float
    is_pause: bool


def block_powers(samples: Sequence[int]) -> list[float]:
    """The power of each whole block of 10 ms, of 16-bit samples at `SAMPLE_RATE`.

    The mean of a block is left out: an offset or rumble would hide the speech.
    """
    starts = range(0, len(samples) - _BLOCK + 1, _BLOCK)
    blocks = (samples[start : start + _BLOCK] for start in starts)
    return [_power(block) for block in blocks]


def _power(block: Sequence[int]) -> float:
    return float(sum(map(mul, block, block)) - sum(block) ** 2 / _BLOCK)


def best_cut_point(powers: Sequence[float], low: float, high: float) -> CutPoint:
    """The middle of the longest pause between two times, or the quietest place there.

    Args:
        powers: Of blocks of 10 ms; all of them tell how loud noise and speech are here.
        low: Seconds from where the powers begin.
        high: Seconds, later than `low`.
    """
    smooth = _smoothed(powers)
    first = min(int(low / BLOCK_SECONDS), len(smooth) - 1)
    last = max(min(int(high / BLOCK_SECONDS), len(smooth)), first + 1)
    start, length = _longest_run(smooth[first:last], _threshold(smooth))
    if length >= _SHORTEST:
        return CutPoint((first + start + length / 2) * BLOCK_SECONDS, is_pause=True)
    quietest = min(range(first, last), key=smooth.__getitem__)
    return CutPoint((quietest + 0.5) * BLOCK_SECONDS, is_pause=False)


def _smoothed(powers: Sequence[float]) -> list[float]:
    """The mean power around each block."""
    half = _SMOOTHING // 2
    sums = [0.0, *accumulate(powers)]
    count = len(powers)
    edges = ((max(at - half, 0), min(at + half + 1, count)) for at in range(count))
    return [(sums[end] - sums[start]) / (end - start) for start, end in edges]


def _threshold(smooth: Sequence[float]) -> float:
    """The power up to which a block is a pause."""
    ranked = sorted(smooth)
    floor = max(ranked[int(len(ranked) * _FLOOR)], _SILENCE)
    peak = max(ranked[int(len(ranked) * _PEAK)], _SILENCE)
    if 10 * log10(peak / floor) < _LEAST_RANGE:
        return _SILENCE
    return float(floor * (peak / floor) ** _SHARE)


def _longest_run(smooth: Sequence[float], threshold: float) -> tuple[int, int]:
    """Where the longest run of quiet blocks begins, and how many they are."""
    best = (0, 0)
    start = 0
    for at, power in enumerate([*smooth, float("inf")]):
        if power > threshold:
            if at - start > best[1]:
                best = (start, at - start)
            start = at + 1
    return best
