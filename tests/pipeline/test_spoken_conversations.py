"""Two voices that interrupt each other are told apart by their channels, with few words wrong."""

import pytest

from apertis_audio_tools import ApertisAudio
from support.conversations import converse, permuted_error, right_share

NAMES = ("Host", "Guest")


@pytest.mark.parametrize("crosstalk", [-18.0])
def test_words_on_their_channels(sandbox_url: str, crosstalk: float) -> None:
    """Words are on the channel of their speaker; benchmarks/speakers.py measures an hour."""
    meeting = converse(16, crosstalk=crosstalk, seed=3)
    assert any(one.end > other.start for one, other in zip(meeting.turns, meeting.turns[1:]))  # noqa: B905
    with ApertisAudio("sk-payg-1234", base_url=sandbox_url) as client:
        found = client.transcribe(
            ("meeting.wav", meeting.to_wav()), speakers="channels", speaker_names=NAMES
        )
    assert right_share(meeting, found, NAMES) >= 0.98
    assert permuted_error(meeting, found) <= 0.2
    assert {each.speaker for each in found.segments} == {*NAMES}
