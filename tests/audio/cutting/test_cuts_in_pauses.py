"""Cuts are in pauses, in every container and codec, and repeat nothing."""

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from apertis_audio_tools.audio import Piece, cut_pieces, probe
from apertis_audio_tools.audio.cutting.pauses import SAMPLE_RATE as PAUSE_RATE
from apertis_audio_tools.audio.cutting.pauses import best_cut_point, block_powers
from apertis_audio_tools.models import UploadFormat
from apertis_audio_tools.sandbox.beacons import BEACON_SECONDS
from support.beacon_recordings import (
    FIRST_SECONDS,
    FORMATS,
    PERIOD_SECONDS,
    BeaconFormat,
    write_beacons,
)

BEACONS = 64
NO_LIMIT = 10**9
FAST_AAC, FAST_MP3 = {"aac_coder": "fast"}, {"compression_level": "9"}
CUTTABLE = FORMATS | {
    "48k.mp3": BeaconFormat("mp3", "libmp3lame", 48_000, 64_000, options=FAST_MP3),
    "aac": BeaconFormat("adts", "aac", 32_000, 32_000, options=FAST_AAC),
    "ts": BeaconFormat("mpegts", "aac", 44_100, 48_000, options=FAST_AAC),
    "aac.mkv": BeaconFormat("matroska", "aac", 48_000, 48_000, options=FAST_AAC),
    "mp3.mkv": BeaconFormat("matroska", "libmp3lame", 44_100, 64_000, options=FAST_MP3),
    "avi": BeaconFormat("avi", "libmp3lame", 22_050, 32_000, options=FAST_MP3),
    "float.wav": BeaconFormat("wav", "pcm_f32le", 11_025),
    "mulaw.wav": BeaconFormat("wav", "pcm_mulaw", 8_000),
    "aiff": BeaconFormat("aiff", "pcm_s16be", 44_100),
    "wma": BeaconFormat("asf", "wmav2", 16_000, 32_000),
    "ac3.mkv": BeaconFormat("matroska", "ac3", 32_000, 64_000),
}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the recordings of all tests."""
    return tmp_path_factory.mktemp("beacons")


def cut(path: Path, max_seconds: float, upload_format: UploadFormat = "auto") -> list[Piece]:
    return list(
        cut_pieces(
            probe(path), max_bytes=NO_LIMIT, max_seconds=max_seconds, upload_format=upload_format
        )
    )


def assert_cut_in_pauses(pieces: list[Piece]) -> None:
    """Assert that nothing is repeated, and that no beacon is cut."""
    assert len(pieces) > 1
    for before, after in pairwise(pieces):
        assert after.overlap == 0
        since_beacon = (before.end - FIRST_SECONDS) % PERIOD_SECONDS
        assert since_beacon > BEACON_SECONDS, f"cut at {before.end}"


@pytest.mark.parametrize("name", CUTTABLE)
def test_cuts_are_in_pauses(name: str, folder: Path) -> None:
    """A piece ends in a pause if there is one in its last minute."""
    path = write_beacons(CUTTABLE[name], folder / f"beacons.{name}", BEACONS)
    # From 120 s on, pauses are looked for in a minute; packets rarely begin where it does.
    for max_seconds in (121, random.Random(name).uniform(121, 127)):
        assert_cut_in_pauses(cut(path, max_seconds))


@pytest.mark.parametrize("upload_format", ["mp3", "opus"])
def test_cuts_of_smaller_pieces_are_in_pauses(upload_format: UploadFormat, folder: Path) -> None:
    """A recording that is re-encoded for a slow line is cut in pauses as well."""
    path = write_beacons(FORMATS["wav"], folder / f"{upload_format}.wav", BEACONS)
    assert_cut_in_pauses(cut(path, 121.7, upload_format))


@pytest.mark.parametrize("name", ["mp3", "aac", "ts", "vorbis.ogg", "ogg", "wav", "flac"])
def test_without_pauses_two_seconds_are_repeated(name: str, folder: Path) -> None:
    """Without any pause, each piece repeats the last two seconds of the one before."""
    path = folder / f"rattle.{name}"
    first, *rest = cut(write_beacons(CUTTABLE[name], path, 40, has_pauses=False), 30)
    assert first.overlap == 0
    assert len(rest) > 1
    assert all(1.9 < piece.overlap < 2.1 for piece in rest)


@pytest.mark.parametrize("noise", [20, 300])
@pytest.mark.parametrize(
    "spoken", [[(0, 50), (50.5, 61)], [(30, 31)], [(0, 61)]], ids=["pause", "speech", "no pause"]
)
def test_short_pause_and_short_speech(spoken: list[tuple[float, float]], noise: float) -> None:
    """A pause is found if all but half a second is speech, and if all but a second is noise."""
    seconds = np.arange(61 * PAUSE_RATE) / PAUSE_RATE
    voice = sum(np.sin(2 * np.pi * pitch * seconds) for pitch in (300, 700, 1100)) * 3_000
    is_spoken = sum(((first <= seconds) & (seconds < last) for first, last in spoken), seconds < 0)
    samples = np.random.default_rng(1).normal(0, noise, len(seconds)) + voice * is_spoken
    found = best_cut_point(block_powers(samples.astype(int).tolist()), 1, 60.5)
    assert found.is_pause == (spoken != [(0, 61)])
    assert found.is_pause != any(first <= found.seconds <= last for first, last in spoken)
