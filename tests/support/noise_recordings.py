"""Recordings of noise, machines and music, in which nobody speaks."""

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from support.wav_files import wav_bytes

RATE = 16_000
Samples: TypeAlias = NDArray[np.floating[Any]]


def noise_wav(name: str, seconds: float = 4.0) -> bytes:
    """Return a wav file of one of `NOISES`."""
    at = np.arange(round(seconds * RATE)) / RATE
    samples = np.clip(NOISES[name](at), -1, 1) * 32_767
    return wav_bytes(samples.astype("<i2").tobytes(), RATE)


def _white(at: Samples, seed: int = 0) -> Samples:
    return np.random.default_rng(seed).standard_normal(len(at)) / 4


def _coloured(at: Samples, exponent: float, highest: float = RATE / 2) -> Samples:
    """Return noise whose power falls with the frequency, up to a highest one."""
    spectrum = np.fft.rfft(_white(at))
    hertz = np.maximum(np.fft.rfftfreq(len(at), 1 / RATE), 1)
    noise = np.fft.irfft(spectrum * (hertz <= highest) / hertz**exponent, len(at))
    return np.asarray(noise / np.abs(noise).max() / 2)


def _tones(at: Samples, *hertz: float) -> Samples:
    waves = [np.sin(2 * np.pi * each * at) for each in hertz]
    return np.asarray(np.mean(waves, axis=0) / 2)


def _notes(at: Samples) -> Samples:
    """Return the phase of a melody of four notes a second, in turns."""
    steps = np.random.default_rng(1).integers(-12, 12, 64)
    return np.asarray(np.cumsum(220 * 2 ** (steps[(at * 4).astype(int) % 64] / 12) / RATE))


def _strokes(at: Samples) -> Samples:
    """Return the strokes of a keyboard, five a second."""
    return np.asarray(_white(at) * 3 * np.exp(-300 * (at % 0.2)))


NOISES: dict[str, Callable[[Samples], Samples]] = {
    "silence": np.zeros_like,
    "faint noise": lambda at: _white(at) / 500,
    "white noise": _white,
    "pink noise": lambda at: _coloured(at, 0.5),
    "brown noise": lambda at: _coloured(at, 1.0),
    "wind": lambda at: _coloured(at, 0.5, 300) * (1 + np.sin(2 * np.pi * at / 3)) / 2,
    "fan": lambda at: _coloured(at, 0.7) / 2 + _tones(at, 120, 240, 360) / 8,
    "noise that swells like speech": lambda at: (
        _coloured(at, 0.5) * (1 + np.sin(8 * np.pi * at)) / 2
    ),
    "bursts of noise": lambda at: _white(at) * (at % 0.6 < 0.3),
    "hum": lambda at: _tones(at, *range(50, 1000, 50)),
    "clicks": lambda at: 0.7 * (np.random.default_rng(2).random(len(at)) < 0.0005),
    "keyboard": _strokes,
    "beeps": lambda at: _tones(at, 1000) * (at % 1 < 0.2),
    "dialling": lambda at: _tones(at, 770, 1336) * (at % 0.3 < 0.15),
    "ringing": lambda at: _tones(at, 440, 480) * (at % 6 < 2),
    "siren": lambda at: np.sin(2 * np.pi * np.cumsum(700 + 300 * np.sin(np.pi * at)) / RATE) / 3,
    "chord": lambda at: _tones(at, 261.6, 329.6, 392),
    "plucked chords": lambda at: _tones(at, 262, 330, 392, 523) * np.exp(-4 * (at % 0.5)),
    "melody of a flute": lambda at: np.sin(2 * np.pi * _notes(at)) / 3,
    "melody of strings": lambda at: (_notes(at) % 1 - 0.5) / 2,
}
"""Functions of the time in seconds, by what they sound like."""
