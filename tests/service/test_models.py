"""What the service answers about itself."""

import pytest

from apertis_audio_tools import MODELS, ApertisAudio
from support.sync_async import Run

pytestmark = pytest.mark.vcr


def test_names(client: ApertisAudio, run: Run) -> None:
    """The documented models are among those it names."""
    assert set(MODELS) <= set(run(client, "models"))
