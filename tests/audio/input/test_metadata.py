"""Recordings with so many tags that reading them takes minutes are refused, and others are read."""

import io
import struct

import pytest

from apertis_audio_tools import RecordingError
from apertis_audio_tools.audio import cut_pieces, probe
from apertis_audio_tools.audio.input import opening_limits as client_limits
from apertis_audio_tools.sandbox import opening_limits as sandbox_limits
from apertis_audio_tools.sandbox.audio_decoding import SAMPLE_RATE, decode
from apertis_audio_tools.sandbox.error_responses import ErrorResponse
from support.hostile.claims import box
from support.hostile.metadata import METADATA, flac_with, ogg_with, vorbis_comments
from support.hostile.samples import muxed, samples

HARMLESS = {
    "flac comments in many blocks",
    "mkv cues",
    "mkv attachments",
    "wav texts",
    "avi index",
    "flv index",
    "mp3 with texts of long names",
    "mp3 with an APE tag",
}
NO_AUDIO = {"aiff texts"}
IN_SANDBOX = ["opus comments", "vorbis comments", "mkv tags", "mp4 tags", "mp4 keys", "mp4 texts"]


@pytest.fixture(autouse=True)
def _short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let opening end after a tenth of the time, to be fast; the limits are in `make hostile`."""
    monkeypatch.setattr(client_limits, "_SECONDS", 0.2)
    monkeypatch.setattr(sandbox_limits, "_MAX_SECONDS", 0.2)


@pytest.mark.parametrize("name", [name for name in METADATA if name not in HARMLESS | NO_AUDIO])
def test_costly_tags(name: str) -> None:
    """A recording whose tags take minutes to read is refused, and the message says what to do."""
    with pytest.raises(RecordingError, match=r"^talk has (so|too) many tags .*; remove them"):
        probe(("talk", METADATA[name]()))


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_harmless_entries(name: str) -> None:
    """A recording with thousands of entries that cost little is read."""
    assert probe(METADATA[name]()).duration >= 0


@pytest.mark.parametrize("name", IN_SANDBOX)
def test_sandbox(name: str) -> None:
    """The sandbox refuses such uploads."""
    with pytest.raises(ErrorResponse, match="could not be decoded"):
        decode(io.BytesIO(METADATA[name]()))


def test_comments_are_hidden_in_the_sandbox() -> None:
    """The sandbox decodes FLAC without its comments."""
    whole = decode(io.BytesIO(samples()["flac"]))
    assert decode(io.BytesIO(METADATA["flac comments"]())) == whole


@pytest.mark.parametrize("make", [flac_with, ogg_with])
def test_ordinary_comments(make: object) -> None:
    """Thirty comments and a picture of two megabytes are read."""
    comments = vorbis_comments(30) + vorbis_comments(1, value=b"a" * (2 << 20))[8:]
    comments = comments[:4] + struct.pack("<I", 31) + comments[8:]
    assert probe(make(comments)).codec in {"flac", "opus"}  # type: ignore[operator]


def _edited(edits: int, seconds: float, each: float) -> bytes:
    """Return a recording of AAC of which parts are played, all of the same length."""
    data = muxed("ipod", "aac", {}, seconds=seconds)
    at = data.index(b"edts") - 4
    (size,) = struct.unpack_from(">I", data, at)
    (movie_rate,) = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)
    (rate,) = struct.unpack_from(">I", data, data.index(b"mdhd") + 16)
    rows = b"".join(
        struct.pack(
            ">IiHH", round(each * movie_rate), round(n * seconds / edits * rate) + 1024, 1, 0
        )
        for n in range(edits)
    )
    new = box(b"edts", box(b"elst", struct.pack(">II", 0, edits), rows))
    changed = bytearray(data[:at] + new + data[at + size :])
    for kind in (b"moov", b"trak"):
        start = changed.index(kind) - 4
        (whole,) = struct.unpack_from(">I", changed, start)
        struct.pack_into(">I", changed, start, whole + len(new) - size)
    return bytes(changed)


def test_many_edits() -> None:
    """A recording cut into hundreds of parts, each played once, is read by client and sandbox."""
    data = _edited(edits=600, seconds=12.0, each=0.02)
    recording = probe(data)
    assert recording.duration == pytest.approx(12.0, abs=0.1)
    assert len(list(cut_pieces(recording, max_bytes=10**6))) == 1
    assert len(decode(io.BytesIO(data))) / 2 / SAMPLE_RATE == pytest.approx(12.0, abs=0.1)


def test_repeated_edits() -> None:
    """A recording that plays itself thousands of times is refused."""
    data = _edited(edits=40_000, seconds=12.0, each=12.0)
    with pytest.raises(RecordingError, match="has too many edits"):
        probe(data)
    with pytest.raises(ErrorResponse, match="could not be decoded"):
        decode(io.BytesIO(data))
