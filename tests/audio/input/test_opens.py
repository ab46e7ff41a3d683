"""A recording is opened once, however often it is read, and closed when it is not needed."""

import gc
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from apertis_audio_tools import RecordingError
from apertis_audio_tools.api.request import RequestBody
from apertis_audio_tools.audio import cut_pieces, probe
from apertis_audio_tools.audio.input import sources
from support.hostile.file_open_watch import FileOpenWatch
from support.loopback_server import LoopbackServer
from support.meeting_recordings import FORMATS, SAMPLE_RATE, STANDUP, decode_mono, encode_meeting
from support.open_files import open_files
from support.scripted_responses import respond_json
from support.sync_async import Run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watches files as Linux does")

CLIPS = Path(__file__).parents[2] / "clips"
MP3 = (CLIPS / "clip.mp3").read_bytes()
WHOLE = ["mp3", "flac", "wav", "m4a", "ogg", "webm", "mp4", "mpga", "mpeg"]
CUT = ["mp3", "wav", "m4a", "ogg", "webm", "flac"]
HELD_BYTES = sources._HELD_BYTES


@pytest.fixture(autouse=True)
def _all_files_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold no file in memory."""
    monkeypatch.setattr(sources, "_HELD_BYTES", 0)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Return a short recording."""
    path = tmp_path / "clip.mp3"
    path.write_bytes(MP3)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the long recordings."""
    return tmp_path_factory.mktemp("recordings")


def meeting(folder: Path, name: str) -> Path:
    """Return 24 s of the example meeting in a format, encoded once."""
    path = folder / f"meeting.{name}"
    if not path.exists():
        encode_meeting(FORMATS[name], path, decode_mono(STANDUP)[: 24 * SAMPLE_RATE])
    return path


@pytest.fixture
def _no_garbage_collection() -> Iterator[None]:
    """Switch garbage collection off: only references that end delete anything."""
    gc.disable()
    yield
    gc.enable()


def is_open(path: Path) -> bool:
    """Return whether this process has a descriptor of a file."""
    return str(path) in open_files()


@pytest.mark.parametrize("suffix", WHOLE)
def test_whole_recording_is_opened_once(run: Run, suffix: str, tmp_path: Path) -> None:
    """A recording that is sent unchanged is opened once to examine, hash and send it."""
    path = tmp_path / f"clip.{suffix}"  # a copy: other test processes open the clips as well
    path.write_bytes((CLIPS / path.name).read_bytes())
    with (
        LoopbackServer([respond_json({"text": "Good morning."})]) as server,
        server.client() as client,
        FileOpenWatch(path) as watch,
    ):
        run(client, "transcribe", path)
        assert watch.count() == 1
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", CUT)
def test_cut_recording_is_opened_once(run: Run, name: str, folder: Path) -> None:
    """A recording that is cut is opened once, however many pieces are sent."""
    path = meeting(folder, name)
    with (
        LoopbackServer([respond_json({"text": "Good morning."})]) as server,
        server.client() as client,
        FileOpenWatch(path) as watch,
    ):
        run(client, "transcribe", path, piece_seconds=7)
        assert watch.count() == 1
    assert len(server.requests) > 2


@pytest.mark.usefixtures("_no_garbage_collection")
@pytest.mark.parametrize("name", ["mp3", "ogg"])
def test_recording_is_closed_after_the_last_piece(run: Run, name: str, folder: Path) -> None:
    """When a transcript is there, its recording is not open any more."""
    path = meeting(folder, name)
    with (
        LoopbackServer([respond_json({"text": "Good morning."})]) as server,
        server.client() as client,
    ):
        run(client, "transcribe", path, piece_seconds=7)
        assert not is_open(path)


def test_refused_recording_is_closed(tmp_path: Path) -> None:
    """A file that is not audio is closed, even while its error is kept."""
    path = tmp_path / "notes.mp3"
    path.write_bytes(b"not audio")
    with pytest.raises(RecordingError) as refusal:
        probe(path)
    assert not is_open(path)
    assert "notes.mp3" in str(refusal.value)


def test_closed_recording_can_be_read(clip: Path) -> None:
    """A recording is closed at the end of its context, and opened again to send it."""
    with probe(clip) as recording:
        assert is_open(clip)
    assert not is_open(clip)
    with recording.upload().open() as stream:
        assert stream.read() == MP3
    assert not is_open(clip)
    clip.unlink()
    with pytest.raises(RecordingError, match=r"clip\.mp3 cannot be read: No such file"):
        recording.upload().open()


def test_stream_outlives_its_recording(clip: Path) -> None:
    """A stream can be read to its end although nothing else refers to the recording."""
    stream = probe(clip).upload().open()
    assert stream.read() == MP3


def test_replaced_file_is_sent_as_it_was_examined(clip: Path) -> None:
    """A file that is replaced after it was examined is hashed, cut and sent as it was."""
    recording = probe(clip)
    digest = recording.digest()
    other = clip.with_name("other.mp3")
    other.write_bytes(MP3[::-1])
    other.replace(clip)
    assert recording.digest() == digest
    (piece,) = cut_pieces(recording, max_bytes=10**8)
    with piece.upload.open() as stream:
        assert stream.read() == MP3


def test_truncated_file_is_an_error(clip: Path) -> None:
    """A file that is truncated after it was examined cannot be sent."""
    upload = probe(clip).upload()
    os.truncate(clip, 1000)
    with pytest.raises(RecordingError, match="became shorter while it was sent"):
        list(RequestBody("audio/mpeg", (upload,)).chunks())


def test_small_file_is_read_once(clip: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file is read once: what happens to it later changes nothing."""
    monkeypatch.setattr(sources, "_HELD_BYTES", HELD_BYTES)
    with probe(clip) as recording:
        os.truncate(clip, 1000)
    with recording.upload().open() as stream:
        assert stream.read() == MP3
    clip.write_bytes(MP3)
    with (
        LoopbackServer([respond_json({"text": "Good."})]) as server,
        server.client() as client,
        mock.patch.object(sources._SharedFile, "open") as open_again,
    ):
        run(client, "transcribe", clip)
    assert not open_again.called
    assert MP3 in server.requests[0].body
