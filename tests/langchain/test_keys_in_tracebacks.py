"""Invalid settings raise errors whose tracebacks do not contain the API key."""

import traceback
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from apertis_audio_tools import ConfigurationError, FileAccess
from apertis_audio_tools.langchain import (
    ApertisAudioLoader,
    ApertisAudioParser,
    ApertisAudioToolkit,
    ChatApertisAudio,
    SpeakText,
)

NOT_A_NUMBER: Any = "much"
KEY: dict[str, Any] = {"api_key": "sk-never-shown"}


@pytest.mark.parametrize(
    "make",
    [
        lambda: ChatApertisAudio(**KEY, timeout=0),
        lambda: ChatApertisAudio(**KEY, top_p=NOT_A_NUMBER),
        lambda: SpeakText(**KEY, access=FileAccess(output="spoken"), max_wait=0),
        lambda: ApertisAudioToolkit(**KEY),
        lambda: ApertisAudioParser(**KEY, overlap=-1),
        lambda: ApertisAudioParser(**KEY, base_url="nowhere"),
        lambda: ApertisAudioLoader("recordings", **KEY, overlap=-1),
        lambda: ApertisAudioLoader("", **KEY),
    ],
)
def test_frames(make: Callable[[], object]) -> None:
    """No variable of any frame below the caller shows the key."""
    with pytest.raises((ConfigurationError, ValidationError)) as caught:
        make()
    stack = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    frames = [frame for frame in stack if frame.filename != __file__]
    assert frames
    assert not [frame for frame in frames if KEY["api_key"] in str(frame.locals)]
