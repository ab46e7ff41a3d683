"""Recordings in every container and codec are cut exactly where the pieces say."""

import functools
import io
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from apertis_audio_tools.audio import Piece, Source, cut_pieces, probe
from apertis_audio_tools.audio.timing.extent import measure_extent
from apertis_audio_tools.errors import ConfigurationError, RecordingError, UnsupportedError
from support.meeting_recordings import (
    FORMATS,
    SAMPLE_RATE,
    STANDUP,
    Samples,
    add_cover,
    decode_mono,
    encode_meeting,
    offset_error,
    piece_bytes,
    remux,
)

MILLISECOND = 0.001
NO_LIMIT = 100_000_000
SECONDS = 24


@pytest.fixture(scope="session")
def meeting() -> Samples:
    """Return the beginning of the example meeting."""
    return decode_mono(STANDUP)[: SECONDS * SAMPLE_RATE]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the recordings of all tests."""
    return tmp_path_factory.mktemp("recordings")


def encoded(folder: Path, name: str, samples: Samples) -> Path:
    """Return the meeting in a format, encoded once."""
    path = folder / f"meeting.{name}"
    return path if path.exists() else encode_meeting(FORMATS[name], path, samples)


@functools.cache
def decoded(path: Path) -> Samples:
    """Return the samples of a recording that several tests cut."""
    return decode_mono(path)


def assert_covered(pieces: list[Piece], start: float, end: float) -> None:
    """Assert that pieces begin and end with the recording and leave nothing out."""
    assert pieces[0].start == pytest.approx(start, abs=0.06)
    assert pieces[-1].end == pytest.approx(end, abs=0.1)
    for before, after in pairwise(pieces):
        assert after.start + after.overlap == pytest.approx(before.end)


def pieces_of(source: Source, **limits: Any) -> list[Piece]:
    """Return the pieces of a recording, whose times count from its first sample.

    Decoders leave out what encoders put in front, of which not all containers know.
    """
    recording = probe(source)
    return [
        replace(piece, start=piece.start - recording.start, end=piece.end - recording.start)
        for piece in cut_pieces(recording, **limits)
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_pieces_are_where_they_say(name: str, folder: Path, meeting: Samples) -> None:
    """Each piece, decoded by itself, is at its start in the recording to a millisecond."""
    path = encoded(folder, name, meeting)
    whole = decoded(path)
    pieces = pieces_of(path, max_bytes=NO_LIMIT, max_seconds=10)
    assert len(pieces) >= 3
    assert_covered(pieces, 0, len(whole) / SAMPLE_RATE)
    for piece in pieces:
        assert not piece.overlap
        assert piece.end - piece.start <= 10
        assert offset_error(whole, piece) < MILLISECOND
        assert probe((piece.upload.name, piece_bytes(piece))).is_accepted
        assert len(piece_bytes(piece)) == piece.upload.size


@pytest.mark.parametrize(
    "name", ["mp3", "mp3.mkv", "m4a", "ogg", "vorbis.ogg", "24bit.wav", "flac", "wma"]
)
def test_no_piece_is_larger_than_allowed(name: str, folder: Path, meeting: Samples) -> None:
    """The bytes that containers add to packets count."""
    path = encoded(folder, name, meeting)
    most = min(path.stat().st_size // 4, 300_000)
    pieces = pieces_of(path, max_bytes=most)
    assert len(pieces) >= 3
    assert all(len(piece_bytes(piece)) <= most for piece in pieces)
    assert_covered(pieces, 0, len(decoded(path)) / SAMPLE_RATE)


@pytest.mark.parametrize("upload_format", ["mp3", "opus"])
@pytest.mark.parametrize("name", ["24bit.wav", "m4a", "ogg"])
def test_pieces_can_be_made_smaller(
    name: str, upload_format: Literal["mp3", "opus"], folder: Path, meeting: Samples
) -> None:
    """A recording that is re-encoded for a slow line is far smaller, and its pieces are exact."""
    path = encoded(folder, name, meeting)
    pieces = list(
        cut_pieces(probe(path), max_bytes=NO_LIMIT, max_seconds=10, upload_format=upload_format)
    )
    if name == "ogg" and upload_format == "mp3":
        assert pieces[0].upload.name.endswith(".ogg"), "mp3 would save nothing"
    assert sum(piece.upload.size for piece in pieces) < SECONDS * 36_000 / 8
    whole = decoded(path)
    assert all(offset_error(whole, piece) < MILLISECOND for piece in pieces)


@pytest.mark.parametrize("name", ["mp3", "m4a", "ogg", "webm", "flac", "wav"])
def test_small_recording_is_sent_unchanged(name: str, folder: Path, meeting: Samples) -> None:
    """A recording within the limits is one piece of its own bytes."""
    path = encoded(folder, name, meeting)
    (piece,) = cut_pieces(probe(path), max_bytes=path.stat().st_size, max_seconds=SECONDS + 1)
    assert piece_bytes(piece) == path.read_bytes()
    assert piece.upload.name == path.name
    assert (piece.start, piece.overlap) == (0, 0)
    assert piece.end == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.parametrize("container", ["ogg", "webm"])
def test_vorbis_blocks_of_two_sizes(container: str, folder: Path) -> None:
    """Long and short blocks, which libvorbis writes (ffmpeg -c:a libvorbis), are both counted."""
    original = Path(__file__).with_name("libvorbis.ogg")
    path = remux(original, folder / f"libvorbis.{container}")
    whole = decode_mono(original)
    pieces = list(cut_pieces(probe(path), max_bytes=NO_LIMIT, max_seconds=8))
    assert_covered(pieces, 0, len(whole) / SAMPLE_RATE)
    assert all(offset_error(whole, piece) < MILLISECOND for piece in pieces)


@pytest.mark.parametrize(("name", "suffix"), [("mkv", "m4a"), ("mp3.mkv", "mp3"), ("aac", "m4a")])
def test_other_container_is_converted(
    name: str, suffix: str, folder: Path, meeting: Samples
) -> None:
    """A small recording in another container is one piece in an accepted container."""
    path = encoded(folder, name, meeting)
    (piece,) = cut_pieces(probe(path), max_bytes=NO_LIMIT)
    assert piece.upload.name == f"{path.stem}.{suffix}"
    assert offset_error(decoded(path), piece) < MILLISECOND


def test_pieces_of_a_target_length(folder: Path, meeting: Samples) -> None:
    """Pieces have about the target length, and end in pauses."""
    pieces = list(
        cut_pieces(probe(encoded(folder, "mp3", meeting)), max_bytes=10**8, target_seconds=7)
    )
    assert all(4 < piece.end - piece.start <= 7 * 4 / 3 for piece in pieces[:-1])
    assert not any(piece.overlap for piece in pieces)


def test_speech_without_a_pause_is_cut_with_an_overlap(folder: Path) -> None:
    """Without a pause, the next piece repeats the end of a piece, and records the overlap."""
    rng = np.random.default_rng(1)
    noise = np.convolve(rng.normal(0, 1_500, SAMPLE_RATE * 20), np.ones(8), "same")
    path = encode_meeting(FORMATS["mp3"], folder / "steady.mp3", noise)
    whole = decode_mono(path)
    pieces = list(cut_pieces(probe(path), max_bytes=NO_LIMIT, max_seconds=8))
    assert [round(piece.overlap, 1) for piece in pieces] == [0, *[2.0] * (len(pieces) - 1)]
    assert_covered(pieces, 0, 20)
    assert all(offset_error(whole, piece) < MILLISECOND for piece in pieces)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0])
def test_wav_of_unknown_size(size: int, folder: Path, meeting: Samples) -> None:
    """All samples of a streamed wav are used, although its header does not know their size."""
    data = bytearray(encoded(folder, "wav", meeting).read_bytes())
    struct.pack_into("<I", data, data.index(b"data") + 4, size)
    pieces = list(cut_pieces(probe(bytes(data)), max_bytes=NO_LIMIT, max_seconds=10))
    assert_covered(pieces, 0, SECONDS)
    assert measure_extent(probe(bytes(data))).seconds == pytest.approx(SECONDS, abs=MILLISECOND)


def test_chunks_after_the_samples_are_not_audio(folder: Path, meeting: Samples) -> None:
    """Chunks before and after the samples of a wav are not sent as audio."""
    data = (
        encoded(folder, "wav", meeting).read_bytes()
        + b"LIST"
        + struct.pack("<I", 4000)
        + b"x" * 4000
    )
    pieces = list(cut_pieces(probe(data), max_bytes=NO_LIMIT, max_seconds=10))
    samples = b"".join(piece_bytes(piece)[44:] for piece in pieces)
    assert samples == data[data.index(b"data") + 8 : -4008]


@pytest.mark.parametrize("name", ["mp3", "mpga", "ogg", "webm", "flac", "wav", "aac", "mpeg"])
def test_truncated_recording_is_cut_up_to_its_end(
    name: str, folder: Path, meeting: Samples
) -> None:
    """All that is left of a truncated recording is used, whatever its header says."""
    path = encoded(folder, name, meeting)
    data = path.read_bytes()[: path.stat().st_size // 2 + 77]
    whole = decode_mono(data)
    pieces = list(cut_pieces(probe(data), max_bytes=NO_LIMIT, max_seconds=8))
    assert_covered(pieces, 0, len(whole) / SAMPLE_RATE)
    assert measure_extent(probe(data)).seconds == pytest.approx(pieces[-1].end, abs=0.1)
    last_packet = SAMPLE_RATE // 10  # decoders read arbitrary memory after half a packet
    assert all(offset_error(whole, piece, ignored=last_packet) < MILLISECOND for piece in pieces)


@pytest.mark.parametrize("name", ["mp3", "m4a", "ogg", "flac", "wma"])
def test_damage_does_not_stop_the_cut(name: str, folder: Path, meeting: Samples) -> None:
    """Three hundred damaged bytes cost a moment of audio, and nothing of later audio."""
    path = encoded(folder, name, meeting)
    data = bytearray(path.read_bytes())
    at = len(data) // 3
    data[at : at + 300] = np.random.default_rng(1).bytes(300)
    pieces = pieces_of(bytes(data), max_bytes=NO_LIMIT, max_seconds=8)
    # An Ogg page of a second is lost as a whole, and possibly the one after it.
    assert_covered(pieces, 0, pieces[-1].end)
    assert pieces[-1].end == pytest.approx(SECONDS, abs=2.1)
    samples = np.concatenate([decode_mono(piece_bytes(piece)) for piece in pieces])
    assert len(samples) / SAMPLE_RATE == pytest.approx(SECONDS, abs=2.2)


def test_all_of_a_chained_ogg_is_cut(folder: Path, meeting: Samples) -> None:
    """Ogg files after one another, even in different codecs, are one recording."""
    parts = [encoded(folder, name, meeting) for name in ("ogg", "vorbis.ogg", "ogg")]
    data = b"".join(path.read_bytes() for path in parts)
    recording = probe(("chained.ogg", data))
    whole = np.concatenate([decoded(path) for path in parts])
    pieces = list(cut_pieces(recording, max_bytes=NO_LIMIT, max_seconds=30))
    assert recording.duration == pytest.approx(3 * SECONDS, abs=0.2)
    assert measure_extent(recording).seconds == pytest.approx(3 * SECONDS, abs=0.2)
    assert_covered(pieces, 0, len(whole) / SAMPLE_RATE)
    assert all(offset_error(whole, piece) < 2 * MILLISECOND for piece in pieces)


@pytest.mark.parametrize("name", ["mp3", "flac"])
def test_cover_picture_is_ignored(name: str, folder: Path, meeting: Samples) -> None:
    """Cover art neither stops nor shifts anything."""
    path = add_cover(encoded(folder, name, meeting))
    whole = decode_mono(path)
    pieces = list(cut_pieces(probe(path), max_bytes=NO_LIMIT, max_seconds=10))
    assert len(pieces) >= 3
    assert all(offset_error(whole, piece) < MILLISECOND for piece in pieces)


def test_short_chain_becomes_one_file(folder: Path, meeting: Samples) -> None:
    """A chained recording is re-encoded even if it is small, as many decoders stop early."""
    data = encoded(folder, "ogg", meeting).read_bytes() * 2
    (piece,) = cut_pieces(probe(("chained.ogg", data)), max_bytes=NO_LIMIT)
    assert len(decode_mono(piece_bytes(piece))) / SAMPLE_RATE == pytest.approx(2 * SECONDS, abs=0.2)


@pytest.mark.parametrize("name", ["mp3", "ogg", "wav"])
def test_pieces_can_be_read_concurrently_and_again(
    name: str, folder: Path, meeting: Samples
) -> None:
    """Many threads can read pieces of a file object while later pieces are cut."""
    data = encoded(folder, name, meeting).read_bytes()
    alone = [
        piece_bytes(piece) for piece in cut_pieces(probe(data), max_bytes=10**8, max_seconds=8)
    ]
    with ThreadPoolExecutor(4) as pool:
        pieces = cut_pieces(probe(io.BytesIO(data)), max_bytes=10**8, max_seconds=8)
        sent = [[pool.submit(piece_bytes, piece) for _ in range(3)] for piece in pieces]
        together = [{attempt.result() for attempt in attempts} for attempts in sent]
    # An Ogg stream has a random serial number, so that its bytes differ from run to run.
    assert [len(attempts) for attempts in together] == [1] * len(alone)
    assert [len(data) for attempts in together for data in attempts] == [len(a) for a in alone]
    if name != "ogg":
        assert together == [{data} for data in alone]


def test_closed_piece_cannot_be_sent(folder: Path, meeting: Samples) -> None:
    """Closing a piece frees its disk space, and reading it then is a RecordingError."""
    piece = next(
        cut_pieces(probe(encoded(folder, "ogg", meeting)), max_bytes=10**8, max_seconds=10)
    )
    piece.close()
    with pytest.raises(RecordingError, match="cannot be read any more"):
        piece.upload.read(piece.upload.open(), piece.upload.size)


def test_closing_early_leaves_no_thread_and_no_file_open(folder: Path, meeting: Samples) -> None:
    """Closing the iterator early stops everything, and made pieces stay readable."""
    before = {*threading.enumerate()}
    pieces = cut_pieces(probe(encoded(folder, "m4a", meeting)), max_bytes=10**8, max_seconds=8)
    first = next(pieces)
    pieces.close()
    assert {*threading.enumerate()} <= before
    assert len(piece_bytes(first)) == first.upload.size


@pytest.mark.parametrize("setting", ["max_bytes", "max_seconds", "target_seconds"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_limits_have_to_be_above_zero(setting: str, value: float) -> None:
    """A limit that is not above 0 is refused at once."""
    limits: dict[str, Any] = {"max_bytes": 10**8, setting: value}
    with pytest.raises(ConfigurationError, match=setting):
        cut_pieces(probe(STANDUP), **limits)


@pytest.mark.parametrize("name", ["mp3", "ogg", "wav", "flac"])
def test_limits_below_a_second_are_refused(name: str, folder: Path, meeting: Samples) -> None:
    """A limit too small for a second of audio is refused with the reason."""
    with pytest.raises(UnsupportedError, match="too small"):
        list(cut_pieces(probe(encoded(folder, name, meeting)), max_bytes=500))


def test_duration_of_a_program_stream() -> None:
    """The duration of an MPEG file, whose header guesses, is that of its packets."""
    clip = Path(__file__).parents[2] / "clips" / "clip.mpeg"
    assert probe(clip).duration == pytest.approx(len(decode_mono(clip)) / SAMPLE_RATE, abs=0.001)
