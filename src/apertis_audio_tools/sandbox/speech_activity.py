"""Find where a recording is louder than its background, and divide it into spans there."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from apertis_audio_tools.sandbox.audio_decoding import SAMPLE_RATE
from apertis_audio_tools.sandbox.whisper_features import FRAMES_PER_SECOND, Samples

FRAME: Final = SAMPLE_RATE // FRAMES_PER_SECOND
"""Samples of a frame of 10 ms."""
_BLOCK: Final = 10 * FRAMES_PER_SECOND
"""Frames with the same background, which is measured in them and the blocks beside them."""
_SMOOTHED_FRAMES: Final = 7
_MIN_LEVEL: Final = -70.0
"""Level in dB of full scale that passes for silence."""
_MIN_RISE: Final = 3.5
"""Decibels of speech above its background, at least."""
_QUIET_SHARE: Final = 10
"""Percentage of frames that are background, at least."""

MAX_SECONDS: Final = 29
"""Longest span: a window of Whisper, and a second for the margins."""
_MAX_FRAMES: Final = MAX_SECONDS * FRAMES_PER_SECOND
_BREAK: Final = 2 * FRAMES_PER_SECOND
"""Pause that always ends a span."""
_MARGIN: Final = FRAMES_PER_SECOND * 3 // 10
_CUT: Final = FRAMES_PER_SECOND * 3 // 10

Levels = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Span:
    """A part of a recording with speech.

    Attributes:
        start: Number of its first frame in the recording.
        samples: Its samples, 160 for each frame.
        active: Mask of the frames that are louder than the background.
    """

    start: int
    samples: Samples
    active: Mask

    def after(self, frames: int) -> "Span":
        """Return the span without its first frames."""
        samples, active = self.samples[frames * FRAME :], self.active[frames:]
        return Span(self.start + frames, samples, active)

    def until(self, frames: int) -> "Span":
        """Return the first frames of the span."""
        return Span(self.start, self.samples[: frames * FRAME], self.active[:frames])


def split_speech(pcm: bytes) -> Iterator[Span]:
    """Yield the spans of a recording with speech, at most 29 s long.

    Longer speech without a pause is cut at the quietest moment.
    """
    samples = np.frombuffer(pcm, np.int16)
    levels = _frame_levels(samples)
    active = _find_activity(levels)
    for begin, end in _speech_ranges(active):
        starts = [begin]
        while end - starts[-1] > _MAX_FRAMES:
            half = starts[-1] + _MAX_FRAMES // 2
            starts.append(_quietest_moment(levels, half, half + _MAX_FRAMES // 2))
        for start, stop in pairwise([*starts, end]):
            yield Span(start, samples[start * FRAME : stop * FRAME], active[start:stop])


def halve(span: Span) -> Span:
    """Return about the first half of a span, up to a quiet moment."""
    quarter = len(span.active) // 4
    return span.until(_quietest_moment(_frame_levels(span.samples), quarter, 3 * quarter))


def _frame_levels(samples: Samples) -> Levels:
    """Return the smoothed level of each 10 ms in decibels, with low frequencies attenuated."""
    count = -(-len(samples) // FRAME)
    energies = np.empty(count, np.float32)
    for first in range(0, count, _BLOCK):
        block = samples[first * FRAME : (first + _BLOCK) * FRAME].astype(np.float32)
        block = np.diff(block, prepend=block[:1])
        block = np.pad(block, (0, -len(block) % FRAME))
        energies[first : first + _BLOCK] = np.mean(block.reshape(-1, FRAME) ** 2, axis=1)
    padded = np.pad(energies, _SMOOTHED_FRAMES // 2, mode="edge")
    smooth = np.convolve(padded, np.full(_SMOOTHED_FRAMES, 1 / _SMOOTHED_FRAMES), "valid")
    levels: Levels = 10 * np.log10(np.maximum(smooth / 32_768**2, 1e-12), dtype=np.float32)
    return np.maximum(levels, np.float32(_MIN_LEVEL))


def _find_activity(levels: Levels) -> Mask:
    active = np.zeros(len(levels), np.bool_)
    for first in range(0, len(levels), _BLOCK):
        nearby = levels[max(0, first - _BLOCK) : first + 2 * _BLOCK]
        threshold = np.percentile(nearby, _QUIET_SHARE) + _MIN_RISE
        active[first : first + _BLOCK] = levels[first : first + _BLOCK] > threshold
    return active


def _speech_ranges(active: Mask) -> Iterator[tuple[int, int]]:
    """Yield ranges of frames between long pauses, each with a margin."""
    frames = np.flatnonzero(active)
    if not len(frames):
        return
    pauses = np.flatnonzero(np.diff(frames) > _BREAK)
    firsts = frames[np.concatenate(([0], pauses + 1))]
    lasts = frames[np.concatenate((pauses, [-1]))]
    for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
        yield max(0, first - _MARGIN), min(len(active), last + 1 + _MARGIN)


def _quietest_moment(levels: Levels, start: int, end: int) -> int:
    """Return the middle of the quietest 0.3 s of a range of frames."""
    means = np.convolve(levels[start:end], np.full(_CUT, 1 / _CUT), "valid")
    return start + int(np.argmin(means)) + _CUT // 2
