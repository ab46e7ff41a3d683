"""Where time stamps jump, what comes later is still where it is."""

import io
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from apertis_audio_tools.audio import cut_pieces, probe
from apertis_audio_tools.audio.timing.extent import measure_extent
from support.meeting_recordings import (
    FORMATS,
    SAMPLE_RATE,
    STANDUP,
    Format,
    Sound,
    encode,
    heard,
    offset_error,
)

EVERYTHING = 10**8
CENTISECOND = 0.01
SECONDS = 24

GAPPY = {
    "ogg": "ogg",
    "webm": "webm",
    "vorbis.webm": "webm",
    "m4a": "ipod",
    "mkv": "matroska",
    "mp3.mkv": "matroska",
    "ts": "mpegts",
}
"""Formats with time stamps, and FFmpeg's names of their containers."""

Stamp = Callable[[float], float | None]
"""When something is to be heard, or None where it is lost."""


@pytest.fixture(scope="module")
def meeting() -> Sound:
    """Some of the example meeting."""
    return heard(STANDUP)[: SECONDS * SAMPLE_RATE]


def lost(seconds: float) -> float | None:
    """Three seconds got lost."""
    return None if 8 <= seconds < 11 else seconds


def paused(seconds: float) -> float:
    """The recorder stood still for a minute."""
    return seconds if seconds < 10 else seconds + 60


def stamped(path: Path, container: str, stamp: Stamp) -> bytes:
    """A copy of a recording with other time stamps."""
    target = io.BytesIO()
    with av.open(str(path), "r") as source, av.open(target, "w", format=container) as copy:
        stream = source.streams.audio[0]
        new = copy.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.pts is None or not packet.size:
                continue
            unit = Fraction(stream.time_base.numerator, stream.time_base.denominator)  # type: ignore[union-attr]
            seconds = stamp(float(packet.pts * unit))
            if seconds is not None:
                packet.stream, packet.pts = new, round(seconds / unit)
                packet.dts = packet.pts
                copy.mux(packet)
    return target.getvalue()


@pytest.mark.parametrize("name", GAPPY)
def test_lost_sound_is_silence(name: str, tmp_path: Path, meeting: Sound) -> None:
    """Where three seconds are missing, there are three seconds of silence."""
    path = encode(FORMATS[name], tmp_path / f"meeting.{name}", meeting)
    whole = heard(path)
    whole[8 * SAMPLE_RATE : 11 * SAMPLE_RATE] = 0
    recording = probe(stamped(path, GAPPY[name], lost))
    (found,) = cut_pieces(recording, max_bytes=EVERYTHING)
    assert found.end == pytest.approx(SECONDS, abs=0.15)
    assert measure_extent(recording).seconds == pytest.approx(SECONDS, abs=0.15)
    # An Ogg page says when it ends: what is in the page after a lost one is up to 1 s off.
    if name != "ogg":
        assert offset_error(whole, found) < 6 * CENTISECOND
    assert np.abs(heard_in(found.upload.open().read(), 9.3, 10.7)).max() < 50


def heard_in(data: bytes, start: float, end: float) -> Sound:
    """What is heard between two times."""
    return heard(data)[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)]


@pytest.mark.parametrize("name", ["webm", "m4a", "mkv"])
def test_after_a_long_gap_a_new_piece_begins(name: str, tmp_path: Path, meeting: Sound) -> None:
    """A minute in which nothing was recorded is not sent, and both its ends are in their places."""
    path = encode(FORMATS[name], tmp_path / f"meeting.{name}", meeting)
    whole = heard(path)
    apart = np.concatenate([whole[: 10 * SAMPLE_RATE], np.zeros(60 * SAMPLE_RATE), whole[160_000:]])
    recording = probe(stamped(path, GAPPY[name], paused))
    before, after = cut_pieces(recording, max_bytes=EVERYTHING)
    assert before.end == pytest.approx(10, abs=0.15)
    assert after.start == pytest.approx(70, abs=0.15)
    assert after.overlap == 0
    assert after.end == pytest.approx(SECONDS + 60, abs=0.15)
    assert measure_extent(recording).seconds == pytest.approx(SECONDS + 60, abs=0.15)
    for piece in (before, after):
        assert offset_error(apart, piece) < 6 * CENTISECOND


def lost_late(seconds: float) -> float | None:
    """A second got lost, late."""
    return None if 18 <= seconds < 19 else seconds


@pytest.mark.parametrize("name", ["webm", "m4a", "mkv"])
def test_what_comes_before_a_gap_is_copied(name: str, tmp_path: Path, meeting: Sound) -> None:
    """Only what comes after is coded anew; not a word is lost between the two."""
    path = encode(FORMATS[name], tmp_path / f"meeting.{name}", meeting)
    whole = heard(path)
    whole[18 * SAMPLE_RATE : 19 * SAMPLE_RATE] = 0
    recording = probe(stamped(path, GAPPY[name], lost_late))
    found = list(cut_pieces(recording, max_bytes=EVERYTHING, max_seconds=7))
    anew = [piece.upload.media_type == "audio/mpeg" for piece in found]
    assert anew == sorted(anew)
    assert (anew[0], anew[-1]) == (False, True)
    assert [piece.number for piece in found] == list(range(len(found)))
    assert all(a.end == pytest.approx(b.start + b.overlap) for a, b in pairwise(found))
    assert found[-1].end == pytest.approx(SECONDS, abs=0.15)
    for piece in found:
        assert offset_error(whole, piece) < 6 * CENTISECOND


def test_short_pieces_around_a_gap(tmp_path: Path, meeting: Sound) -> None:
    """What is coded anew begins within the last piece that was copied, however short that is."""
    path = encode(FORMATS["webm"], tmp_path / "meeting.webm", meeting)
    recording = probe(stamped(path, GAPPY["webm"], lost_late))
    found = list(cut_pieces(recording, max_bytes=EVERYTHING, max_seconds=0.5))
    assert all(a.start < b.start for a, b in pairwise(found))
    assert all(a.end == pytest.approx(b.start + b.overlap) for a, b in pairwise(found))


def ahead(seconds: float) -> float:
    """The clock was set to another month."""
    return seconds if seconds < 10 else seconds + 3_000_000


def test_stamps_far_ahead_are_not_believed(tmp_path: Path, meeting: Sound) -> None:
    """Where the stamps are weeks ahead all at once, the sound goes on all the same."""
    path = encode(FORMATS["mp3.mkv"], tmp_path / "meeting.mkv", meeting)
    moved = probe(stamped(path, "matroska", ahead))
    found = list(cut_pieces(moved, max_bytes=EVERYTHING, max_seconds=10))
    assert found[-1].end == pytest.approx(SECONDS, abs=0.15)
    assert all(a.end == pytest.approx(b.start + b.overlap) for a, b in pairwise(found))


def test_without_gaps_nothing_is_coded_anew(tmp_path: Path, meeting: Sound) -> None:
    """Stamps that are rounded to milliseconds are no gaps."""
    form = Format("flv", "aac", bit_rate=64_000)
    path = encode(form, tmp_path / "meeting.flv", meeting)
    assert {p.upload.media_type for p in cut_pieces(probe(path), max_bytes=EVERYTHING)} == {
        "audio/mp4"
    }
