"""Recordings in every container and codec, over HTTP: each beacon once, in order, and on time."""

from pathlib import Path

import pytest

from apertis_audio_tools import ApertisAudio, Transcript
from apertis_audio_tools.audio import cut_pieces, probe
from apertis_audio_tools.pipeline import transcription_job
from support.beacon_recordings import FORMATS, PERIOD_SECONDS, start_of, write
from support.sync_async import Run, run_async, run_sync

pytestmark = pytest.mark.slow

COUNT = round(90 / PERIOD_SECONDS)
"""The beacons of a minute and a half; benchmarks/beacons.py has those of an hour."""
LATE = 0.05


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the recordings of all tests are."""
    return tmp_path_factory.mktemp("beacons")


def made(folder: Path, name: str) -> Path:
    """A minute and a half in a format, encoded once."""
    path = folder / f"beacons.{name}"
    return path if path.exists() else write(FORMATS[name], path, COUNT)


def assert_every_beacon(transcript: Transcript, count: int = COUNT) -> None:
    """Nothing is missing, doubled, out of order or out of time."""
    texts = [segment.text for segment in transcript.segments]
    assert texts == [f"{number:05d}" for number in range(count)]
    assert transcript.text == " ".join(texts)
    for number, segment in enumerate(transcript.segments):
        assert segment.start == pytest.approx(start_of(number), abs=LATE)


@pytest.mark.parametrize(
    ("name", "run"), [*((name, run_sync) for name in FORMATS), ("mp3", run_async)]
)
def test_every_beacon_arrives(name: str, run: Run, folder: Path, beacon_url: str) -> None:
    """Pieces of twenty-five seconds come back whole in every container and codec."""
    with ApertisAudio("sk-payg", base_url=beacon_url) as client:
        transcript = run(client, "transcribe", made(folder, name), piece_seconds=25)
    assert_every_beacon(transcript)


@pytest.mark.parametrize("name", ["mp3", "ogg", "flac"])
def test_every_beacon_arrives_by_bytes(
    name: str, folder: Path, beacon_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recording that is too large for one request comes back whole."""
    path = made(folder, name)
    monkeypatch.setattr(transcription_job, "MAX_UPLOAD_BYTES", path.stat().st_size // 3)
    with ApertisAudio("sk-payg", base_url=beacon_url) as client:
        assert_every_beacon(client.transcribe(path))


@pytest.mark.parametrize("name", ["mp3", "wav"])
def test_every_beacon_arrives_where_nobody_pauses(
    name: str, tmp_path: Path, beacon_url: str
) -> None:
    """Where pieces have to overlap, what was heard twice is there once, and nothing is lost."""
    path = write(FORMATS[name], tmp_path / f"rattling.{name}", 60, has_pauses=False)
    cut = list(cut_pieces(probe(path), max_bytes=path.stat().st_size, target_seconds=20))
    assert [bool(piece.overlap) for piece in cut] == [False, *[True] * (len(cut) - 1)]
    with ApertisAudio("sk-payg", base_url=beacon_url) as client:
        assert_every_beacon(client.transcribe(path, piece_seconds=20), 60)
