"""Recordings of any format become clips that a chat message may carry."""

import io
import math
from pathlib import Path

import av
import pytest

from apertis_audio_tools import RecordingError, UnsupportedError
from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio import encode_chat_clip, probe
from apertis_audio_tools.audio.output import chat_clip
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
