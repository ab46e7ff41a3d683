"""The list of models of the service."""

import pytest

from apertis_audio_tools import MODELS, ApertisAudio
from support.sync_async import Run

pytestmark = pytest.mark.vcr


def test_names(client: ApertisAudio, run: Run) -> None:
    """The list contains the documented models."""
    assert set(MODELS) <= set(run(client, "models"))
