"""Time stamps that jump: later audio keeps its time."""

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
from support.beacon_recordings import BeaconFormat, write_beacons
from support.meeting_recordings import (
    FORMATS,
    SAMPLE_RATE,
    STANDUP,
    MeetingFormat,
    Samples,
    decode_mono,
    encode_meeting,
    offset_error,
)

NO_LIMIT = 10**8
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
"""Function that returns the new time stamp of a packet, or None to drop the packet."""


@pytest.fixture(scope="module")
def meeting() -> Samples:
    """Return the beginning of the example meeting."""
    return decode_mono(STANDUP)[: SECONDS * SAMPLE_RATE]


def drop_three_seconds(seconds: float) -> float | None:
    """Drop three seconds."""
    return None if 8 <= seconds < 11 else seconds


def add_a_minute(seconds: float) -> float:
    """Move all that follows by a minute, as if the recorder had been paused."""
    return seconds if seconds < 10 else seconds + 60


def restamp(path: Path, container: str, stamp: Stamp) -> bytes:
    """Return a copy of a recording with other time stamps."""
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
def test_missing_audio_becomes_silence(name: str, tmp_path: Path, meeting: Samples) -> None:
    """Three missing seconds become three seconds of silence."""
    path = encode_meeting(FORMATS[name], tmp_path / f"meeting.{name}", meeting)
    whole = decode_mono(path)
    whole[8 * SAMPLE_RATE : 11 * SAMPLE_RATE] = 0
    recording = probe(restamp(path, GAPPY[name], drop_three_seconds))
    (piece,) = cut_pieces(recording, max_bytes=NO_LIMIT)
    assert piece.end == pytest.approx(SECONDS, abs=0.15)
    assert measure_extent(recording).seconds == pytest.approx(SECONDS, abs=0.15)
    # An Ogg page has the time of its end: audio in the page after a lost one is up to 1 s off.
    if name != "ogg":
        assert offset_error(whole, piece) < 6 * CENTISECOND
    assert np.abs(samples_between(piece.upload.open().read(), 9.3, 10.7)).max() < 50


def samples_between(data: bytes, start: float, end: float) -> Samples:
    """Return the samples between two times."""
    return decode_mono(data)[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)]


@pytest.mark.parametrize("name", ["webm", "m4a", "mkv"])
def test_after_a_long_gap_a_new_piece_begins(name: str, tmp_path: Path, meeting: Samples) -> None:
    """A minute without audio is not sent, and the audio on both sides keeps its time."""
    path = encode_meeting(FORMATS[name], tmp_path / f"meeting.{name}", meeting)
    whole = decode_mono(path)
    apart = np.concatenate([whole[: 10 * SAMPLE_RATE], np.zeros(60 * SAMPLE_RATE), whole[160_000:]])
    recording = probe(restamp(path, GAPPY[name], add_a_minute))
    before, after = cut_pieces(recording, max_bytes=NO_LIMIT)
    assert before.end == pytest.approx(10, abs=0.15)
    assert after.start == pytest.approx(70, abs=0.15)
    assert after.overlap == 0
    assert after.end == pytest.approx(SECONDS + 60, abs=0.15)
    assert measure_extent(recording).seconds == pytest.approx(SECONDS + 60, abs=0.15)
    for piece in (before, after):
        assert offset_error(apart, piece) < 6 * CENTISECOND


def drop_a_late_second(seconds: float) -> float | None:
    """Drop a second near the end."""
    return None if 18 <= seconds < 19 else seconds


@pytest.mark.parametrize("name", ["webm", "m4a", "mkv"])
def test_audio_before_a_gap_is_copied(name: str, tmp_path: Path, meeting: Samples) -> None:
    """Only audio after a gap is re-encoded, and nothing is lost between the two."""
    path = encode_meeting(FORMATS[name], tmp_path / f"meeting.{name}", meeting)
    whole = decode_mono(path)
    whole[18 * SAMPLE_RATE : 19 * SAMPLE_RATE] = 0
    recording = probe(restamp(path, GAPPY[name], drop_a_late_second))
    pieces = list(cut_pieces(recording, max_bytes=NO_LIMIT, max_seconds=7))
    reencoded = [piece.upload.media_type == "audio/flac" for piece in pieces]
    assert reencoded == sorted(reencoded)
    assert (reencoded[0], reencoded[-1]) == (False, True)
    assert [piece.number for piece in pieces] == list(range(len(pieces)))
    assert all(a.end == pytest.approx(b.start + b.overlap) for a, b in pairwise(pieces))
    assert pieces[-1].end == pytest.approx(SECONDS, abs=0.15)
    for piece in pieces:
        assert offset_error(whole, piece) < 6 * CENTISECOND


def test_short_pieces_around_a_gap(tmp_path: Path, meeting: Samples) -> None:
    """Re-encoded audio begins within the last copied piece, even if that is short."""
    path = encode_meeting(FORMATS["webm"], tmp_path / "meeting.webm", meeting)
    recording = probe(restamp(path, GAPPY["webm"], drop_a_late_second))
    pieces = list(cut_pieces(recording, max_bytes=NO_LIMIT, max_seconds=0.5))
    assert all(a.start < b.start for a, b in pairwise(pieces))
    assert all(a.end == pytest.approx(b.start + b.overlap) for a, b in pairwise(pieces))


def add_a_month(seconds: float) -> float:
    """Move time stamps by more than a month, as if the clock had been set."""
    return seconds if seconds < 10 else seconds + 3_000_000


def test_time_stamps_far_ahead_are_ignored(tmp_path: Path, meeting: Samples) -> None:
    """Time stamps that jump by weeks are not taken for a gap."""
    path = encode_meeting(FORMATS["mp3.mkv"], tmp_path / "meeting.mkv", meeting)
    shifted = probe(restamp(path, "matroska", add_a_month))
    pieces = list(cut_pieces(shifted, max_bytes=NO_LIMIT, max_seconds=10))
    assert pieces[-1].end == pytest.approx(SECONDS, abs=0.15)
    assert all(a.end == pytest.approx(b.start + b.overlap) for a, b in pairwise(pieces))


def test_without_gaps_nothing_is_reencoded(tmp_path: Path, meeting: Samples) -> None:
    """Time stamps that are rounded to milliseconds are not taken for gaps."""
    form = MeetingFormat("flv", "aac", bit_rate=64_000)
    path = encode_meeting(form, tmp_path / "meeting.flv", meeting)
    assert {p.upload.media_type for p in cut_pieces(probe(path), max_bytes=NO_LIMIT)} == {
        "audio/mp4"
    }


@pytest.mark.parametrize("container", ["adts", "flv", "mpegts"])
def test_damaged_aac(container: str, tmp_path: Path) -> None:
    """Damaged packets cost a moment, whatever error the decoder or the new container returns."""
    form = BeaconFormat(container, "aac", 44_100, 64_000)
    content = write_beacons(form, tmp_path / "talk", 4).read_bytes()
    for number in range(12):
        start = len(content) * (number + 5) // 25
        damaged = content[:start] + content[start + 700 + 37 * number :]
        for upload_format in ("auto", "opus"):
            pieces = cut_pieces(probe(damaged), max_bytes=NO_LIMIT, upload_format=upload_format)
            assert sum(piece.end - piece.start for piece in pieces) > 7
