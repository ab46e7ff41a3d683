"""Recordings in every container and codec keep each beacon once, in order and on time."""

from pathlib import Path

import pytest

from apertis_audio_tools import ApertisAudio, Transcript
from apertis_audio_tools.audio import cut_pieces, probe
from apertis_audio_tools.pipeline import job_factory
from support.beacon_recordings import FORMATS, PERIOD_SECONDS, beacon_start, write_beacons
from support.sync_async import Run, run_async, run_sync

pytestmark = pytest.mark.slow

COUNT = round(90 / PERIOD_SECONDS)
"""Number of beacons in a minute and a half; benchmarks/beacons.py uses an hour."""
TOLERANCE = 0.05
"""Seconds by which a beacon may be off."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that all tests share for their recordings."""
    return tmp_path_factory.mktemp("beacons")


def make_recording(folder: Path, name: str) -> Path:
    """Return a recording of a minute and a half in a format, encoded once."""
    path = folder / f"beacons.{name}"
    return path if path.exists() else write_beacons(FORMATS[name], path, COUNT)


def assert_every_beacon(transcript: Transcript, count: int = COUNT) -> None:
    """Require every beacon once, in order and on time."""
    texts = [segment.text for segment in transcript.segments]
    assert texts == [f"{number:05d}" for number in range(count)]
    assert transcript.text == " ".join(texts)
    for number, segment in enumerate(transcript.segments):
        assert segment.start == pytest.approx(beacon_start(number), abs=TOLERANCE)


@pytest.mark.parametrize(
    ("name", "run"), [*((name, run_sync) for name in FORMATS), ("mp3", run_async)]
)
def test_every_beacon_arrives(name: str, run: Run, folder: Path, beacon_url: str) -> None:
    """A recording in pieces of 25 seconds is transcribed completely in every format."""
    with ApertisAudio("sk-payg-1234", base_url=beacon_url) as client:
        transcript = run(client, "transcribe", make_recording(folder, name), piece_seconds=25)
    assert_every_beacon(transcript)


@pytest.mark.parametrize("name", ["mp3", "ogg", "flac"])
def test_every_beacon_arrives_by_bytes(
    name: str, folder: Path, beacon_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recording that is too large for one request is transcribed completely."""
    path = make_recording(folder, name)
    monkeypatch.setattr(job_factory, "MAX_UPLOAD_BYTES", path.stat().st_size // 3)
    with ApertisAudio("sk-payg-1234", base_url=beacon_url) as client:
        assert_every_beacon(client.transcribe(path))


@pytest.mark.parametrize("name", ["mp3", "wav"])
def test_every_beacon_arrives_without_pauses(name: str, tmp_path: Path, beacon_url: str) -> None:
    """Text in the overlap of two pieces is kept once, and nothing is lost."""
    path = write_beacons(FORMATS[name], tmp_path / f"continuous.{name}", 60, has_pauses=False)
    cut = list(cut_pieces(probe(path), max_bytes=path.stat().st_size, target_seconds=20))
    assert [bool(piece.overlap) for piece in cut] == [False, *[True] * (len(cut) - 1)]
    with ApertisAudio("sk-payg-1234", base_url=beacon_url) as client:
        assert_every_beacon(client.transcribe(path, piece_seconds=20), 60)
