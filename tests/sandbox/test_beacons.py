"""Beacons are heard through noise and codecs, on time, and only where they are whole."""

from pathlib import Path

import numpy as np
import pytest

from apertis_audio_tools.sandbox import BeaconRecogniser, SpeechSegment
from apertis_audio_tools.sandbox.audio_decoding import decode
from apertis_audio_tools.sandbox.beacons import BEACON_SECONDS, encode_number
from support.beacon_recordings import (
    AMPLITUDE,
    PERIOD_SECONDS,
    Format,
    in_16_bits,
    sound,
    start_of,
    write,
)

COUNT = 20
SAMPLE_RATE = 16_000
EXACT = 0.01
ENCODER_DELAY = 0.0305
"""Of mp2, at the lowest rate: 481 samples that no player skips."""


def pcm(count: int = COUNT, *, first: int = 0, noise: float = 16.0) -> bytes:
    """Beacons as the sandbox decodes them."""
    return b"".join(sound(SAMPLE_RATE, count, first=first, noise=noise))


def hear(samples: bytes) -> list[SpeechSegment]:
    return list(BeaconRecogniser().recognise(samples))


def assert_all(
    heard: list[SpeechSegment], *, first: int = 0, count: int = COUNT, late: float = 0
) -> None:
    """Each once, in order, where it is."""
    assert [each.text for each in heard] == [f"{first + at:05d}" for at in range(count)]
    for at, each in enumerate(heard):
        assert each.start == pytest.approx(start_of(at) + late, abs=EXACT)
        assert each.end == pytest.approx(each.start + BEACON_SECONDS)


@pytest.mark.parametrize("first", [0, 980, 12_345, 99_980])
def test_beacons_are_heard(first: int) -> None:
    """Each beacon is a segment: its number in five digits, and when it sounds."""
    assert_all(hear(pcm(first=first)), first=first)


@pytest.mark.parametrize("decibels", [40, 20, 10])
def test_noise_is_no_hindrance(decibels: int) -> None:
    """Noise as loud as in a busy room neither hides nor moves a beacon."""
    noise: float = AMPLITUDE * 10 ** (-decibels / 20)
    assert_all(hear(pcm(noise=noise)))


def test_noise_between_beacons_is_no_hindrance() -> None:
    """What rattles between beacons, as loud as they are, is not taken for one."""
    assert_all(hear(b"".join(sound(SAMPLE_RATE, COUNT, has_pauses=False))))


@pytest.mark.parametrize("loudness", [0.01, 0.1, 7])
def test_loudness_is_no_matter(loudness: float) -> None:
    """Soft beacons are heard like loud ones, and distorted ones too."""
    samples = np.frombuffer(pcm(), np.int16).astype(np.float64)
    assert_all(hear(in_16_bits(samples * loudness)))


@pytest.mark.parametrize(
    "form",
    [
        Format("mp3", "libmp3lame", 44_100, 32_000),
        Format("mp3", "libmp3lame", 8_000, 24_000),
        Format("ogg", "libopus", 48_000, 16_000),
        Format("ogg", "libopus", 8_000, 24_000),
        Format("ipod", "aac", 48_000, 64_000),
        Format("ipod", "aac", 8_000, 24_000),
        Format("mp2", "mp2", 16_000, 32_000),
    ],
    ids=lambda form: f"{form.encoder} {form.bit_rate // 1000}k at {form.sample_rate} Hz",
)
def test_codecs_are_no_hindrance(form: Format, tmp_path: Path) -> None:
    """The narrowest codecs and the lowest sample rates keep beacons as they are."""
    with write(form, tmp_path / "beacons", COUNT).open("rb") as file:
        heard = hear(decode(file))
    assert_all(heard, late=ENCODER_DELAY if form.encoder == "mp2" else 0)


@pytest.mark.parametrize("cut", range(0, round(PERIOD_SECONDS * 1000), 37))
def test_part_of_a_beacon_is_nothing(cut: int) -> None:
    """Cut anywhere, both sides together have each beacon at most once, and never another one."""
    samples, at = pcm(4, first=777), (round(PERIOD_SECONDS) * 1000 + cut) * SAMPLE_RATE // 1000
    before, after = hear(samples[: at * 2]), hear(samples[at * 2 :])
    start, end = start_of(1), start_of(1) + BEACON_SECONDS
    is_cut = start + EXACT < at / SAMPLE_RATE < end - EXACT
    at_edge = min(abs(at / SAMPLE_RATE - edge) for edge in (start, end)) < EXACT
    heard = [each.text for each in (*before, *after)]
    if not at_edge:
        assert heard == [f"{777 + number:05d}" for number in range(4) if number != 1 or not is_cut]
    assert len(set(heard)) == len(heard)
    for each in after:
        place = start_of(int(each.text) - 777) - at / SAMPLE_RATE
        assert each.start == pytest.approx(max(place, 0), abs=EXACT)


@pytest.mark.parametrize("seconds", [0, 0.0001, 0.01, 1, 30])
def test_nothing_is_heard_in_noise_and_silence(seconds: float) -> None:
    """Where there is no beacon, none is heard, however short or long it is."""
    count = int(seconds * SAMPLE_RATE)
    assert hear(bytes(count * 2)) == []
    assert hear(in_16_bits(np.random.default_rng(1).normal(0, 3_000, count))) == []


def test_nothing_is_heard_in_speech() -> None:
    """A meeting is no beacon recording."""
    standup = Path(__file__).parents[2] / "examples" / "data" / "standup.ogg"
    with standup.open("rb") as file:
        assert hear(decode(file)) == []


def test_a_wrong_digit_is_noticed() -> None:
    """A beacon whose digits do not fit its check symbol is none, whichever of them is wrong."""
    samples = pcm(1, first=12_345)
    other = pcm(1, first=54_321)
    slot, begin = round(0.08 * SAMPLE_RATE) * 2, round(start_of(0) * SAMPLE_RATE) * 2
    for number in (1, 2, 4, 5):
        at = begin + number * slot
        assert hear(samples[:at] + other[at : at + slot] + samples[at + slot :]) == []


@pytest.mark.parametrize("number", [-1, 100_000])
def test_numbers_have_five_digits(number: int) -> None:
    """There is no beacon for other numbers."""
    with pytest.raises(ValueError, match="5 digits"):
        encode_number(number)
