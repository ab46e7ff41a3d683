"""Engines of the sandbox are chosen by name."""

from typing import cast, get_args

import pytest

from apertis_audio_tools.sandbox import RECOGNISERS, RecogniserName, Sandbox


def test_every_engine_can_be_named() -> None:
    """The names that type checkers accept are those there are."""
    assert set(get_args(RecogniserName)) == set(RECOGNISERS)


def test_an_unknown_engine_is_refused() -> None:
    """A name that no engine has is refused with those there are, before anything is served."""
    sandbox = Sandbox(recogniser=cast("RecogniserName", "oracle"))
    with pytest.raises(ValueError, match=r"'oracle', only: pocketsphinx, beacon"), sandbox:
        pytest.fail("It was served.")


@pytest.mark.parametrize("name", get_args(RecogniserName))
def test_a_named_engine_serves(name: RecogniserName) -> None:
    """A sandbox can be entered, and again, with each engine."""
    sandbox = Sandbox(recogniser=name)
    for _ in range(2):
        with sandbox as url:
            assert url.startswith("http://127.0.0.1:")
