"""Importing the adapter is cheap, and a missing framework is a clear error."""

import subprocess
import sys

import pytest

PREFIX = "import sys; import apertis_audio_tools.llama_index as adapter\n"


def printed(code: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", PREFIX + code],
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stdout.strip()


def test_lazy_import() -> None:
    """The framework is imported when a name of the adapter is first used."""
    assert printed("print('llama_index' in sys.modules, 'httpx' in sys.modules)") == "False False"
    assert "ApertisAudioReader" in printed("print(dir(adapter))")


@pytest.mark.parametrize("name", ["ApertisAudioReader", "ApertisAudioToolSpec"])
def test_without_the_framework(name: str) -> None:
    """Without the framework, the error says how to install it."""
    code = (
        "sys.modules['llama_index'] = None\n"
        f"try: adapter.{name}\n"
        "except ImportError as error: print(error)"
    )
    expected = 'LlamaIndex is not installed: pip install "apertis-audio-tools[llama-index]".'
    assert printed(code) == expected


def test_unknown_names() -> None:
    """An unknown name is an attribute error."""
    code = "try: adapter.Reader\nexcept AttributeError as error: print(error)"
    assert "has no attribute 'Reader'" in printed(code)
