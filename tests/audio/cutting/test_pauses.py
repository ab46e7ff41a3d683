"""Pauses are told from speech in any noise."""

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
from apertis_audio_tools.audio.cutting.pauses import SAMPLE_RATE as HEARING_RATE
from support.meeting_recordings import SAMPLE_RATE, STANDUP, Sound, heard

Spans = list[tuple[float, float]]
STEP = SAMPLE_RATE // HEARING_RATE


def speech_of(sound: Sound) -> Spans:
    """Where somebody speaks in a recording with hardly any noise; gaps below 150 ms are speech."""
    block = SAMPLE_RATE // 100
    level = np.sqrt((sound[: len(sound) // block * block].reshape(-1, block) ** 2).mean(axis=1))
    loud = np.flatnonzero(level > 130) / 100
    breaks = [0, *(np.flatnonzero(np.diff(loud) > 0.15) + 1), len(loud)]
    return [(float(loud[a]), float(loud[b - 1]) + 0.01) for a, b in pairwise(breaks)]


def noise(kind: str, length: int, seed: int) -> Sound:
    """White or pink noise of power 1."""
    white = np.random.default_rng(seed).standard_normal(length)
    if kind == "white":
        return white
    spectrum = np.fft.rfft(white) / np.sqrt(np.maximum(np.arange(length // 2 + 1), 1))
    pink = np.fft.irfft(spectrum, length)
    return np.asarray(pink / pink.std())


@pytest.fixture(scope="module")
def meeting() -> tuple[Sound, Spans]:
    """The example meeting, and where somebody speaks in it."""
    sound = heard(STANDUP)
    return sound, speech_of(sound)


def hearing(sound: Sound) -> list[int]:
    """What the finder of pauses is given: fewer samples a second, after a low-pass filter."""
    spectrum = np.fft.rfft(sound)
    spectrum[len(spectrum) // STEP :] = 0
    found = np.fft.irfft(spectrum, len(sound))[::STEP]
    return [int(sample) for sample in np.clip(found, -32_768, 32_767)]


def cuts(meeting: tuple[Sound, Spans], kind: str, decibels: float, windows: int) -> list[bool]:
    """For windows of 60 s in a noise: whether the cut is within speech, or none was found."""
    sound, speech = meeting
    spoken = np.concatenate([sound[int(a * SAMPLE_RATE) : int(b * SAMPLE_RATE)] for a, b in speech])
    power = np.sqrt((spoken**2).mean()) / 10 ** (decibels / 20)
    found = []
    for seed in range(windows):
        first = random.Random(seed).uniform(0, len(sound) / SAMPLE_RATE - 60)
        start = int(first * SAMPLE_RATE)
        window = sound[start : start + 60 * SAMPLE_RATE]
        cut = best_cut_point(
            block_powers(hearing(window + noise(kind, len(window), seed) * power)), 0, 60
        )
        within = any(a < first + cut.at < b for a, b in speech)
        found.append(within or not cut.is_pause)
    return found


@pytest.mark.parametrize("kind", ["pink", "white"])
@pytest.mark.parametrize("decibels", [30, 10])
def test_no_cut_is_within_speech(meeting: tuple[Sound, Spans], kind: str, decibels: float) -> None:
    """Down to 10 dB above the noise, speech is never cut."""
    assert not any(cuts(meeting, kind, decibels, windows=3))


@pytest.mark.parametrize("kind", ["pink", "white"])
def test_hardly_any_cut_is_within_speech_as_loud_as_the_noise(
    meeting: tuple[Sound, Spans], kind: str
) -> None:
    """With noise as loud as the speech, fewer than one cut in twenty is within speech."""
    assert sum(cuts(meeting, kind, 0, windows=20)) < 1


def tone(*parts: tuple[float, float]) -> list[float]:
    """The powers of a sound that is so loud for so many seconds."""
    return [power for seconds, power in parts for _ in range(round(seconds / BLOCK_SECONDS))]


def test_the_longest_pause_is_taken_in_its_middle() -> None:
    """Of several pauses the longest is taken, and cut in its middle."""
    found = best_cut_point(tone((5, 1e9), (0.3, 1e5), (5, 1e9), (1, 1e5), (5, 1e9)), 0, 16.3)
    assert found.at == pytest.approx(10.8, abs=0.02)
    assert found.is_pause


def test_a_pause_outside_the_window_is_not_taken() -> None:
    """Only between the two times given is a pause looked for."""
    found = best_cut_point(tone((5, 1e9), (2, 1e5), (5, 1e9), (0.4, 1e5), (5, 1e9)), 8, 16)
    assert found.at == pytest.approx(12.2, abs=0.02)
    assert found.is_pause


def test_the_closure_of_a_consonant_is_no_pause() -> None:
    """A gap of 120 ms may be within a word: it is the quietest place, and said to be no pause."""
    found = best_cut_point(tone((5, 1e9), (0.12, 1e5), (5, 1e9)), 0, 10)
    assert found.at == pytest.approx(5.06, abs=0.07)
    assert not found.is_pause


@pytest.mark.parametrize("power", [1e9, 1e6])
def test_steady_sound_has_no_pause(power: float) -> None:
    """Where all is equally loud nothing is known to be a pause."""
    assert not best_cut_point(tone((10, power)), 2, 8).is_pause


def test_silence_is_a_pause() -> None:
    """Digital silence is one long pause."""
    assert best_cut_point(tone((10, 0)), 2, 8) == CutPoint(5.0, is_pause=True)


def test_a_single_block_can_be_cut() -> None:
    """Even of next to nothing there is an answer within bounds."""
    assert not best_cut_point([1e9], 0, 0.01).is_pause


def test_an_offset_does_not_hide_the_speech() -> None:
    """A constant offset of the samples has no power."""
    assert block_powers([9_000] * 400) == pytest.approx([0] * 10)
