"""Uncompressed recordings travel as FLAC, sample by sample, if FLAC has all of it."""

import io
import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from apertis_audio_tools.audio import Piece, cut_pieces, probe
from apertis_audio_tools.errors import RecordingError
from support.meeting_recordings import Samples, piece_bytes

_PCM, _FLOAT, _ALAW, _MULAW = 1, 3, 6, 7
_NO_LIMIT = 10**9
_LARGE = 1_000_008
"""Bytes of samples that become FLAC."""


def wav(
    samples: bytes, *, width: int, channels: int = 1, rate: int = 16_000, tag: int = _PCM
) -> bytes:
    """Return a wav file."""
    frame = width * channels
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * frame, frame, width * 8)
    head = b"RIFF" + struct.pack("<I", 36 + len(samples)) + b"WAVEfmt " + struct.pack("<I", 16)
    return head + form + b"data" + struct.pack("<I", len(samples)) + samples


def noise(size: int = _LARGE) -> bytes:
    """Return samples of all values, first loud and then as quiet as they can be."""
    values = np.random.default_rng(1)
    return values.bytes(size // 2) + values.integers(0, 2, size - size // 2, np.uint8).tobytes()


def cut(data: bytes, **options: Any) -> list[Piece]:
    """Return the pieces of a recording, of up to ten seconds."""
    limits = {"max_bytes": _NO_LIMIT, "max_seconds": 10} | options
    return list(cut_pieces(probe(("talk.wav", data)), **limits))


def decoded(file: bytes) -> Samples:
    """Return all samples of a file, of all channels, as its decoder returns them."""
    with av.open(io.BytesIO(file), "r") as container:
        return np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(audio=0)])


@pytest.mark.parametrize(
    ("width", "channels", "rate"),
    [
        (2, 1, 16_000),
        (2, 2, 44_100),
        (3, 1, 48_000),
        (3, 2, 96_000),
        (2, 1, 11_025),
        (2, 1, 192_010),
    ],
)
def test_every_sample_is_sent(width: int, channels: int, rate: int) -> None:
    """The pieces have the samples of the recording: 16 or 24 bits, one channel or two, any rate."""
    data = wav(noise(), width=width, channels=channels, rate=rate)
    pieces = cut(data)
    assert {piece.upload.media_type for piece in pieces} == {"audio/flac"}
    assert [piece.upload.name for piece in pieces] == ["talk.flac"] * len(pieces)
    whole, at = decoded(data), 0
    for piece in pieces:
        at = round(piece.start * rate) * channels
        samples = decoded(piece_bytes(piece))
        assert np.array_equal(samples, whole[at : at + len(samples)])
        assert len(samples) == round((piece.end - piece.start) * rate) * channels
        at += len(samples)
    assert at == len(whole)


def test_eight_bits_are_sent_as_sixteen() -> None:
    """Samples of 8 bits become the 16-bit ones that stand for them."""
    (piece,) = cut(wav(noise(), width=1), max_seconds=None)
    (original,) = cut(wav(noise(), width=1), max_seconds=None, upload_format="original")
    samples = decoded(piece_bytes(piece))
    assert np.array_equal(samples, (decoded(piece_bytes(original)).astype(int) - 128) << 8)
    assert piece.upload.size < original.upload.size * 1.01


@pytest.mark.parametrize(
    "form",
    [
        {"width": 4},
        {"width": 4, "tag": _FLOAT},
        {"width": 8, "tag": _FLOAT},
        {"width": 1, "tag": _ALAW},
        {"width": 1, "tag": _MULAW},
        {"width": 2, "rate": 96_001},
        {"width": 2, "rate": 700_000},
    ],
    ids=str,
)
@pytest.mark.parametrize("limits", [{"max_seconds": None}, {"max_seconds": 1}])
def test_what_flac_does_not_have_is_sent_as_it_is(
    form: dict[str, int], limits: dict[str, float | None]
) -> None:
    """Samples of 32 bits, of floating point and companded ones stay wav, as do odd high rates."""
    pieces = cut(wav(bytes(_LARGE), **form), **limits)
    assert {piece.upload.media_type for piece in pieces} == {"audio/wav"}


@pytest.mark.parametrize(
    ("size", "upload_format", "media_type"),
    [
        (999_998, "auto", "audio/wav"),
        (1_000_000, "auto", "audio/flac"),
        (1_000_000, "original", "audio/wav"),
    ],
)
def test_a_megabyte_is_worth_it(size: int, upload_format: str, media_type: str) -> None:
    """Less than a megabyte of samples is sent as it is, and anything if that is requested."""
    (piece,) = cut(wav(bytes(size), width=2), max_seconds=None, upload_format=upload_format)
    assert piece.upload.media_type == media_type


def test_noise_is_within_the_limit() -> None:
    """Noise, which FLAC cannot compress, is no larger than allowed either."""
    samples = np.random.default_rng(2).bytes(_LARGE)
    for width in (1, 2, 3):
        pieces = cut(wav(samples, width=width), max_bytes=300_000, max_seconds=None)
        assert max(piece.upload.size for piece in pieces) <= 300_000
        assert len(pieces) >= 4


def test_a_recording_that_became_shorter(tmp_path: Path) -> None:
    """A recording that is cut off while it is read is an error, not a shorter piece."""
    path = tmp_path / "talk.wav"
    path.write_bytes(wav(noise(), width=2))
    pieces = cut_pieces(probe(path), max_bytes=_NO_LIMIT, max_seconds=10)
    next(pieces)
    with path.open("r+b") as file:
        file.truncate(500_000)
    with pytest.raises(RecordingError, match="became shorter"):
        list(pieces)
