"""Pauses are distinguished from speech in any noise."""

import random
from itertools import pairwise

import numpy as np
import pytest

from apertis_audio_tools.audio.cutting.pauses import (
    BLOCK_SECONDS,
    CutPoint,
    best_cut_point,
    block_powers,
)
from apertis_audio_tools.audio.cutting.pauses import SAMPLE_RATE as PAUSE_RATE
from support.meeting_recordings import SAMPLE_RATE, STANDUP, Samples, decode_mono

Spans = list[tuple[float, float]]
STEP = SAMPLE_RATE // PAUSE_RATE


def speech_of(samples: Samples) -> Spans:
    """Return the spans of speech in a recording with little noise. Gaps below 150 ms are speech."""
    block = SAMPLE_RATE // 100
    level = np.sqrt((samples[: len(samples) // block * block].reshape(-1, block) ** 2).mean(axis=1))
    loud = np.flatnonzero(level > 130) / 100
    breaks = [0, *(np.flatnonzero(np.diff(loud) > 0.15) + 1), len(loud)]
    return [(float(loud[a]), float(loud[b - 1]) + 0.01) for a, b in pairwise(breaks)]


def noise(kind: str, length: int, seed: int) -> Samples:
    """Return white or pink noise of power 1."""
    white = np.random.default_rng(seed).standard_normal(length)
    if kind == "white":
        return white
    spectrum = np.fft.rfft(white) / np.sqrt(np.maximum(np.arange(length // 2 + 1), 1))
    pink = np.fft.irfft(spectrum, length)
    return np.asarray(pink / pink.std())


@pytest.fixture(scope="module")
def meeting() -> tuple[Samples, Spans]:
    """Return the example meeting, and the spans of speech in it."""
    samples = decode_mono(STANDUP)
    return samples, speech_of(samples)


def low_rate_samples(samples: Samples) -> list[int]:
    """Return fewer samples a second, after a low-pass filter, as pauses are looked for."""
    spectrum = np.fft.rfft(samples)
    spectrum[len(spectrum) // STEP :] = 0
    found = np.fft.irfft(spectrum, len(samples))[::STEP]
    return [int(sample) for sample in np.clip(found, -32_768, 32_767)]


def bad_cuts(
    meeting: tuple[Samples, Spans], kind: str, decibels: float, windows: int
) -> list[bool]:
    """Return for windows of 60 s in noise whether the cut is in speech, or no pause was found."""
    samples, speech = meeting
    spoken = np.concatenate(
        [samples[int(a * SAMPLE_RATE) : int(b * SAMPLE_RATE)] for a, b in speech]
    )
    power = np.sqrt((spoken**2).mean()) / 10 ** (decibels / 20)
    found = []
    for seed in range(windows):
        first = random.Random(seed).uniform(0, len(samples) / SAMPLE_RATE - 60)
        start = int(first * SAMPLE_RATE)
        window = samples[start : start + 60 * SAMPLE_RATE]
        cut = best_cut_point(
            block_powers(low_rate_samples(window + noise(kind, len(window), seed) * power)), 0, 60
        )
        within = any(a < first + cut.seconds < b for a, b in speech)
        found.append(within or not cut.is_pause)
    return found


@pytest.mark.parametrize("kind", ["pink", "white"])
@pytest.mark.parametrize("decibels", [30, 10])
def test_no_cut_is_within_speech(
    meeting: tuple[Samples, Spans], kind: str, decibels: float
) -> None:
    """Speech is never cut down to 10 dB above the noise."""
    assert not any(bad_cuts(meeting, kind, decibels, windows=3))


@pytest.mark.parametrize("kind", ["pink", "white"])
def test_hardly_any_cut_is_within_speech_as_loud_as_the_noise(
    meeting: tuple[Samples, Spans], kind: str
) -> None:
    """In noise as loud as the speech, fewer than one cut in twenty is within speech."""
    assert sum(bad_cuts(meeting, kind, 0, windows=20)) < 1


def tone(*parts: tuple[float, float]) -> list[float]:
    """Return the powers of audio of the given durations and powers."""
    return [power for seconds, power in parts for _ in range(round(seconds / BLOCK_SECONDS))]


def test_longest_pause_is_cut_in_its_middle() -> None:
    """The longest of several pauses is cut in its middle."""
    found = best_cut_point(tone((5, 1e9), (0.3, 1e5), (5, 1e9), (1, 1e5), (5, 1e9)), 0, 16.3)
    assert found.seconds == pytest.approx(10.8, abs=0.02)
    assert found.is_pause


def test_pause_outside_the_window_is_ignored() -> None:
    """A pause is looked for only between the two times."""
    found = best_cut_point(tone((5, 1e9), (2, 1e5), (5, 1e9), (0.4, 1e5), (5, 1e9)), 8, 16)
    assert found.seconds == pytest.approx(12.2, abs=0.02)
    assert found.is_pause


def test_closure_of_a_consonant_is_no_pause() -> None:
    """A gap of 120 ms, which may be within a word, is the quietest place but not a pause."""
    found = best_cut_point(tone((5, 1e9), (0.12, 1e5), (5, 1e9)), 0, 10)
    assert found.seconds == pytest.approx(5.06, abs=0.07)
    assert not found.is_pause


@pytest.mark.parametrize(
    ("seconds", "noise", "is_clear"), [(0.7, 1e6, True), (0.4, 1e6, False), (0.7, 1e7, False)]
)
def test_clear_pause(seconds: float, noise: float, is_clear: bool) -> None:  # noqa: FBT001
    """A pause is clear if it lasts half a second, and the speech is 25 dB louder than the noise."""
    found = best_cut_point(tone((4, 1e9), (seconds, noise), (4, 1e9)), 0, 8)
    assert (found.is_pause, found.is_clear) == (True, is_clear)


@pytest.mark.parametrize("power", [1e9, 1e6])
def test_constant_loudness_has_no_pause(power: float) -> None:
    """Audio of constant loudness has no pause."""
    assert not best_cut_point(tone((10, power)), 2, 8).is_pause


def test_silence_is_a_pause() -> None:
    """Digital silence is one long pause."""
    assert best_cut_point(tone((10, 0)), 2, 8) == CutPoint(5.0, is_pause=True)


def test_single_block_can_be_cut() -> None:
    """The cut is within bounds even for a single block."""
    assert not best_cut_point([1e9], 0, 0.01).is_pause


def test_offset_does_not_hide_the_speech() -> None:
    """A constant offset of the samples has no power."""
    assert block_powers([9_000] * 400) == pytest.approx([0] * 10)
