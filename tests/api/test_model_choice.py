"""The best of the models of a key for what is asked."""

from datetime import date
from typing import Any

import pytest

from apertis_audio_tools import MODELS, NotFoundError
from apertis_audio_tools.api.model_choice import ModelChooser
from apertis_audio_tools.api.model_lifecycle import ModelLifecycles
from apertis_audio_tools.api.model_list import ListedModel
from apertis_audio_tools.api.options import ModelNeed
from apertis_audio_tools.models import DEFAULT_MODELS

EARLY, LATE = date(2026, 1, 1), date(2027, 3, 1)
ALL = tuple(MODELS)
ALIVE = tuple(name for name, row in MODELS.items() if row.retires is None)


def chooser(names: tuple[str, ...] | None, today: date = EARLY) -> ModelChooser:
    listed = None if names is None else [ListedModel(name) for name in names]
    return ModelChooser(ModelLifecycles(listed), today)


@pytest.mark.parametrize(
    ("need", "names", "today", "best"),
    [
        ({"operation": "transcribe"}, ALL, EARLY, "whisper-1"),
        ({"operation": "transcribe"}, ALL, LATE, "whisper-large-v3"),
        ({"operation": "transcribe"}, ALL, date(2026, 12, 1), "whisper-large-v3"),
        ({"operation": "transcribe"}, ("gpt-transcribe", "whisper-1"), EARLY, "whisper-1"),
        ({"operation": "transcribe"}, ("gpt-transcribe", "whisper-1"), LATE, "gpt-transcribe"),
        ({"operation": "transcribe", "response_format": "srt"}, ALL, LATE, "whisper-large-v3"),
        ({"operation": "transcribe", "response_format": "json"}, ALL, EARLY, "whisper-1"),
        ({"operation": "transcribe", "language": "ja"}, ALL, EARLY, "gpt-4o-transcribe"),
        ({"operation": "transcribe", "language": "ja"}, ALL, LATE, "whisper-large-v3"),
        ({"operation": "transcribe", "language": "de"}, ALL, EARLY, "whisper-1"),
        (
            {"operation": "transcribe", "language": "ja", "response_format": "srt"},
            ALL,
            EARLY,
            "whisper-1",
        ),
        ({"operation": "transcribe", "languages": ("de", "en")}, ALL, EARLY, "gpt-transcribe"),
        ({"operation": "translate"}, ALIVE, EARLY, "whisper-large-v3"),
        ({"operation": "speak", "voice": "nova"}, ALL, EARLY, "tts-1"),
        ({"operation": "speak", "voice": "nova"}, ALL, LATE, "gemini-3.8-flash-lite-tts"),
        ({"operation": "speak", "voice": "Kore"}, ALL, EARLY, "gemini-3.8-flash-lite-tts"),
        ({"operation": "speak", "voice": "Kore"}, ("tts-1", "parrot"), EARLY, "tts-1"),
        ({"operation": "speak", "instructions": True}, ALL, EARLY, "gpt-4o-mini-tts-2025-12-15"),
        ({"operation": "chat", "has_audio": True}, ALL, EARLY, "gpt-4o-audio-preview"),
        (
            {"operation": "chat", "has_audio": True},
            ("gpt-audio", "gpt-4.1-mini"),
            LATE,
            "gpt-audio",
        ),
        ({"operation": "chat"}, ALL, EARLY, "gpt-4.1-mini"),
        ({"operation": "chat"}, ("gpt-audio", "parrot"), EARLY, "gpt-audio"),
        (
            {"operation": "transcribe", "language": "ja", "seconds": 1300.0},
            ALL,
            EARLY,
            "whisper-1",
        ),
    ],
)
def test_best(need: dict[str, Any], names: tuple[str, ...], today: date, best: str) -> None:
    """The best model can do what is asked, does not end soon, knows the language, gives times."""
    assert chooser(names, today).choose(ModelNeed(**need)) == best


@pytest.mark.parametrize(
    ("need", "default", "later"),
    [
        ("transcribe", "whisper-1", "whisper-large-v3"),
        ("translate", "whisper-1", "whisper-large-v3"),
        ("speak", "tts-1", "gemini-3.8-flash-lite-tts"),
        ("chat", "gpt-4o-audio-preview", "gpt-4.1-mini"),
    ],
)
def test_without_a_list(need: Any, default: str, later: str) -> None:
    """Without a list it is the default until its end, then the first model that has none."""
    assert chooser(None).choose(ModelNeed(operation=need)) == default
    assert chooser(None, LATE).choose(ModelNeed(operation=need)) == later
    assert chooser(None, date(2027, 1, 5)).choose(ModelNeed(operation=need)) == default


def test_nothing_left_without_a_list() -> None:
    """Without a list, the default is tried although it has ended, if nothing else is known."""
    need = ModelNeed(operation="chat", has_audio=True)
    assert chooser(None, LATE).choose(need) == "gpt-4o-audio-preview"


@pytest.mark.parametrize("operation", ["transcribe", "translate", "speak", "chat"])
def test_nothing_suits(operation: Any) -> None:
    """If no listed model is known, the default is tried until its end; then the error says so."""
    need = ModelNeed(operation=operation)
    assert chooser(("parrot",)).choose(need) == DEFAULT_MODELS[operation]
    with pytest.raises(NotFoundError, match=rf"no model that is known to {operation}\. .*retired"):
        chooser(("parrot",), LATE).choose(need)


def test_no_successor() -> None:
    """The error for audio chat says that it has ended upstream, without a successor."""
    with pytest.raises(NotFoundError) as caught:
        chooser(ALIVE, LATE).choose(ModelNeed(operation="chat", has_audio=True))
    assert str(caught.value) == (
        "This key has no model that is known to chat with audio. gpt-4o-audio-preview retired on "
        "2027-01-20: no successor is announced. Transcribe the clips, send their text to a chat "
        "model and speak its reply, or name a model that hears and speaks with model=."
    )
    assert caught.value.code == "model_not_found"
