"""Recordings of any format become clips that a chat message may carry."""

import io
import math
from pathlib import Path

import av
import pytest

from apertis_audio_tools import RecordingError, UnsupportedError
from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio import cut_chat_clip, encode_chat_clip, probe
from apertis_audio_tools.audio.output import chat_clip
from apertis_audio_tools.sandbox.beacons import BEACON_SECONDS, BeaconRecogniser
from support.beacon_recordings import FORMATS, beacon_start, write_beacons
from support.encoded_recordings import decode_samples
from support.film_recordings import FilmTrack, Picture, write_film
from support.wav_files import silent_wav

CLIPS = Path(__file__).parents[2] / "clips"
SUFFIXES = sorted(path.suffix[1:] for path in CLIPS.glob("clip.*"))
SECONDS = 1.24


def clip(suffix: str) -> bytes:
    return (CLIPS / f"clip.{suffix}").read_bytes()


def read(upload: Upload) -> bytes:
    with upload.open() as stream:
        return stream.read()


def decoded_seconds(data: bytes) -> float:
    with av.open(io.BytesIO(data), "r") as container:
        return math.fsum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_chat_audio(suffix: str) -> None:
    """For chat, wav and mp3 stay unchanged, and everything else becomes mp3 of the same length."""
    upload, sent_as = encode_chat_clip(probe(CLIPS / f"clip.{suffix}"))
    data = read(upload)
    assert len(data) == upload.size
    assert read(upload) == data
    assert probe(data).container == sent_as == upload.name.rpartition(".")[2]
    assert decoded_seconds(data) == pytest.approx(decoded_seconds(clip(suffix)), abs=0.05)
    if suffix in {"wav", "mp3"}:
        assert (data, sent_as) == (clip(suffix), suffix)
    else:
        assert sent_as == "mp3"


@pytest.mark.parametrize(("suffix", "start"), [("flac", 5000), ("m4a", 3000), ("ogg", 6000)])
def test_chat_audio_of_damaged_audio(suffix: str, start: int) -> None:
    """Damaged audio becomes silence, and later audio keeps its time."""
    damaged = bytearray(clip(suffix))
    damaged[start : start + 2000] = bytes(2000)
    upload, _ = encode_chat_clip(probe((f"talk.{suffix}", bytes(damaged))))
    assert decoded_seconds(read(upload)) == pytest.approx(SECONDS, abs=0.1)


def test_chat_audio_without_a_whole_packet() -> None:
    """A recording of which nothing can be decoded is an error."""
    flac = bytearray(clip("flac"))
    flac[9000:] = bytes(len(flac) - 9000)
    flac[8000:9000] = bytes(1000)
    with pytest.raises(RecordingError, match=r"talk\.flac (is no audio|contains no audio)"):
        encode_chat_clip(probe(("talk.flac", bytes(flac))))


def test_chained_chat_audio() -> None:
    """All recordings of a chain are in the clip, not only the first."""
    upload, _ = encode_chat_clip(probe(clip("ogg") * 3))
    assert decoded_seconds(read(upload)) == pytest.approx(3 * SECONDS, abs=0.2)


def test_large_chat_audio(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording too large for a message becomes mp3, and is refused if that is too large."""
    monkeypatch.setattr(chat_clip, "_MAX_BYTES", 100_000)  # instead of forty minutes
    upload, sent_as = encode_chat_clip(probe(silent_wav(320_000)))
    assert sent_as == "mp3"
    assert upload.size == pytest.approx(80_000, rel=0.02)
    assert decoded_seconds(read(upload)) == pytest.approx(10, abs=0.1)
    with pytest.raises(UnsupportedError, match=r"^talk\.wav is longer than the .* chat message"):
        encode_chat_clip(probe(("talk.wav", silent_wav(640_000))))


def beacons_in(data: bytes) -> dict[int, float]:
    """Return the numbers of the beacons in a clip, with the seconds at which they begin."""
    found = BeaconRecogniser().recognise(decode_samples(data))
    return {int(segment.text): segment.start for segment in found}


def expected_beacons(start: float, end: float, first: int = 0) -> dict[int, float]:
    """Return the beacons of a recording of 10 that are whole in a part, and when they begin."""
    whole = (at for at in range(10) if start <= beacon_start(at) <= end - BEACON_SECONDS)
    return {first + at: beacon_start(at) - start for at in whole}


@pytest.mark.parametrize("suffix", FORMATS)
def test_part_of_a_recording(suffix: str, tmp_path: Path) -> None:
    """A part has exactly what is played then, within 40 ms, whatever the format."""
    recording = probe(write_beacons(FORMATS[suffix], tmp_path / f"talk.{suffix}", 10))
    for start, end in ((0.0, 4.0), (5.31, 13.87), (16.0, 30.0)):
        part = cut_chat_clip(recording, start, end)
        assert beacons_in(part) == pytest.approx(expected_beacons(start, end), abs=0.04)
        assert decoded_seconds(part) == pytest.approx(min(end, 20.0) - start, abs=0.06)
        assert len(part) < 9_000 * (end - start) + 2_000


def test_part_of_a_track() -> None:
    """A part is of the track that was chosen, with the times of a player."""
    tracks = [FilmTrack(100, start=3.0, count=5), FilmTrack(None, start=3.0, count=5)]
    film = write_film("mp4", tracks, Picture("mpeg4", seconds=10.0))
    for track in (0, "default", "all"):
        recording = probe(film, track=track)
        part = cut_chat_clip(recording, 7.0, 11.0)
        assert beacons_in(part) == pytest.approx(expected_beacons(4.0, 8.0, 100), abs=0.04)
        assert decoded_seconds(cut_chat_clip(recording, 1.0, 5.0)) == pytest.approx(2.0, abs=0.06)
    assert not beacons_in(cut_chat_clip(probe(film, track=1), 7.0, 11.0))


def test_part_that_is_not_there() -> None:
    """A part after the end is an error; one without a length is a moment."""
    recording = probe(("talk.wav", silent_wav(64_000)))
    with pytest.raises(RecordingError, match=r"talk\.wav contains no audio"):
        cut_chat_clip(recording, 5.0, 6.0)
    assert decoded_seconds(cut_chat_clip(recording, 1.0, 1.0)) == pytest.approx(0.1, abs=0.05)
