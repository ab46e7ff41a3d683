"""The examples in docstrings of public classes run as written."""

import doctest
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools.errors import ApertisError
from support.doc_pages import copy_recordings, run_code

MODULES = (
    "apertis_audio_tools",
    "apertis_audio_tools.langchain",
    "apertis_audio_tools.llama_index",
)
MADE_BY_USERS = {"ApertisAudio", "FileAccess"}
"""Classes of the core that users construct; the others are results of verbs."""


def public_classes(name: str) -> Iterator[type]:
    module = importlib.import_module(name)
    values = [getattr(module, name) for name in module.__all__]
    return (
        each for each in values if isinstance(each, type) and not issubclass(each, ApertisError)
    )


def examples(value: Any) -> list[doctest.Example]:
    return doctest.DocTestParser().get_examples(inspect.getdoc(value) or "")


CLASSES = [each for module in MODULES for each in public_classes(module)]


@pytest.mark.parametrize("kind", [each for each in CLASSES if examples(each)])
def test_example(
    kind: type, tmp_path: Path, sandbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example raises nothing when it runs line by line in a folder with recordings."""
    monkeypatch.setenv("APERTIS_API_KEY", "sk-reader")
    monkeypatch.setenv("APERTIS_BASE_URL", sandbox_url)
    monkeypatch.chdir(copy_recordings(tmp_path))
    namespace: dict[str, object] = {"__name__": "__main__"}
    for example in examples(kind):
        run_code(example.source, f"<{kind.__name__}>", "single", namespace)


@pytest.mark.parametrize("module", MODULES[1:])
def test_framework_classes_have_examples(module: str) -> None:
    """Every public class of a framework has an example, except events."""
    without = [each.__name__ for each in public_classes(module) if not examples(each)]
    assert [name for name in without if not name.endswith("Event")] == []


def test_core_classes_have_examples() -> None:
    """Every class of the core that users construct has an example."""
    documented = {each.__name__ for each in CLASSES if examples(each)}
    assert documented >= MADE_BY_USERS
