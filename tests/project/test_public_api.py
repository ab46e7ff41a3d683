"""The public names of the package, and the cost of importing it."""

import dataclasses
import inspect
import json
import subprocess
import sys
from typing import Any, get_type_hints

import pytest

import apertis_audio_tools
from apertis_audio_tools import ApertisAudio, errors, results
from apertis_audio_tools.api.options import ChatOptions, SpeechOptions, TranscriptionOptions

HEAVY = {
    "av",
    "httpcore",
    "httpx",
    "langchain_core",
    "llama_index",
    "numpy",
    "pydantic",
    "pydantic_core",
    "rich",
    "starlette",
    "tenacity",
    "typer",
    "uvicorn",
}
VERBS = [
    "balance",
    "chat",
    "check_models",
    "estimate",
    "estimate_speech",
    "models",
    "save_speech",
    "speak",
    "stream_chat",
    "stream_speech",
    "transcribe",
    "transcribe_many",
    "translate",
    "translate_many",
]
OPTIONS: dict[str, type[ChatOptions | SpeechOptions | TranscriptionOptions]] = {
    "chat": ChatOptions,
    "estimate": TranscriptionOptions,
    "save_speech": SpeechOptions,
    "speak": SpeechOptions,
    "stream_chat": ChatOptions,
    "transcribe": TranscriptionOptions,
    "transcribe_many": TranscriptionOptions,
}
"""Verbs that also accept their options as one value, as ``verb_with``."""
VERBS_WITH_OPTIONS = {
    **{verb: verb for verb in OPTIONS},
    "estimate_speech": "speak",
    "stream_speech": "speak",
    "translate": "transcribe",
    "translate_many": "transcribe_many",
}


def loaded_by(code: str) -> set[str]:
    """Return the packages that are loaded after some code ran in a new interpreter."""
    finished = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport json, sys; print(json.dumps(list(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
    )
    modules: list[str] = json.loads(finished.stdout)
    return {name.partition(".")[0] for name in modules}


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import apertis_audio_tools", set[str]()),
        ("import apertis_audio_tools; dir(apertis_audio_tools)", set[str]()),
        ("import apertis_audio_tools; apertis_audio_tools.__version__", set[str]()),
        ("from apertis_audio_tools import ApertisError", set[str]()),
        ("from apertis_audio_tools import MODELS", set[str]()),
        ("from apertis_audio_tools import Transcript", {"pydantic", "pydantic_core"}),
    ],
)
def test_lazy(code: str, heavy: set[str]) -> None:
    """Each name loads only the packages it needs; the package itself loads none."""
    assert loaded_by(code) & HEAVY == heavy


def test_client_without_frameworks() -> None:
    """The client needs neither a framework nor an extra."""
    extras = {"langchain_core", "llama_index", "starlette", "typer", "uvicorn"}
    assert loaded_by("from apertis_audio_tools import ApertisAudio") & extras == set()


def test_all() -> None:
    """`__all__` is sorted, without duplicates, and all its names exist."""
    names = apertis_audio_tools.__all__
    constants_first = sorted(names, key=lambda name: (not name.isupper(), name))
    assert names == constants_first
    assert len(names) == len(set(names))
    assert set(names) <= set(dir(apertis_audio_tools))
    for name in names:
        assert getattr(apertis_audio_tools, name) is not None


def test_all_is_complete() -> None:
    """Every error and every result of a verb is public."""
    classes = {
        name
        for module in (errors, results)
        for name, value in vars(module).items()
        if inspect.isclass(value)
        if value.__module__.startswith(module.__name__) and name[0] != "_"
    }
    assert classes <= set(apertis_audio_tools.__all__)


def test_star() -> None:
    """A star import works."""
    namespace: dict[str, Any] = {}
    exec("from apertis_audio_tools import *", namespace)
    assert set(apertis_audio_tools.__all__) <= set(namespace)


def test_unknown_name() -> None:
    """An unknown name raises AttributeError."""
    with pytest.raises(AttributeError, match="has no attribute 'Whisper'"):
        _ = apertis_audio_tools.Whisper
    assert not hasattr(apertis_audio_tools, "_private")


def test_version() -> None:
    """The version is that of the installed package."""
    assert apertis_audio_tools.__version__[0].isdigit()


def test_verbs() -> None:
    """Every public verb has a sync and an async form, and is listed here."""
    methods = dict(inspect.getmembers(ApertisAudio, inspect.isfunction))
    public = {name for name in methods if not name.startswith("_")}
    verbs = (*VERBS, *(f"{verb}_with" for verb in OPTIONS))
    others = {
        "close",
        "aclose",
        "cached_transcript_with",
        "choose_model",
        "encode_clip",
        "gives_times",
    }
    assert public == {*others, *verbs, *(f"a{verb}" for verb in verbs)}


@pytest.mark.parametrize("verb", [*VERBS, *(f"{verb}_with" for verb in OPTIONS)])
def test_sync_and_async(verb: str) -> None:
    """The async form of a verb has the same parameters, and refers to the sync form."""
    sync_verb, async_verb = getattr(ApertisAudio, verb), getattr(ApertisAudio, f"a{verb}")
    assert inspect.signature(sync_verb).parameters == inspect.signature(async_verb).parameters
    assert sync_verb.__doc__
    assert async_verb.__doc__.startswith(f"Async version of `{verb}`")


@pytest.mark.parametrize("verb", VERBS_WITH_OPTIONS)
def test_options(verb: str) -> None:
    """The keyword arguments of a verb are fields of its options, with the same defaults."""
    arguments = inspect.signature(getattr(ApertisAudio, verb)).parameters.values()
    given = {each.name: each.default for each in arguments if each.kind is each.KEYWORD_ONLY}
    options = OPTIONS[VERBS_WITH_OPTIONS[verb]]
    known = {each.name: each.default for each in dataclasses.fields(options)}
    own = {"overwrite": False, "in_order": True, "on_error": "raise", "progress": False}
    limits = {"max_cost": None, "max_audio_seconds": None}
    different: dict[str, dict[str, Any]] = {
        "estimate": {"on_error": "skip", "uplink_mbps": None},
        "save_speech": {"response_format": None},
    }
    assert given.items() <= {**known, **own, **limits, **different.get(verb, {})}.items()


@pytest.mark.parametrize(
    "verb", [name for name in VERBS if not {"stream", "many"} & {*name.split("_")}]
)
def test_results(verb: str) -> None:
    """The sync and the async form of a verb return the same type."""
    sync_verb, async_verb = getattr(ApertisAudio, verb), getattr(ApertisAudio, f"a{verb}")
    given = inspect.signature(sync_verb).return_annotation
    assert given == inspect.signature(async_verb).return_annotation
    assert get_type_hints(sync_verb)["return"] == given
