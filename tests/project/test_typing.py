"""Editors and type checkers know the types of everything public."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jedi
import pytest

MIN_COMPLETENESS = 0.99
"""Share of the public symbols whose type is known, as pyright counts them."""


def verify_types() -> dict[str, Any]:
    """Return pyright's report about the types of the installed package."""
    command = [sys.executable, "-m", "pyright", "--outputjson"]
    command += ["--verifytypes", "apertis_audio_tools", "--ignoreexternal"]
    # With --verifytypes, pyright ignores --pythonpath and uses the first interpreter in PATH.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    finished = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )
    report: dict[str, dict[str, Any]] = json.loads(finished.stdout)
    return report["typeCompleteness"]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(importlib.util.find_spec("pyright") is None, reason="pyright is not installed")
def test_public_types_are_known() -> None:
    """Pyright knows the types of nearly all public symbols; a failure lists the others."""
    report = verify_types()
    unknown = [
        f"{symbol['name']}: {symbol['diagnostics'][0]['message']}"
        for symbol in report["symbols"]
        if symbol["isExported"] and not symbol["isTypeKnown"] and symbol["diagnostics"]
    ]
    assert report["completenessScore"] >= MIN_COMPLETENESS, "\n".join(unknown)


@pytest.mark.parametrize(
    ("code", "names"),
    [
        (
            "from apertis_audio_tools import ApertisAudio\nApertisAudio().",
            {"transcribe", "atranscribe", "transcribe_many", "speak", "save_speech", "stream_chat"},
        ),
        (
            "from apertis_audio_tools import ApertisAudio\nApertisAudio().transcribe('a.mp3').",
            {"text", "segments", "passages", "to_srt", "to_timecoded"},
        ),
        (
            "from apertis_audio_tools import ApertisAudio\nApertisAudio().transcribe('a.mp3', ",
            {"model=", "language=", "piece_seconds=", "upload_format=", "track="},
        ),
        (
            "from apertis_audio_tools.langchain import ApertisAudioLoader\nApertisAudioLoader('').",
            {"load", "lazy_load", "failures"},
        ),
        (
            "from apertis_audio_tools.llama_index import ApertisAudioLLM\nApertisAudioLLM().",
            {"chat", "achat", "stream_chat", "complete"},
        ),
    ],
)
def test_jedi_completes(code: str, names: set[str]) -> None:
    """Jedi, which IPython and many editors use, completes names from the source alone."""
    completions = jedi.Script(code).complete()
    assert names <= {each.name_with_symbols for each in completions}
