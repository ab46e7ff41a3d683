"""Edit lists of MP4 files, which select the samples that are played."""

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
"""Sample rate of the clip in Hz, and samples that its encoder put in front."""
MILLISECONDS = 1_240
EDITS = CLIP.index(b"elst") + len("elst") + 8
"""Position of the only entry of the clip's edit list."""


def edit_clip(milliseconds: int, start: int, speed: int = 1) -> bytes:
    """Return the clip with another edit list."""
    entry = struct.pack(">IiHH", milliseconds, start, speed, 0)
    return CLIP[:EDITS] + entry + CLIP[EDITS + len(entry) :]


def ffmpeg_seconds(recording: bytes) -> float:
    """Return the duration in seconds by FFmpeg, which obeys every edit list."""
    with av.open(io.BytesIO(recording), "r") as container:
        return (container.duration or 0) / 1_000_000


def plain_seconds(recording: bytes) -> float | None:
    return duration_without_priming(io.BytesIO(recording), len(recording))


def test_priming() -> None:
    """Samples that the encoder put around the audio do not count."""
    assert edit_clip(MILLISECONDS, PRIMING) == CLIP
    assert (
        probe(CLIP).duration == plain_seconds(CLIP) == ffmpeg_seconds(CLIP) == MILLISECONDS / 1000
    )


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
    """Any other edit list is left to FFmpeg."""
    recording = edit_clip(milliseconds, start)
    assert plain_seconds(recording) is None
    assert probe(recording).duration == pytest.approx(ffmpeg_seconds(recording), abs=0.001)


def test_another_speed() -> None:
    """Audio that is played faster or slower is left to FFmpeg."""
    assert plain_seconds(edit_clip(MILLISECONDS, PRIMING, speed=2)) is None


@given(
    at=st.integers(0, len(CLIP)),
    replacement=st.binary(max_size=40) | st.sampled_from([b"moov", b"trak", b"\0\0\0\1", b""]),
    is_cut=st.booleans(),
)
def test_broken_boxes(*, at: int, replacement: bytes, is_cut: bool) -> None:
    """Boxes that make no sense do not count as a plain edit list, and raise nothing."""
    rest = b"" if is_cut else CLIP[at + len(replacement) :]
    found = plain_seconds(CLIP[:at] + replacement + rest)
    assert found is None or found > 0


def test_boxes_without_end() -> None:
    """A file of millions of empty boxes is not read to its end."""
    empty = struct.pack(">I4s", 8, b"free")
    stream = io.BytesIO(struct.pack(">I4s", 8, b"ftyp") + empty * 1_000_000)
    assert duration_without_priming(stream, len(stream.getvalue())) is None
    assert stream.tell() < 100_000
