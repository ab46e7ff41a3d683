"""Edit lists of mp4 files, which say what part of the samples is played."""

import io
import struct
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apertis_audio_tools.audio import probe
from apertis_audio_tools.audio.input.mp4_edit_lists import duration_without_priming

CLIP = (Path(__file__).parents[2] / "clips" / "clip.m4a").read_bytes()
RATE, PRIMING = 16_000, 1_024
"""Hz of the clip, and samples that its encoder put in front."""
MILLISECONDS = 1_240
EDITS = CLIP.index(b"elst") + len("elst") + 8
"""Where the only entry of its edit list is."""


def edited(milliseconds: int, start: int, speed: int = 1) -> bytes:
    """The clip with another edit list."""
    entry = struct.pack(">IiHH", milliseconds, start, speed, 0)
    return CLIP[:EDITS] + entry + CLIP[EDITS + len(entry) :]


def played(recording: bytes) -> float:
    """Seconds, as FFmpeg has them that obeys every edit list."""
    with av.open(io.BytesIO(recording), "r") as container:
        return (container.duration or 0) / 1_000_000


def understood(recording: bytes) -> float | None:
    return duration_without_priming(io.BytesIO(recording), len(recording))


def test_priming() -> None:
    """What the encoder put around the sound is not part of it."""
    assert edited(MILLISECONDS, PRIMING) == CLIP
    assert probe(CLIP).duration == understood(CLIP) == played(CLIP) == MILLISECONDS / 1000


@pytest.mark.parametrize(
    ("milliseconds", "start"),
    [
        (MILLISECONDS - 500, PRIMING + RATE // 2),
        (MILLISECONDS - 500, PRIMING),
        (MILLISECONDS, 0),
        (MILLISECONDS, -1),
        (2**32 - 1, PRIMING),
    ],
    ids=[
        "hidden beginning",
        "hidden end",
        "nothing hidden",
        "nothing played",
        "more than there is",
    ],
)
def test_other_lists(milliseconds: int, start: int) -> None:
    """Any other list is FFmpeg's to obey."""
    recording = edited(milliseconds, start)
    assert understood(recording) is None
    assert probe(recording).duration == pytest.approx(played(recording), abs=0.001)


def test_another_speed() -> None:
    """Sound that is played faster or slower is FFmpeg's to judge as well."""
    assert understood(edited(MILLISECONDS, PRIMING, speed=2)) is None


@given(
    at=st.integers(0, len(CLIP)),
    bytes_there=st.binary(max_size=40) | st.sampled_from([b"moov", b"trak", b"\0\0\0\1", b""]),
    is_cut=st.booleans(),
)
def test_broken_boxes(*, at: int, bytes_there: bytes, is_cut: bool) -> None:
    """Boxes that make no sense are no plain list, and nothing worse."""
    rest = b"" if is_cut else CLIP[at + len(bytes_there) :]
    found = understood(CLIP[:at] + bytes_there + rest)
    assert found is None or found > 0


def test_boxes_without_end() -> None:
    """A file of millions of empty boxes is not read through."""
    empty = struct.pack(">I4s", 8, b"free")
    stream = io.BytesIO(struct.pack(">I4s", 8, b"ftyp") + empty * 1_000_000)
    assert duration_without_priming(stream, len(stream.getvalue())) is None
    assert stream.tell() < 100_000
