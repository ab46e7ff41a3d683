"""Ends of models: the table, the key's own list, and the warning before the end."""

import warnings
from datetime import date

import pytest

from apertis_audio_tools import MODELS, APIStatusError, ModelRetirementWarning
from support.fake_clock import DatedClock
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_error, respond_json
from support.sync_async import Run
from support.tiny_recordings import tiny_recording

TEXT = respond_json({"text": "hello"})
LISTED = respond_json(
    {
        "data": [
            {"id": "whisper-1", "shutdown_date": "2027-03-05"},
            {"id": "whisper-large-v3", "shutdown_date": None},
            {"id": "gpt-transcribe", "shutdown_date": {"a": "riddle"}},
            {"id": "tts-1", "shutdown_date": 1799107200},
            {"id": "parrot", "shutdown_date": "soon"},
        ]
    }
)
DEPRECATED = [{"id": "parrot", "is_deprecated": True}, {"id": "tts-1", "is_deprecated": False}]


@pytest.mark.parametrize(
    ("name", "day", "successors"),
    [
        ("whisper-1", "2027-02-26", {"gpt-transcribe", "whisper-large-v3"}),
        ("gpt-4o-transcribe", "2027-02-26", {"gpt-transcribe"}),
        ("gpt-4o-mini-transcribe", "2027-02-26", {"gpt-transcribe"}),
        ("tts-1", "2027-01-06", {"gemini-3.8-flash-lite-tts"}),
        ("tts-1-hd", "2027-01-06", {"gemini-3.8-flash-lite-tts"}),
        ("gpt-4o-mini-tts-2025-12-15", "2027-01-06", {"gemini-3.8-flash-lite-tts"}),
        ("gemini-3.1-flash-tts-preview", None, {"gemini-3.8-flash-lite-tts"}),
        ("gpt-4o-audio-preview", "2027-01-20", {"gpt-audio", "gpt-audio-mini"}),
        ("gpt-audio", "2027-01-20", set()),
        ("whisper-large-v3", None, set()),
    ],
)
def test_table(name: str, day: str | None, successors: set[str]) -> None:
    """The ends and successors are those that the providers announced, with their source."""
    row = MODELS[name]
    assert (row.retires and row.retires.isoformat()) == day
    assert set(row.successors) == successors <= set(MODELS)
    assert row.source
    assert row.read_on >= date(2026, 11, 22)


@pytest.mark.parametrize("catalogue", [{"data": DEPRECATED}, {"data": {"items": DEPRECATED}}])
def test_check(run: Run, catalogue: object) -> None:
    """The check compares the table, the key's list, the catalogue and the defaults."""
    with (
        LoopbackServer([LISTED, respond_json(catalogue)]) as server,
        server.client() as audio,
    ):
        found = {each.name: each for each in run(audio, "check_models")}
    assert [each.target for each in server.requests] == [
        "/v1/models",
        "/api/v2/models?page_size=500",
    ]
    whisper, parrot, chat = found["whisper-1"], found["parrot"], found["gpt-4o-audio-preview"]
    assert whisper.retires == date(2027, 3, 5)  # as the key's own list says
    assert whisper.default_of == ("transcribe", "translate")
    assert found["tts-1"].retires == date(2027, 1, 5)
    assert found["tts-1"].successors == ("gemini-3.8-flash-lite-tts",)
    assert (parrot.is_deprecated, parrot.is_ending, parrot.retires) == (True, True, None)
    assert (chat.is_listed, chat.is_ending, chat.default_of) == (False, True, ("chat",))
    assert not found["whisper-large-v3"].is_ending
    assert whisper.successors == ("gpt-transcribe", "whisper-large-v3")
    assert "deprecations page, read on 2026-11-26" in whisper.source.replace(" and model list", "")


def test_check_in_spring(run: Run) -> None:
    """The defaults that are checked are those that are chosen for the key on that day."""
    listed = {"data": [{"id": "whisper-large-v3"}, {"id": "gemini-3.8-flash-lite-tts"}]}
    script = [respond_json(listed), respond_error(404)]
    with LoopbackServer(script) as server, server.client(clock=DatedClock(2027, 3, 1)) as audio:
        found = {each.name: each for each in run(audio, "check_models")}
    assert found["whisper-large-v3"].default_of == ("transcribe", "translate")
    assert found["gemini-3.8-flash-lite-tts"].default_of == ("speak",)
    assert found["gpt-4o-audio-preview"].default_of == ("chat",)
    assert "whisper-1" not in found


def test_check_without_a_catalogue(run: Run) -> None:
    """A gateway without a catalogue has a list of models all the same."""
    with LoopbackServer([LISTED, respond_error(404)]) as server, server.client() as audio:
        assert any(each.name == "whisper-1" for each in run(audio, "check_models"))


def test_check_without_a_list(run: Run) -> None:
    """Without the key's own list there is nothing to check."""
    with LoopbackServer([respond_error(401)]) as server, server.client() as audio:
        with pytest.raises(APIStatusError):
            run(audio, "check_models")
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("day", "sentence"),
    [
        ("2026-11-27", None),
        ("2026-11-28", "whisper-1 retires on 2027-02-26: use gpt-transcribe or whisper-large-v3."),
        ("2027-02-26", "whisper-1 retired on 2027-02-26: use gpt-transcribe or whisper-large-v3."),
    ],
)
def test_warning(run: Run, day: str, sentence: str | None) -> None:
    """From 90 days before its end, the use of a model is warned of, once per process."""
    with LoopbackServer([TEXT]) as server, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            with server.client(clock=DatedClock(*map(int, day.split("-")))) as audio:
                for _ in range(2):
                    run(audio, "transcribe", tiny_recording("a"), model="whisper-1")
    shown = [each for each in caught if each.category is ModelRetirementWarning]
    assert [str(each.message).partition(" See ")[0] for each in shown] == (
        [sentence] if sentence else []
    )
    assert issubclass(ModelRetirementWarning, FutureWarning)


def test_warning_as_error(run: Run) -> None:
    """Nothing is sent to a model that ends if warnings are errors."""
    clock = DatedClock(2027, 1, 1)
    with (
        LoopbackServer([TEXT]) as server,
        server.client(clock=clock) as audio,
        pytest.raises(ModelRetirementWarning),
    ):
        run(audio, "transcribe", tiny_recording("a"), model="whisper-1")
    assert not server.requests
