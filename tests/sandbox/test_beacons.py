"""Beacons are recognised through noise and codecs, with exact times, and only if complete."""

from pathlib import Path

import numpy as np
import pytest

from apertis_audio_tools.sandbox import BeaconRecogniser, SpeechSegment
from apertis_audio_tools.sandbox.audio_decoding import decode
from apertis_audio_tools.sandbox.beacons import BEACON_SECONDS, encode_number
from support.beacon_recordings import (
    AMPLITUDE,
    PERIOD_SECONDS,
    BeaconFormat,
    beacon_samples,
    beacon_start,
    to_int16,
    write_beacons,
)

COUNT = 20
SAMPLE_RATE = 16_000
EXACT = 0.01
ENCODER_DELAY = 0.0305
"""Delay of the mp2 encoder at its lowest rate: 481 samples that no player skips."""


def pcm(count: int = COUNT, *, first: int = 0, noise: float = 16.0) -> bytes:
    """Return beacons as the sandbox decodes them."""
    return b"".join(beacon_samples(SAMPLE_RATE, count, first=first, noise=noise))


def recognise(samples: bytes) -> list[SpeechSegment]:
    return list(BeaconRecogniser().recognise(samples))


def assert_all(
    segments: list[SpeechSegment], *, first: int = 0, count: int = COUNT, late: float = 0
) -> None:
    """Assert that each beacon is recognised once, in order, at its time."""
    assert [each.text for each in segments] == [f"{first + at:05d}" for at in range(count)]
    for at, each in enumerate(segments):
        assert each.start == pytest.approx(beacon_start(at) + late, abs=EXACT)
        assert each.end == pytest.approx(each.start + BEACON_SECONDS)


@pytest.mark.parametrize("first", [0, 980, 12_345, 99_980])
def test_beacons_are_recognised(first: int) -> None:
    """Each beacon becomes a segment with its number in five digits and its time."""
    assert_all(recognise(pcm(first=first)), first=first)


@pytest.mark.parametrize("decibels", [40, 20, 10])
def test_noise(decibels: int) -> None:
    """Noise as loud as in a busy room neither hides nor moves a beacon."""
    noise: float = AMPLITUDE * 10 ** (-decibels / 20)
    assert_all(recognise(pcm(noise=noise)))


def test_noise_between_beacons() -> None:
    """Noise between beacons, as loud as they are, is not taken for a beacon."""
    assert_all(recognise(b"".join(beacon_samples(SAMPLE_RATE, COUNT, has_pauses=False))))


@pytest.mark.parametrize("loudness", [0.01, 0.1, 7])
def test_loudness(loudness: float) -> None:
    """Soft and distorted beacons are recognised like loud ones."""
    samples = np.frombuffer(pcm(), np.int16).astype(np.float64)
    assert_all(recognise(to_int16(samples * loudness)))


@pytest.mark.parametrize(
    "form",
    [
        BeaconFormat("mp3", "libmp3lame", 44_100, 32_000),
        BeaconFormat("mp3", "libmp3lame", 8_000, 24_000),
        BeaconFormat("ogg", "libopus", 48_000, 16_000),
        BeaconFormat("ogg", "libopus", 8_000, 24_000),
        BeaconFormat("ipod", "aac", 48_000, 64_000),
        BeaconFormat("ipod", "aac", 8_000, 24_000),
        BeaconFormat("mp2", "mp2", 16_000, 32_000),
    ],
    ids=lambda form: f"{form.encoder} {form.bit_rate // 1000}k at {form.sample_rate} Hz",
)
def test_codecs(form: BeaconFormat, tmp_path: Path) -> None:
    """Beacons survive low bit rates and low sample rates."""
    with write_beacons(form, tmp_path / "beacons", COUNT).open("rb") as file:
        segments = recognise(decode(file))
    assert_all(segments, late=ENCODER_DELAY if form.encoder == "mp2" else 0)


@pytest.mark.parametrize("cut", range(0, round(PERIOD_SECONDS * 1000), 37))
def test_cut_beacon(cut: int) -> None:
    """The parts of a recording cut anywhere have each beacon at most once, and no other beacon."""
    samples, at = pcm(4, first=777), (round(PERIOD_SECONDS) * 1000 + cut) * SAMPLE_RATE // 1000
    before, after = recognise(samples[: at * 2]), recognise(samples[at * 2 :])
    start, end = beacon_start(1), beacon_start(1) + BEACON_SECONDS
    is_cut = start + EXACT < at / SAMPLE_RATE < end - EXACT
    at_edge = min(abs(at / SAMPLE_RATE - edge) for edge in (start, end)) < EXACT
    texts = [each.text for each in (*before, *after)]
    if not at_edge:
        assert texts == [f"{777 + number:05d}" for number in range(4) if number != 1 or not is_cut]
    assert len(set(texts)) == len(texts)
    for each in after:
        expected = beacon_start(int(each.text) - 777) - at / SAMPLE_RATE
        assert each.start == pytest.approx(max(expected, 0), abs=EXACT)


@pytest.mark.parametrize("seconds", [0, 0.0001, 0.01, 1, 30])
def test_noise_and_silence_have_no_beacons(seconds: float) -> None:
    """Noise and silence of any length have no beacons."""
    count = int(seconds * SAMPLE_RATE)
    assert recognise(bytes(count * 2)) == []
    assert recognise(to_int16(np.random.default_rng(1).normal(0, 3_000, count))) == []


def test_speech_has_no_beacons() -> None:
    """The recording of a meeting has no beacons."""
    standup = Path(__file__).parents[2] / "examples" / "data" / "standup.ogg"
    with standup.open("rb") as file:
        assert recognise(decode(file)) == []


def test_wrong_digit() -> None:
    """A beacon with any wrong digit is not recognised, because its check symbol does not match."""
    samples = pcm(1, first=12_345)
    other = pcm(1, first=54_321)
    slot, begin = round(0.08 * SAMPLE_RATE) * 2, round(beacon_start(0) * SAMPLE_RATE) * 2
    for number in (1, 2, 4, 5):
        at = begin + number * slot
        assert recognise(samples[:at] + other[at : at + slot] + samples[at + slot :]) == []


@pytest.mark.parametrize("number", [-1, 100_000])
def test_numbers_have_five_digits(number: int) -> None:
    """Numbers that do not have five digits are refused."""
    with pytest.raises(ValueError, match="5 digits"):
        encode_number(number)
