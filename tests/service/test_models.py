"""The list of models of the service."""

import pytest

from apertis_audio_tools import MODELS, ApertisAudio
from support.sync_async import Run

pytestmark = pytest.mark.vcr


def test_check(client: ApertisAudio, run: Run) -> None:
    """The check knows the end of a listed model."""
    (whisper,) = [each for each in run(client, "check_models") if each.name == "whisper-1"]
    assert whisper.is_listed
    assert whisper.is_ending
    assert whisper.successors


def test_names(client: ApertisAudio, run: Run) -> None:
    """The list contains the documented models."""
    assert set(MODELS) <= set(run(client, "models"))
