"""Importing the rim: light, and clear about what is missing."""

import subprocess
import sys

import pytest

PREFIX = "import sys; import apertis_audio_tools.llama_index as rim\n"


def printed(code: str) -> str:
    finished = subprocess.run(
        [sys.executable, "-W", "error", "-c", PREFIX + code],
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stdout.strip()


def test_light() -> None:
    """The framework is imported when a name of the rim is used, not before."""
    assert printed("print('llama_index' in sys.modules, 'httpx' in sys.modules)") == "False False"
    assert "ApertisAudioReader" in printed("print(dir(rim))")


@pytest.mark.parametrize("name", ["ApertisAudioReader", "ApertisAudioToolSpec"])
def test_without_the_framework(name: str) -> None:
    """Whoever has not got it reads in one sentence how to get it."""
    code = (
        "sys.modules['llama_index'] = None\n"
        f"try: rim.{name}\n"
        "except ImportError as error: print(error)"
    )
    expected = 'LlamaIndex is not installed: pip install "apertis-audio-tools[llama-index]".'
    assert printed(code) == expected


def test_unknown_names() -> None:
    """A name that it does not have is an attribute error."""
    code = "try: rim.Reader\nexcept AttributeError as error: print(error)"
    assert "has no attribute 'Reader'" in printed(code)
