"""Importing the LangChain adapter, with LangChain and without."""

import subprocess
import sys

import pytest

import apertis_audio_tools.langchain as adapter

WITHOUT = """
import sys
sys.modules["langchain_core"] = None
import apertis_audio_tools.langchain as adapter
try:
    adapter.{name}
except ImportError as error:
    print(error)
"""


def test_public_names() -> None:
    """Every name in ``__all__`` exists, and other names do not."""
    for name in adapter.__all__:
        assert getattr(adapter, name).__name__ == name
    assert set(adapter.__all__) <= set(dir(adapter))
    with pytest.raises(AttributeError, match="no attribute 'Loader'"):
        _ = adapter.Loader


def test_import_is_light() -> None:
    """Importing the adapter loads neither LangChain nor the client."""
    code = "import sys, apertis_audio_tools.langchain; print(*sys.modules)"
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert {"langchain_core", "httpx", "av"}.isdisjoint(finished.stdout.split())


@pytest.mark.parametrize("name", ["ApertisAudioLoader", "ApertisAudioToolkit"])
def test_without_langchain(name: str) -> None:
    """Without LangChain, the error names the extra."""
    finished = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(name=name)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout == (
        'LangChain is not installed: pip install "apertis-audio-tools[langchain]".\n'
    )
