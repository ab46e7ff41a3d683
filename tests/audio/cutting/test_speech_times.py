"""Pauses of a piece, whatever sounds in it."""

import io
import struct
from collections.abc import Callable
from math import nan

import numpy as np
import pytest

from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio import find_pauses
from apertis_audio_tools.text.time_estimates import estimate_times
from support.encoded_recordings import encode_recording
from support.meeting_recordings import Samples

RATE, SECONDS = 8_000, 20
TIMES = np.arange(RATE * SECONDS) / RATE


def music() -> Samples:
    """Return chords of decaying tones that follow each other without a pause."""
    beat = TIMES % 0.5
    tones = sum(np.sin(2 * np.pi * pitch * TIMES) for pitch in (220, 277, 330, 440))
    return np.asarray(3_000 * np.exp(-1.5 * beat) * tones)


SOUNDS: dict[str, Callable[[], Samples]] = {
    "nothing": lambda: np.zeros(RATE * SECONDS),
    "one click": lambda: np.where(TIMES == 10, 30_000.0, 0.0),
    "noise": lambda: np.random.default_rng(0).normal(0, 900, RATE * SECONDS),
    "music": music,
    "a tone": lambda: 9_000 * np.sin(2 * np.pi * 300 * TIMES),
    "an offset": lambda: np.full(RATE * SECONDS, 20_000.0),
    "very short": lambda: np.zeros(7),
}
TEXTS = {
    "one sentence": "We wait until Thursday.",
    "an endless sentence": "and then we waited until Thursday " * 60,
    "ten times too long": "We wait until Thursday. No. Is there anything in the way? " * 60,
    "one word": "Yes",
    "marks alone": "... ♪ ♪ — !",
    "emoji": "🎉👍🏽" * 9,
}


def upload(file: bytes) -> Upload:
    return Upload("piece.wav", "audio/wav", len(file), lambda: io.BytesIO(file))


@pytest.mark.parametrize("sound", SOUNDS)
def test_times_for_any_sound(sound: str) -> None:
    """Pauses are in order and within the piece, and so is every text that is said to be in it."""
    samples = SOUNDS[sound]().astype(np.int16)
    pauses = find_pauses(upload(encode_recording("wav", samples.tobytes(), RATE)))
    bounds = [each for pause in pauses for each in pause]
    assert bounds == sorted(bounds)
    seconds = len(samples) / RATE
    assert all(0 <= each <= seconds + 0.01 for each in bounds)
    for name, text in TEXTS.items():
        estimates = estimate_times(text, seconds, [(a, min(b, seconds)) for a, b in pauses])
        times = [each.start for each in estimates]
        assert times == sorted(times), name
        assert all(0 <= each.start <= each.end <= seconds for each in estimates), name
        assert "".join("".join(each.text for each in estimates).split()) == "".join(text.split())


@pytest.mark.parametrize("sound", ["nothing", "noise", "a tone", "an offset"])
def test_even_sounds_have_no_pauses(sound: str) -> None:
    """Nothing is a pause where all is about equally loud."""
    samples = SOUNDS[sound]().astype(np.int16)
    assert find_pauses(upload(encode_recording("wav", samples.tobytes(), RATE))) == []


def test_samples_that_are_no_numbers() -> None:
    """Samples that are infinite or not a number are a sound like any other."""
    samples = [0.1, -0.1, nan, float("inf"), -float("inf")] * (RATE // 5) * 3
    data = struct.pack(f"<{len(samples)}f", *samples)
    header = struct.pack(
        "<4sI4s4sIHHIIHH",
        b"RIFF",
        36 + len(data),
        b"WAVE",
        b"fmt ",
        16,
        3,
        1,
        RATE,
        RATE * 4,
        4,
        32,
    )
    file = header + struct.pack("<4sI", b"data", len(data)) + data
    assert all(0 <= start < end <= 3.01 for start, end in find_pauses(upload(file)))
