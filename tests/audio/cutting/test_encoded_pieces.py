"""Pieces that are made smaller for a slow line are encoded when they are sent."""

import io
from pathlib import Path
from typing import Any, Literal, cast

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.packet import Packet

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


def damaged(codec: str, seconds: int, begin: int, end: int) -> bytes:
    """Return noise in Matroska, with packets between two seconds that cannot be decoded."""
    file, noise = io.BytesIO(), np.random.default_rng(1).normal(0, 0.1, 48_000).astype("float32")
    with av.open(file, "w", format="matroska") as muxer:
        stream = cast("Any", muxer.add_stream(codec, rate=48_000, layout="mono"))
        for second in range(seconds):
            frame = AudioFrame.from_ndarray(noise.reshape(1, -1), "fltp", "mono")
            frame.sample_rate, frame.pts = 48_000, second * 48_000
            for packet in stream.encode(frame if second < seconds - 1 else None):
                at = (packet.pts or 0) / 48_000
                muxer.mux_one(damage(packet) if begin <= at < end else packet)
    return file.getvalue()


def damage(packet: "Packet[Any]") -> Any:
    """Return a packet of the same size and time that is nothing but ones."""
    other: Any = Packet(b"\xff" * packet.size)
    other.pts, other.dts, other.duration = packet.pts, packet.dts, packet.duration
    other.time_base, other.stream = packet.time_base, packet.stream
    return other


@pytest.mark.parametrize("upload_format", ["auto", "opus"])
def test_nothing_can_be_decoded(upload_format: Literal["auto", "opus"]) -> None:
    """A recording of which nothing can be decoded is refused, and not cut into no pieces."""
    recording = probe(damaged("ac3", 5, -1, 5))
    with pytest.raises(RecordingError, match="contains no audio that can be decoded"):
        list(cut_pieces(recording, max_bytes=10**8, upload_format=upload_format))


def test_a_damaged_piece_is_silent() -> None:
    """A piece of which nothing can be decoded is silence as long as the piece."""
    pieces = cut(damaged("aac", 60, 15, 45))
    seconds = [inspect_audio(piece_bytes(piece)).seconds for piece in pieces]
    assert seconds == pytest.approx([piece.end - piece.start for piece in pieces], abs=0.05)
