"""Find the pauses in a piece, between which its text was spoken."""

from array import array
from collections.abc import Sequence
from itertools import accumulate, groupby
from math import log10

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio.cutting.pauses import (
    BLOCK_SECONDS,
    SAMPLE_RATE,
    block_powers,
    smooth_powers,
)
from apertis_audio_tools.audio.input.frames import resample_mono
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.timing.decoding import decode_file, without_gaps

_MIN_PAUSE_BLOCKS = 8
"""Blocks (80 ms) of a pause. Anything shorter is a closed consonant."""
_MIN_DIFFERENCE = 6.0
"""Decibels between the means of quiet and loud blocks. With less, nothing is a pause."""
_FLOOR = 40 * 10.0**2
"""Power of an inaudible block."""
_CLASSES = 80
"""Number of levels that the threshold is chosen from."""


def find_pauses(upload: Upload) -> list[tuple[float, float]]:
    """Return the start and end of each pause of a piece, in seconds.

    Raises:
        RecordingError: If the piece is damaged.
    """
    powers = array("d")  # a piece has tens of thousands of blocks
    content = SourceContent(upload.name, "", upload.size, upload.open)
    frames = without_gaps(decode_file(content))
    for frame in resample_mono(frames, SAMPLE_RATE, frame_size=SAMPLE_RATE):
        samples = memoryview(frame.planes[0])[: frame.samples * 2].cast("h").tolist()
        powers.extend(block_powers(samples))
    smooth = smooth_powers(powers)
    return _pauses(array("d", (10 * log10(max(each, _FLOOR)) for each in smooth)))


def _pauses(levels: Sequence[float]) -> list[tuple[float, float]]:
    """Return the runs of levels that are nearer to quiet than to speech."""
    threshold = find_threshold(levels)
    pauses, block = list[tuple[float, float]](), 0
    for is_quiet, run in groupby(levels, key=threshold.__gt__):
        length = sum(1 for _ in run)
        if is_quiet and length >= _MIN_PAUSE_BLOCKS:
            pauses.append((block * BLOCK_SECONDS, (block + length) * BLOCK_SECONDS))
        block += length
    return pauses


def find_threshold(levels: Sequence[float], min_difference: float = _MIN_DIFFERENCE) -> float:
    """Return the level that divides quiet from loud best (Otsu's method).

    If the means of quiet and loud are nearer than a difference in decibels, it is below every
    level.
    """
    low, high = min(levels, default=0.0), max(levels, default=0.0)
    if high - low < min_difference:
        return low
    step = (high - low) / _CLASSES
    counts = [0] * _CLASSES
    for level in levels:
        counts[min(int((level - low) / step), _CLASSES - 1)] += 1
    below = list(accumulate(counts))
    sums = list(accumulate(count * (at + 0.5) for at, count in enumerate(counts)))

    def separation(at: int) -> float:
        first, second = below[at], below[-1] - below[at]
        if not first or not second:
            return 0.0
        difference = sums[at] / first - (sums[-1] - sums[at]) / second
        return first * second * difference * difference

    best = max(range(_CLASSES), key=separation)
    quiet = sums[best] / below[best]
    loud = (sums[-1] - sums[best]) / max(1, below[-1] - below[best])
    return low + (best + 1) * step if (loud - quiet) * step >= min_difference else low
