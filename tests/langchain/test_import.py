"""Importing the LangChain part, with LangChain and without."""

import subprocess
import sys

import pytest

import apertis_audio_tools.langchain as rim

WITHOUT = """
import sys
sys.modules["langchain_core"] = None
import apertis_audio_tools.langchain as rim
try:
    rim.{name}
except ImportError as error:
    print(error)
"""


def test_every_name_is_there() -> None:
    """What is announced can be had, and nothing else."""
    for name in rim.__all__:
        assert getattr(rim, name).__name__ == name
    assert set(rim.__all__) <= set(dir(rim))
    with pytest.raises(AttributeError, match="no attribute 'Loader'"):
        _ = rim.Loader


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    """Importing the part itself loads neither LangChain nor the client."""
    code = "import sys, apertis_audio_tools.langchain; print(*sys.modules)"
    finished = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert {"langchain_core", "httpx", "av"}.isdisjoint(finished.stdout.split())


@pytest.mark.parametrize("name", ["ApertisAudioLoader", "ApertisAudioToolkit"])
def test_without_langchain(name: str) -> None:
    """Without LangChain, one sentence names the extra."""
    finished = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(name=name)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert finished.stdout == (
        'LangChain is not installed: pip install "apertis-audio-tools[langchain]".\n'
    )
