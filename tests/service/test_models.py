"""The list of models of the service, and the quota of the key."""

import pytest

from apertis_audio_tools import MODELS, ApertisAudio
from support.service_types import Clip
from support.sync_async import Run

pytestmark = pytest.mark.vcr


def test_check(client: ApertisAudio, run: Run) -> None:
    """The check knows the end of a listed model."""
    (whisper,) = [each for each in run(client, "check_models") if each.name == "whisper-1"]
    assert whisper.is_listed
    assert whisper.is_ending
    assert whisper.successors


@pytest.mark.model_list
def test_chosen(client: ApertisAudio, run: Run, clip: Clip) -> None:
    """The model of a verb is chosen from the list, which is requested once."""
    chosen = [run(client, "transcribe", clip("mp3")).model for _ in range(2)]
    assert chosen == ["whisper-1", "whisper-1"]


def test_names(client: ApertisAudio, run: Run) -> None:
    """The list contains the documented models."""
    assert set(MODELS) <= set(run(client, "models"))


def test_balance(client: ApertisAudio, run: Run) -> None:
    """The balance has what was used and what is left."""
    balance = run(client, "balance", period="month")
    assert balance.used is not None
    assert balance.remaining is not None
