"""A chosen track reaches the service, and its words have the times of the video."""

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import ApertisAudio, ConfigurationError, RecordingError, Transcript
from support.beacon_recordings import BeaconFormat, write_beacons
from support.film_recordings import COUNT, SECONDS, FilmTrack, Picture, write_film
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json
from support.sync_async import Run

START = 5.0
FILM = (
    "film.mkv",
    write_film(
        "matroska",
        [FilmTrack(0, start=START), FilmTrack(100, start=START, is_default=True)],
        Picture(),
    ),
)


def assert_times(transcript: Transcript, first: int) -> None:
    """Require all beacons of a track, at their times in the video."""
    assert transcript.text.split() == [f"{first + at:05d}" for at in range(COUNT)]
    assert transcript.segments[0].start == pytest.approx(START + 0.72, abs=0.04)
    assert transcript.duration == pytest.approx(START + SECONDS, abs=0.1)
    assert transcript.segments[-1].end <= (transcript.duration or 0)


@pytest.mark.parametrize("options", [{}, {"piece_seconds": 8}], ids=["whole", "cut"])
def test_track_and_start(
    run: Run, beacon_url: str, options: dict[str, Any], tmp_path: Path
) -> None:
    """Each track is transcribed at its time, from the service and from the cache."""
    with ApertisAudio("sk-payg-1234", base_url=beacon_url, cache=tmp_path) as client:
        for _ in range(2):
            assert_times(run(client, "transcribe", FILM, **options), 100)
            assert_times(run(client, "transcribe", FILM, track=0, **options), 0)
        (outcome,) = run(client, "translate_many", [FILM], track=1, **options)
        assert_times(outcome.transcript, 100)


def test_text_without_times(run: Run) -> None:
    """The only passage of a text without times begins within the sound, and the body is kept."""
    reply = respond_json({"text": "Good morning."})
    with LoopbackServer([reply]) as server, server.client() as client:
        transcript = run(client, "transcribe", FILM, model="gpt-4o-transcribe")
    (passage,) = transcript.passages()
    assert START <= passage.start < START + 1
    assert passage.text == "Good morning."
    assert "Good morning." in transcript.raw


def test_notes_are_logged_once(run: Run, beacon_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """One warning names the tracks and the choice, and one the late beginning."""
    with ApertisAudio("sk-payg-1234", base_url=beacon_url) as client:
        run(client, "transcribe", FILM, piece_seconds=8)
    messages = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    tracks, start = messages
    assert "has 2 audio tracks: 0 (aac), 1 (aac). Track 1 is used" in tracks
    assert "begins 5.0 s after" in start
    assert all(each.startswith("film.mkv: ") for each in messages)


def test_invalid_track(run: Run) -> None:
    """A track that does not exist is refused before anything is sent."""
    with LoopbackServer([respond_json({"text": ""})]) as server, server.client() as client:
        with pytest.raises(RecordingError, match="2 audio tracks; track is 2"):
            run(client, "transcribe", FILM, track=2)
        with pytest.raises(ConfigurationError, match="track is -1"):
            run(client, "transcribe", FILM, track=-1)
    assert server.requests == []


@pytest.mark.parametrize("options", [{}, {"piece_seconds": 4}], ids=["whole", "cut"])
@pytest.mark.parametrize("container", ["flac", "matroska"])
def test_file_that_was_cut_off(
    run: Run, beacon_url: str, options: dict[str, Any], container: str, tmp_path: Path
) -> None:
    """A note says that a recording ends before its header says it does."""
    form = BeaconFormat(container, "flac", 16_000)
    content = write_beacons(form, tmp_path / "talk", COUNT).read_bytes()
    with ApertisAudio("sk-payg-1234", base_url=beacon_url, cache=False) as client:
        whole = run(client, "transcribe", ("talk", content), **options)
        half = run(client, "transcribe", ("talk", content[: len(content) // 2]), **options)
    assert whole.notes == ()
    *_, note = half.notes  # the last frame may be damaged
    assert re.match(r"Its audio ends at (9|10) s, and its header says 20 s; it may be", note)


def test_copied_track_in_one_piece(run: Run, beacon_url: str) -> None:
    """Samples that players skip make no difference if a track is copied into one piece."""
    film = write_film("mp4", [FilmTrack(0)], Picture())
    with ApertisAudio("sk-payg-1234", base_url=beacon_url, cache=False) as client:
        transcript = run(client, "transcribe", ("film.mp4", film))
    assert transcript.segments[0].start == pytest.approx(0.72, abs=0.012)
