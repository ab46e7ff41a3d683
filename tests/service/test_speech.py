"""What the service answers when it speaks."""

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
    """Each format arrives as that format, with its duration known, in whichever way."""
    place = [tmp_path / f"morning.{response_format}"] if verb == "save_speech" else []
    answer = run(client, verb, TEXT, *place, response_format=response_format)
    if verb == "stream_speech":
        found, duration = audio.identify_speech(b"".join(answer), response_format)
    else:
        found, duration = answer.format, answer.duration
        assert answer.media_type.startswith("audio/")
    assert found == response_format
    assert 0.4 < duration < 3


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


def test_saved_by_its_name(client: ApertisAudio, run: Run, tmp_path: Path) -> None:
    """A saved speech is a file in the format its name tells."""
    saved = run(client, "save_speech", TEXT, tmp_path / "morning.wav")
    assert (tmp_path / "morning.wav").stat().st_size == saved.size
    assert saved.format == "wav"


@pytest.mark.parametrize("verb", ["speak", "stream_speech", "save_speech"])
def test_in_parts(
    service: Service, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """A text of more than one request becomes one sound, all of it."""
    monkeypatch.setattr(speech_job, "MAX_SPEECH_CHARACTERS", 40)
    place = [tmp_path / "morning.mp3"] if verb == "save_speech" else []
    with ApertisAudio(service.api_key, base_url=service.base_url, max_concurrency=1) as client:
        answer = run(client, verb, IN_PARTS, *place, response_format="mp3")
    sound = tmp_path / "morning.mp3" if place else answer.audio if verb == "speak" else None
    found, duration = audio.identify_speech(sound or b"".join(answer), "mp3")
    assert found == "mp3"
    assert 3 < duration < 10
