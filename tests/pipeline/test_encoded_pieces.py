"""Pieces are encoded beside one another, by threads that keep nobody waiting."""

import io
import threading
from typing import Literal

import pytest

from apertis_audio_tools import ApertisAudio
from apertis_audio_tools.concurrency.permits import FairSemaphore
from apertis_audio_tools.pipeline import transcription_runner
from support.beacon_recordings import FORMATS, PERIOD_SECONDS, beacon_start, write_beacons
from support.loopback_server import LoopbackServer
from support.piece_recogniser import uploaded_file
from support.scripted_responses import respond_json
from support.sync_async import Run, run_async

COUNT = round(40 / PERIOD_SECONDS)


class WatchedFile(io.BytesIO):
    """A recording that remembers which threads read it."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.readers = set[threading.Thread]()

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and remember the thread."""
        self.readers.add(threading.current_thread())
        return super().read(size)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return beacons in a wav file."""
    path = tmp_path_factory.mktemp("beacons") / "beacons.wav"
    return write_beacons(FORMATS["wav"], path, COUNT).read_bytes()


@pytest.mark.parametrize(
    ("upload_format", "magic"), [("auto", b"fLaC"), ("opus", b"OggS"), ("mp3", b"ID3")]
)
def test_formats(
    run: Run, recording: bytes, upload_format: Literal["auto", "opus", "mp3"], magic: bytes
) -> None:
    """Each piece is sent in the format, and read by no event loop."""
    file = WatchedFile(recording)
    with LoopbackServer([respond_json({"text": "one"})]) as server, server.client() as audio:
        run(audio, "transcribe", file, piece_seconds=10, upload_format=upload_format)
    files = [uploaded_file(request.body) for request in server.requests]
    assert len(files) >= 4
    assert {each[: len(magic)] for each in files} == {magic}
    if run is run_async:
        assert threading.main_thread() not in file.readers


@pytest.mark.parametrize("encoders", [1, 3])
def test_every_beacon_arrives(
    run: Run,
    recording: bytes,
    beacon_url: str,
    encoders: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With more pieces than processors, each waits for its turn, and none is lost."""
    monkeypatch.setattr(transcription_runner, "_ENCODERS", FairSemaphore(encoders))
    with ApertisAudio("sk-payg-1234", base_url=beacon_url) as audio:
        transcript = run(audio, "transcribe", recording, piece_seconds=5, upload_format="opus")
    assert [each.text for each in transcript.segments] == [f"{each:05d}" for each in range(COUNT)]
    starts = [beacon_start(number) for number in range(COUNT)]
    assert [each.start for each in transcript.segments] == pytest.approx(starts, abs=0.05)
