"""The sandbox hides costly tags, and refuses indexes that claim too much."""

from io import BytesIO

import pytest

from apertis_audio_tools.sandbox.audio_decoding import decode
from apertis_audio_tools.sandbox.audio_screening import screen
from apertis_audio_tools.sandbox.error_responses import ErrorResponse
from support.hostile.claims import CLAIMS
from support.hostile.samples import samples


@pytest.mark.parametrize("name", [name for name in CLAIMS if name.startswith("mp4")])
def test_claims_are_refused(name: str) -> None:
    """An index that claims more than the upload can hold is an invalid file."""
    with pytest.raises(ErrorResponse, match="could not be decoded"):
        decode(BytesIO(CLAIMS[name]()))


@pytest.mark.parametrize("name", [name for name in CLAIMS if not name.startswith("mp4")])
def test_tags_are_hidden(name: str) -> None:
    """An upload with a costly tag is decoded without it."""
    assert decode(BytesIO(CLAIMS[name]()))


@pytest.mark.parametrize("name", samples())
def test_audio_is_unchanged(name: str) -> None:
    """Apart from the tags in front, an upload is decoded as it is, also if it has the letters."""
    data = samples()[name] + b"ID3 are letters"
    assert data.endswith(screen(BytesIO(data)).read())
