"""Recognisers of the sandbox by name."""

from typing import cast, get_args

import pytest

from apertis_audio_tools.sandbox import RECOGNISERS, RecogniserName, Sandbox


def test_names() -> None:
    """The names that type checkers accept are those of the recognisers."""
    assert set(get_args(RecogniserName)) == set(RECOGNISERS)


def test_unknown_name() -> None:
    """An unknown name is refused before anything is served; the error lists the known names."""
    sandbox = Sandbox(recogniser=cast("RecogniserName", "oracle"))
    with pytest.raises(ValueError, match=r"'oracle', only: whisper, beacon"), sandbox:
        pytest.fail("It was served.")


@pytest.mark.parametrize("name", get_args(RecogniserName))
def test_named_recogniser(name: RecogniserName) -> None:
    """A sandbox with a named recogniser can be entered repeatedly."""
    sandbox = Sandbox(recogniser=name)
    for _ in range(2):
        with sandbox as url:
            assert url.startswith("http://127.0.0.1:")
