"""Speech synthesis by the service."""

from pathlib import Path

import pytest

from apertis_audio_tools import ApertisAudio, audio
from apertis_audio_tools.pipeline import speech_job
from support.cassettes.plugin import Service
from support.sync_async import Run

pytestmark = pytest.mark.vcr

FORMATS = ["mp3", "opus", "aac", "flac", "wav", "pcm"]
TEXT = "Good morning."
IN_PARTS = "Good morning to all of you. The meeting is tomorrow at noon."


@pytest.mark.parametrize("response_format", FORMATS)
@pytest.mark.parametrize("verb", ["speak", "stream_speech", "save_speech"])
def test_format(
    client: ApertisAudio, run: Run, tmp_path: Path, verb: str, response_format: str
) -> None:
    """Every verb returns audio in the requested format, with its duration."""
    path = [tmp_path / f"morning.{response_format}"] if verb == "save_speech" else []
    speech = run(client, verb, TEXT, *path, response_format=response_format)
    if verb == "stream_speech":
        audio_format, duration = audio.identify_speech(b"".join(speech), response_format)
    else:
        audio_format, duration = speech.format, speech.duration
        assert speech.media_type.startswith("audio/")
    assert audio_format == response_format
    assert 0.4 < duration < 3


def test_every_parameter(client: ApertisAudio, run: Run) -> None:
    """The service accepts all documented parameters."""
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
    """The service has every documented voice."""
    assert run(client, "speak", "Yes.", voice=voice, response_format="opus").duration > 0.1


@pytest.mark.parametrize("model", ["tts-1-hd", "gemini-3.1-flash-tts-preview"])
def test_model(client: ApertisAudio, run: Run, model: str) -> None:
    """The other speech models work, with voices of their own where they have others."""
    voice = "Kore" if model.startswith("gemini") else "onyx"
    speech = run(client, "speak", "Yes.", model=model, voice=voice, response_format="opus")
    assert speech.duration > 0.1


def test_saved_by_its_name(client: ApertisAudio, run: Run, tmp_path: Path) -> None:
    """The suffix of a saved file determines its format."""
    saved = run(client, "save_speech", TEXT, tmp_path / "morning.wav")
    assert (tmp_path / "morning.wav").stat().st_size == saved.size
    assert saved.format == "wav"


@pytest.mark.parametrize("verb", ["speak", "stream_speech", "save_speech"])
def test_in_parts(
    service: Service, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """A text that needs several requests becomes one complete audio file."""
    monkeypatch.setattr(speech_job, "MAX_SPEECH_CHARACTERS", 40)
    path = [tmp_path / "morning.mp3"] if verb == "save_speech" else []
    with ApertisAudio(service.api_key, base_url=service.base_url, max_concurrency=1) as client:
        speech = run(client, verb, IN_PARTS, *path, response_format="mp3")
    content = tmp_path / "morning.mp3" if path else speech.audio if verb == "speak" else None
    audio_format, duration = audio.identify_speech(content or b"".join(speech), "mp3")
    assert audio_format == "mp3"
    assert 3 < duration < 10
