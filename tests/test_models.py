"""The table of models restates the API reference, and requests are checked against it."""

import dataclasses

import pytest

from apertis_audio_tools import (
    MODELS,
    ApertisAudio,
    ConfigurationError,
    Model,
    UnsupportedError,
    models,
)
from apertis_audio_tools.models import Capabilities, Operation

ALL_TEXT = {"json", "text", "srt", "vtt", "verbose_json"}
ALL_AUDIO = {"mp3", "opus", "aac", "flac", "wav", "pcm"}
WHISPERS = ["whisper-1", "whisper-large-v3", "whisper-large-v3-turbo"]
GPT_4O_TRANSCRIBERS = ["gpt-4o-mini-transcribe", "gpt-4o-transcribe"]
GPT_TRANSCRIBERS = [*GPT_4O_TRANSCRIBERS, "gpt-transcribe"]
STEERABLE = "gpt-4o-mini-tts-2025-12-15"
GEMINIS = ["gemini-3.1-flash-tts-preview", "gemini-3.8-flash-lite-tts"]
SPEAKERS = ["tts-1", "tts-1-hd", STEERABLE, *GEMINIS]
LISTENERS = ["gpt-4o-audio-preview", "gpt-audio", "gpt-audio-mini"]
WRITERS = ["gpt-4.1-mini"]
VOICES = {"alloy", "echo", "fable", "onyx", "nova", "shimmer"}


def test_table_has_the_documented_models() -> None:
    """The table has the documented models, their successors, and no others."""
    assert set(MODELS) == {*WHISPERS, *GPT_TRANSCRIBERS, *SPEAKERS, *LISTENERS, *WRITERS}


@pytest.mark.parametrize(
    ("names", "formats"),
    [
        (WHISPERS, {"transcribe": ALL_TEXT, "translate": ALL_TEXT}),
        (GPT_TRANSCRIBERS, {"transcribe": {"json"}}),
        (SPEAKERS, {"speak": ALL_AUDIO}),
    ],
)
def test_formats(names: list[str], formats: dict[str, set[str]]) -> None:
    """Whisper models have five formats and translate, others have json; speech has six formats."""
    assert all(MODELS[name].formats == formats for name in names)


def test_facts() -> None:
    """Limits, instructions, voices and chat are those of the reference."""
    assert {name for name, row in MODELS.items() if row.instructions} == {STEERABLE}
    assert {name: row.max_seconds for name, row in MODELS.items() if row.max_seconds} == (
        dict.fromkeys(GPT_4O_TRANSCRIBERS, 1400.0)
    )
    assert {name for name in SPEAKERS if MODELS[name].voices == VOICES} == {*SPEAKERS} - {*GEMINIS}
    assert {name for name, row in MODELS.items() if row.formats.get("chat")} == {*LISTENERS}
    assert {name for name, row in MODELS.items() if "chat" in row.formats} == {
        *LISTENERS,
        *WRITERS,
    }
    assert (models.MAX_UPLOAD_BYTES, models.MAX_SPEECH_CHARACTERS) == (26_214_400, 4096)
    assert (models.SPEED_RANGE, models.TEMPERATURE_RANGE) == ((0.25, 4.0), (0.0, 1.0))


def test_sources() -> None:
    """Every row names its source."""
    assert all(row.source for row in MODELS.values())
    assert "1400 s" in MODELS["gpt-4o-transcribe"].source


@pytest.mark.parametrize(
    ("model", "operation", "response_format", "message"),
    [
        ("tts-1", "transcribe", None, "these models can: gpt-4o-mini-transcribe, .*whisper-1"),
        ("gpt-4o-transcribe", "translate", None, "these models can: whisper-1, whisper-large-v3"),
        ("whisper-1", "speak", None, "these models can: gemini.*tts-1"),
        ("whisper-1", "chat", None, "these models can: gpt-4.1-mini, gpt-4o-audio-preview"),
        (LISTENERS[0], "transcribe", None, "cannot transcribe"),
        (
            "gpt-4o-transcribe",
            "transcribe",
            "srt",
            "in srt, only in json; these .*: whisper",
        ),
        ("tts-1", "speak", "m4a", r"in m4a, only in aac, flac, mp3, opus, pcm, wav\.$"),
    ],
)
def test_unsupported_requests(
    model: str, operation: Operation, response_format: str | None, message: str
) -> None:
    """A request that the model cannot do is refused, and the error names the models that can."""
    with pytest.raises(UnsupportedError, match=message):
        Capabilities().require_operation(model, operation, response_format)


@pytest.mark.parametrize("name", MODELS)
def test_supported_requests(name: str) -> None:
    """Every operation and format of the table is accepted."""
    for operation, formats in MODELS[name].formats.items():
        Capabilities().require_operation(name, operation)
        for each in formats:
            Capabilities().require_operation(name, operation, each)


def test_unknown_model() -> None:
    """A model without a row passes every check."""
    capabilities = Capabilities()
    capabilities.require_operation("whisper-9", "speak", "midi")
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
    """The best format has times if the model is known to return them."""
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
    """Only a recording known to be longer than the model accepts is refused."""
    if passes:
        Capabilities().require_duration(model, seconds)
    else:
        with pytest.raises(UnsupportedError, match="at most 1400 s"):
            Capabilities().require_duration(model, seconds)


def test_instructions() -> None:
    """Instructions are accepted only for the model that follows them."""
    Capabilities().require_instructions(STEERABLE)
    with pytest.raises(UnsupportedError, match=f"tts-1-hd ignores instructions; {STEERABLE}"):
        Capabilities().require_instructions("tts-1-hd")


@pytest.mark.parametrize("voice", [*sorted(VOICES), "Kore", "ballad", ""])
def test_voices(voice: str) -> None:
    """A voice is refused only if it is known to be of other models."""
    for model in (*SPEAKERS[:3], "tts-9"):
        Capabilities().require_voice(model, voice)
    if voice in VOICES:
        with pytest.raises(UnsupportedError, match=r"voice of gpt-4o-mini-tts.*tts-1, tts-1-hd"):
            Capabilities().require_voice(GEMINIS[0], voice)
    else:
        Capabilities().require_voice(GEMINIS[0], voice)


def test_custom_rows() -> None:
    """A plain merge adds and replaces rows, and does not change the documented table."""
    short = dataclasses.replace(MODELS["whisper-1"], max_seconds=60.0)
    merged = MODELS | {"my-whisper": MODELS["whisper-1"], "whisper-1": short}
    capabilities = Capabilities(merged)
    capabilities.require_operation("my-whisper", "translate", "srt")
    with pytest.raises(UnsupportedError, match="at most 60 s"):
        capabilities.require_duration("whisper-1", 61.0)
    assert "my-whisper" not in MODELS
    assert MODELS["whisper-1"].max_seconds is None


def test_custom_rows_in_a_client() -> None:
    """A client checks requests against the table it was given."""
    only = {"parrot": Model({"speak": frozenset({"wav"})})}
    with ApertisAudio("sk-test-1234", models=only) as audio:
        with pytest.raises(UnsupportedError, match="parrot cannot speak in mp3, only in wav"):
            audio.speak("Hello.", model="parrot")
        with pytest.raises(UnsupportedError, match="parrot cannot chat; these models can: none"):
            audio.chat("Hello?", model="parrot")


@pytest.mark.parametrize("value", [-0.01, 4.01, float("nan"), float("inf")])
def test_range(value: float) -> None:
    """A number outside its range is refused, and so are nan and infinity."""
    with pytest.raises(UnsupportedError, match=r"speed is .*; it can be from 0.0 to 4.0"):
        models.require_range("speed", value, (0.0, 4.0))
    for inside in (None, 0.0, 4.0):
        models.require_range("speed", inside, (0.0, 4.0))


def test_choice() -> None:
    """A value that is not a choice is refused; the error lists the choices."""
    models.require_choice("format", "wav", {"wav", "mp3"})
    with pytest.raises(UnsupportedError, match="format is 'ogg'; it can be mp3, wav"):
        models.require_choice("format", "ogg", {"wav", "mp3"})


def test_track_choice() -> None:
    """A track is default, all, or an index that is not negative."""
    for choice in ("default", "all", 0, 199):
        models.require_track_choice(choice)
    for other in (-1, True, "1", "first", None, 1.0):
        with pytest.raises(ConfigurationError, match=r"track is .*; it is default, all, or"):
            models.require_track_choice(other)
