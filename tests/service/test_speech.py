"""What the service answers when it speaks."""

from pathlib import Path

import pytest

from apertis_audio_tools import ApertisAudio
from colours import Run

pytestmark = pytest.mark.vcr

FORMATS = ["mp3", "opus", "aac", "flac", "wav", "pcm"]


@pytest.mark.parametrize("response_format", FORMATS)
def test_format(client: ApertisAudio, run: Run, response_format: str) -> None:
    """Each format arrives as that format, with its duration known."""
    speech = run(client, "speak", "Good morning.", response_format=response_format)
    assert speech.format == response_format
    assert speech.media_type.startswith("audio/")
    assert 0.4 < speech.duration < 3


def test_every_parameter(client: ApertisAudio, run: Run) -> None:
    """All documented parameters are sent, and taken."""
    speech = run(
        client,
        "speak",
        "Good morning.",
        voice="nova",
        model="gpt-4o-mini-tts-2025-12-15",
        response_format="mp3",
        speed=1.25,
        instructions="Cheerful.",
    )
    assert speech.audio
    assert speech.request_id


@pytest.mark.parametrize("voice", ["alloy", "echo", "fable", "onyx", "nova", "shimmer"])
def test_voice(client: ApertisAudio, run: Run, voice: str) -> None:
    """Each documented voice speaks."""
    assert run(client, "speak", "Yes.", voice=voice, response_format="opus").duration > 0.1


@pytest.mark.parametrize("model", ["tts-1-hd", "gemini-3.1-flash-tts-preview"])
def test_model(client: ApertisAudio, run: Run, model: str) -> None:
    """The other speech models speak, with a voice of their own where they have others."""
    voice = "Kore" if model.startswith("gemini") else "onyx"
    speech = run(client, "speak", "Yes.", model=model, voice=voice, response_format="opus")
    assert speech.duration > 0.1


def test_stream(client: ApertisAudio, run: Run) -> None:
    """A streamed speech is the bytes of a sound file."""
    chunks = run(client, "stream_speech", "Good morning.", response_format="flac")
    assert b"".join(chunks).startswith(b"fLaC")


def test_save(client: ApertisAudio, run: Run, tmp_path: Path) -> None:
    """A saved speech is a file in the format its name tells."""
    saved = run(client, "save_speech", "Good morning.", tmp_path / "morning.wav")
    assert (tmp_path / "morning.wav").stat().st_size == saved.size
    assert saved.format == "wav"
    assert 0.4 < saved.duration < 3
