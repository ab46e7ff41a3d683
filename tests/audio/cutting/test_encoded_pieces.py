"""Pieces that are made smaller for a slow line are encoded when they are sent."""

import io
from pathlib import Path

import pytest

from apertis_audio_tools.audio import Piece, Source, cut_pieces, probe
from apertis_audio_tools.errors import RecordingError, UnsupportedError
from support.encoded_recordings import encode_recording, inspect_audio
from support.meeting_recordings import STANDUP, decode_mono, offset_error, piece_bytes

SECONDS = 30
EXTENSIONS = ("wav", "mpga", "m4a", "flac")


@pytest.fixture(scope="module")
def recordings() -> dict[str, bytes]:
    """Return the beginning of the example meeting, in formats that are cut in different ways."""
    samples = decode_mono(STANDUP)[: SECONDS * 16_000].astype("int16").tobytes()
    return {each: encode_recording(each, samples) for each in EXTENSIONS}


def cut(source: Source) -> list[Piece]:
    """Return pieces of up to ten seconds."""
    options = {"max_seconds": 10, "upload_format": "opus"}
    return list(cut_pieces(probe(source), max_bytes=10**8, **options))  # type: ignore[arg-type]


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_pieces_are_encoded_once_when_they_are_needed(
    extension: str, recordings: dict[str, bytes]
) -> None:
    """Cutting encodes nothing; the upload is encoded once, and is where the piece says."""
    data = recordings[extension]
    pieces = cut(data)
    assert not any(piece.is_encoded for piece in pieces)
    whole = decode_mono(data)
    for piece in pieces:
        piece.encode()
        assert piece.is_encoded
        assert piece.upload is piece.upload
        assert offset_error(whole, piece) < 0.001
        properties = inspect_audio(piece_bytes(piece))
        assert (properties.codec, properties.channels) == ("opus", 1)


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_closed_piece_is_not_encoded(extension: str, recordings: dict[str, bytes]) -> None:
    """A piece that was closed before it was encoded cannot be sent, and has freed its space."""
    piece, *_ = cut(recordings[extension])
    piece.close()
    with pytest.raises(RecordingError, match="cannot be read any more"):
        piece.encode()


def test_a_recording_that_became_shorter(tmp_path: Path, recordings: dict[str, bytes]) -> None:
    """A recording that is cut off between cutting and encoding is an error, not less audio."""
    path = tmp_path / "talk.wav"
    path.write_bytes(recordings["wav"])
    *_, last = cut(path)
    with path.open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(RecordingError, match="became shorter"):
        last.encode()


def test_a_limit_below_a_second(recordings: dict[str, bytes]) -> None:
    """A limit that no second of the encoded audio fits into is refused with the reason."""
    with pytest.raises(UnsupportedError, match="too small"):
        list(cut_pieces(probe(recordings["wav"]), max_bytes=20_000, upload_format="opus"))


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_size_of_the_encoded_audio_counts(extension: str, recordings: dict[str, bytes]) -> None:
    """The limit in bytes is that of what is sent, not of what it is made of."""
    pieces = cut_pieces(
        probe(io.BytesIO(recordings[extension])), max_bytes=150_000, upload_format="mp3"
    )
    sizes = [piece.upload.size for piece in pieces]
    assert max(sizes) <= 150_000
    assert len(sizes) == 1
