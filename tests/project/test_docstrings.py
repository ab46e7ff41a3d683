"""The example in the docstring of a public class runs as it is written."""

import doctest
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools.errors import ApertisError
from support.doc_pages import furnish, run_here

PLACES = ("apertis_audio_tools", "apertis_audio_tools.langchain", "apertis_audio_tools.llama_index")
MADE_BY_USERS = {"ApertisAudio", "FileAccess"}
"""Of the core; its other classes are what verbs answer."""


def public_classes(place: str) -> Iterator[type]:
    module = importlib.import_module(place)
    values = [getattr(module, name) for name in module.__all__]
    return (
        each for each in values if isinstance(each, type) and not issubclass(each, ApertisError)
    )


def examples(value: Any) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(inspect.getdoc(value) or "")


CLASSES = [each for place in PLACES for each in public_classes(place)]


@pytest.mark.parametrize("kind", [each for each in CLASSES if examples(each)])
def test_example(
    kind: type, tmp_path: Path, sandbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pasted line by line into a folder with recordings, it raises nothing."""
    monkeypatch.setenv("APERTIS_API_KEY", "sk-reader")
    monkeypatch.setenv("APERTIS_BASE_URL", sandbox_url)
    monkeypatch.chdir(furnish(tmp_path))
    space: dict[str, object] = {"__name__": "__main__"}
    for example in examples(kind):
        run_here(example.source, f"<{kind.__name__}>", "single", space)


@pytest.mark.parametrize("place", PLACES[1:])
def test_every_class_of_a_framework_has_one(place: str) -> None:
    """Who looks up a class of a framework finds how it is used; nobody makes events."""
    without = [each.__name__ for each in public_classes(place) if not examples(each)]
    assert [name for name in without if not name.endswith("Event")] == []


def test_what_users_make_has_one() -> None:
    """Likewise what users make themselves of the core."""
    with_one = {each.__name__ for each in CLASSES if examples(each)}
    assert with_one >= MADE_BY_USERS
