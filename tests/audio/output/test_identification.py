"""The format and the duration of speech follow from its bytes."""

from pathlib import Path

import pytest

from apertis_audio_tools import RecordingError
from apertis_audio_tools.audio import identify_speech
from apertis_audio_tools.models import SPEECH_MEDIA_TYPES

CLIPS = Path(__file__).parents[2] / "clips"
SECONDS = 1.24


def clip(suffix: str) -> bytes:
    return (CLIPS / f"clip.{suffix}").read_bytes()


@pytest.mark.parametrize(
    ("suffix", "requested", "identified"),
    [
        ("mp3", "mp3", "mp3"),
        ("ogg", "opus", "opus"),
        ("aac", "aac", "aac"),
        ("flac", "flac", "flac"),
        ("wav", "wav", "wav"),
        ("wav", "pcm", "wav"),
        ("mp3", "wav", "mp3"),
    ],
)
def test_identify(suffix: str, requested: str, identified: str) -> None:
    """Speech is identified by its bytes, whatever was requested."""
    found, duration = identify_speech(clip(suffix), requested)
    assert found == identified
    assert found in SPEECH_MEDIA_TYPES
    assert duration == pytest.approx(SECONDS, abs=0.15)


def test_identify_pcm() -> None:
    """Headerless speech is assumed to be 24 kHz mono of 16 bits."""
    assert identify_speech(bytes(72_000), "pcm") == ("pcm", 1.5)


@pytest.mark.parametrize("content", [clip("mkv"), clip("m4a"), bytes(9999), b"{}"])
def test_identify_nothing(content: bytes) -> None:
    """Bytes in none of the speech formats are an error."""
    with pytest.raises(RecordingError, match=r"not a speech format|not on the list of formats"):
        identify_speech(content, "mp3")


def test_duration_of_a_stream() -> None:
    """The duration of a streamed wav, whose header has no sizes, is that of its samples."""
    wav = bytearray(clip("wav"))
    wav[4:8] = wav[40:44] = b"\xff\xff\xff\xff"
    found, duration = identify_speech(bytes(wav), "wav")
    assert found == "wav"
    assert duration == pytest.approx(SECONDS, abs=0.01)
