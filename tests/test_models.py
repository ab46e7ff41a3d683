"""What the models can do, as the API reference says it, and what follows from that."""

import dataclasses

import pytest

from apertis_audio_tools import MODELS, ApertisAudio, Model, UnsupportedError, models
from apertis_audio_tools.models import Capabilities, Operation

ALL_TEXT = {"json", "text", "srt", "vtt", "verbose_json"}
ALL_SOUND = {"mp3", "opus", "aac", "flac", "wav", "pcm"}
WHISPERS = ["whisper-1", "whisper-large-v3", "whisper-large-v3-turbo"]
GPT_TRANSCRIBERS = ["gpt-4o-mini-transcribe", "gpt-4o-transcribe"]
STEERABLE = "gpt-4o-mini-tts-2025-12-15"
GEMINI = "gemini-3.1-flash-tts-preview"
SPEAKERS = ["tts-1", "tts-1-hd", STEERABLE, GEMINI]
LISTENER = "gpt-4o-audio-preview"
VOICES = {"alloy", "echo", "fable", "onyx", "nova", "shimmer"}


def test_names() -> None:
    """The table has the documented models, and no others."""
    assert set(MODELS) == {*WHISPERS, *GPT_TRANSCRIBERS, *SPEAKERS, LISTENER}


@pytest.mark.parametrize(
    ("names", "formats"),
    [
        (WHISPERS, {"transcribe": ALL_TEXT, "translate": ALL_TEXT}),
        (GPT_TRANSCRIBERS, {"transcribe": {"json"}}),
        (SPEAKERS, {"speak": ALL_SOUND}),
    ],
)
def test_formats(names: list[str], formats: dict[str, set[str]]) -> None:
    """Whispers answer in five formats and translate, others in json; speech has six formats."""
    assert all(MODELS[name].formats == formats for name in names)


def test_facts() -> None:
    """The remaining facts of the reference: limits, instructions, voices, chat."""
    assert {name for name, row in MODELS.items() if row.instructions} == {STEERABLE}
    assert {name: row.max_seconds for name, row in MODELS.items() if row.max_seconds} == (
        dict.fromkeys(GPT_TRANSCRIBERS, 1400.0)
    )
    assert {name for name in SPEAKERS if MODELS[name].voices == VOICES} == {*SPEAKERS} - {GEMINI}
    assert {name for name, row in MODELS.items() if "chat" in row.formats} == {LISTENER}
    assert (models.MAX_UPLOAD_BYTES, models.MAX_SPEECH_CHARACTERS) == (26_214_400, 4096)
    assert (models.SPEED_RANGE, models.TEMPERATURE_RANGE) == ((0.25, 4.0), (0.0, 1.0))


def test_sources() -> None:
    """Every row says where it comes from."""
    assert all(row.source for row in MODELS.values())
    assert "1400 s" in MODELS["gpt-4o-transcribe"].source


@pytest.mark.parametrize(
    ("model", "operation", "answer_format", "message"),
    [
        ("tts-1", "transcribe", None, "these models can: gpt-4o-mini-transcribe, .*whisper-1"),
        ("gpt-4o-transcribe", "translate", None, "these models can: whisper-1, whisper-large-v3"),
        ("whisper-1", "speak", None, "these models can: gemini.*tts-1"),
        ("whisper-1", "chat", None, f"these models can: {LISTENER}"),
        (LISTENER, "transcribe", None, "cannot transcribe"),
        ("gpt-4o-transcribe", "transcribe", "srt", "in json, not in srt; whisper-1.* can"),
        ("tts-1", "speak", "m4a", "in aac, flac, mp3, opus, pcm, wav, not in m4a"),
    ],
)
def test_impossible(
    model: str, operation: Operation, answer_format: str | None, message: str
) -> None:
    """A documented model asked for what it cannot do is refused, naming those that can."""
    with pytest.raises(UnsupportedError, match=message):
        Capabilities().require(model, operation, answer_format)


@pytest.mark.parametrize("name", MODELS)
def test_possible(name: str) -> None:
    """All that the table says is possible passes."""
    for operation, formats in MODELS[name].formats.items():
        Capabilities().require(name, operation)
        for each in formats:
            Capabilities().require(name, operation, each)


def test_unknown_model() -> None:
    """A model without a row is the server's to judge, in every respect."""
    capabilities = Capabilities()
    capabilities.require("whisper-9", "speak", "midi")
    capabilities.require_duration("whisper-9", 1e9)
    capabilities.require_instructions("whisper-9")
    capabilities.require_voice("whisper-9", "alloy")
    assert capabilities.best_transcript_format("whisper-9", "transcribe") == "json"


@pytest.mark.parametrize(
    ("model", "operation", "best"),
    [
        ("whisper-1", "transcribe", "verbose_json"),
        ("whisper-large-v3", "translate", "verbose_json"),
        ("gpt-4o-transcribe", "transcribe", "json"),
        ("gpt-4o-transcribe", "translate", "json"),
    ],
)
def test_best_format(model: str, operation: Operation, best: str) -> None:
    """Times are asked for from the models that give them."""
    assert Capabilities().best_transcript_format(model, operation) == best


@pytest.mark.parametrize(
    ("model", "seconds", "passes"),
    [
        ("gpt-4o-transcribe", 1400.0, True),
        ("gpt-4o-transcribe", 1400.1, False),
        ("gpt-4o-mini-transcribe", 36_000.0, False),
        ("gpt-4o-transcribe", None, True),
        ("gpt-4o-transcribe", 0.0, True),
        ("whisper-1", 36_000.0, True),
    ],
)
def test_duration(model: str, seconds: float | None, passes: bool) -> None:  # noqa: FBT001
    """Only a recording known to be longer than the model takes is refused."""
    if passes:
        Capabilities().require_duration(model, seconds)
    else:
        with pytest.raises(UnsupportedError, match="at most 1400 s"):
            Capabilities().require_duration(model, seconds)


def test_instructions() -> None:
    """Instructions pass to the model that follows them, and no other."""
    Capabilities().require_instructions(STEERABLE)
    with pytest.raises(UnsupportedError, match=f"tts-1-hd ignores instructions; {STEERABLE}"):
        Capabilities().require_instructions("tts-1-hd")


@pytest.mark.parametrize("voice", [*sorted(VOICES), "Kore", "ballad", ""])
def test_voices(voice: str) -> None:
    """A voice is refused only where it is known to belong to other models."""
    for model in (*SPEAKERS[:3], "tts-9"):
        Capabilities().require_voice(model, voice)
    if voice in VOICES:
        with pytest.raises(UnsupportedError, match=r"belongs to gpt-4o-mini-tts.*tts-1, tts-1-hd"):
            Capabilities().require_voice(GEMINI, voice)
    else:
        Capabilities().require_voice(GEMINI, voice)


def test_rows_of_ones_own() -> None:
    """A plain merge adds and replaces rows, and leaves the documented table as it is."""
    short = dataclasses.replace(MODELS["whisper-1"], max_seconds=60.0)
    merged = MODELS | {"my-whisper": MODELS["whisper-1"], "whisper-1": short}
    capabilities = Capabilities(merged)
    capabilities.require("my-whisper", "translate", "srt")
    with pytest.raises(UnsupportedError, match="at most 60 s"):
        capabilities.require_duration("whisper-1", 61.0)
    assert "my-whisper" not in MODELS
    assert MODELS["whisper-1"].max_seconds is None


def test_rows_of_ones_own_in_a_client() -> None:
    """A client judges by the table it was given."""
    only = {"parrot": Model({"speak": frozenset({"wav"})})}
    with ApertisAudio("sk-test", models=only) as audio:
        with pytest.raises(UnsupportedError, match="parrot answers speak in wav, not in mp3"):
            audio.speak("Hello.", model="parrot")
        with pytest.raises(UnsupportedError, match="parrot cannot chat; these models can: none"):
            audio.chat("Hello?", model="parrot")


@pytest.mark.parametrize("value", [-0.01, 4.01, float("nan"), float("inf")])
def test_range(value: float) -> None:
    """A number outside its range is refused, and so is one that is none."""
    with pytest.raises(UnsupportedError, match=r"speed is .*; it can be from 0.0 to 4.0"):
        models.require_range("speed", value, (0.0, 4.0))
    for inside in (None, 0.0, 4.0):
        models.require_range("speed", inside, (0.0, 4.0))


def test_choice() -> None:
    """A value outside a documented list is refused, with the list."""
    models.require_choice("format", "wav", {"wav", "mp3"})
    with pytest.raises(UnsupportedError, match="format is 'ogg'; it can be mp3, wav"):
        models.require_choice("format", "ogg", {"wav", "mp3"})
