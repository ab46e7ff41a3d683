"""Recordings in every container and codec are cut exactly where the pieces say."""

import functools
import io
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from apertis_audio_tools.audio import Piece, cut_pieces, probe
from apertis_audio_tools.audio.timing.extent import measure_extent
from apertis_audio_tools.errors import ConfigurationError, RecordingError, UnsupportedError
from support.meeting_recordings import (
    FORMATS,
    SAMPLE_RATE,
    STANDUP,
    Sound,
    content,
    encode,
    heard,
    offset_error,
    remuxed,
    with_cover,
)

MILLISECOND = 0.001
EVERYTHING = 100_000_000
SECONDS = 24


@pytest.fixture(scope="session")
def meeting() -> Sound:
    """Some of the example meeting."""
    return heard(STANDUP)[: SECONDS * SAMPLE_RATE]


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the recordings of all tests are."""
    return tmp_path_factory.mktemp("recordings")


def made(folder: Path, name: str, sound: Sound) -> Path:
    """The meeting in a format, encoded once."""
    path = folder / f"meeting.{name}"
    return path if path.exists() else encode(FORMATS[name], path, sound)


@functools.cache
def all_of(path: Path) -> Sound:
    """What is heard in a recording that several tests cut."""
    return heard(path)


def assert_covered(found: list[Piece], start: float, end: float) -> None:
    """The pieces begin where the recording does, end where it ends, and leave nothing out."""
    assert found[0].start == pytest.approx(start, abs=0.06)
    assert found[-1].end == pytest.approx(end, abs=0.1)
    for before, after in pairwise(found):
        assert after.start + after.overlap == pytest.approx(before.end)


@pytest.mark.parametrize("name", FORMATS)
def test_pieces_are_where_they_say(name: str, folder: Path, meeting: Sound) -> None:
    """Each piece, decoded by itself, is the recording at its start to a millisecond."""
    path = made(folder, name, meeting)
    whole = all_of(path)
    found = list(cut_pieces(probe(path), max_bytes=EVERYTHING, max_seconds=10))
    assert len(found) >= 3
    assert_covered(found, 0, len(whole) / SAMPLE_RATE)
    for piece in found:
        assert not piece.overlap
        assert piece.end - piece.start <= 10
        assert offset_error(whole, piece) < MILLISECOND
        assert probe((piece.upload.name, content(piece))).is_accepted
        assert len(content(piece)) == piece.upload.size


@pytest.mark.parametrize(
    "name", ["mp3", "mp3.mkv", "m4a", "ogg", "vorbis.ogg", "24bit.wav", "flac", "wma"]
)
def test_no_piece_is_larger_than_allowed(name: str, folder: Path, meeting: Sound) -> None:
    """What containers add to the packets is counted."""
    path = made(folder, name, meeting)
    most = min(path.stat().st_size // 4, 300_000)
    found = list(cut_pieces(probe(path), max_bytes=most))
    assert len(found) >= 3
    assert all(len(content(piece)) <= most for piece in found)
    assert_covered(found, 0, len(all_of(path)) / SAMPLE_RATE)


@pytest.mark.parametrize("upload_format", ["mp3", "opus"])
@pytest.mark.parametrize("name", ["24bit.wav", "m4a", "ogg"])
def test_pieces_can_be_made_smaller(
    name: str, upload_format: Literal["mp3", "opus"], folder: Path, meeting: Sound
) -> None:
    """Encoded for a slow line, a recording is far smaller and its pieces are as exact."""
    path = made(folder, name, meeting)
    found = list(
        cut_pieces(probe(path), max_bytes=EVERYTHING, max_seconds=10, upload_format=upload_format)
    )
    if name == "ogg" and upload_format == "mp3":
        assert found[0].upload.name.endswith(".ogg"), "mp3 would save nothing"
    assert sum(piece.upload.size for piece in found) < SECONDS * 33_000 / 8
    whole = all_of(path)
    assert all(offset_error(whole, piece) < MILLISECOND for piece in found)


@pytest.mark.parametrize("name", ["mp3", "m4a", "ogg", "webm", "flac", "wav", "mpeg"])
def test_what_fits_is_sent_as_it_is(name: str, folder: Path, meeting: Sound) -> None:
    """A recording within the limits is one piece: its own bytes, from disk."""
    path = made(folder, name, meeting)
    (found,) = cut_pieces(probe(path), max_bytes=path.stat().st_size, max_seconds=SECONDS + 1)
    assert content(found) == path.read_bytes()
    assert found.upload.name == path.name
    assert (found.start, found.overlap) == (0, 0)
    assert found.end == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.parametrize("container", ["ogg", "webm"])
def test_vorbis_blocks_of_two_sizes(container: str, folder: Path) -> None:
    """What libvorbis writes (ffmpeg -c:a libvorbis) has long and short blocks; both are counted."""
    original = Path(__file__).with_name("libvorbis.ogg")
    path = remuxed(original, folder / f"libvorbis.{container}")
    whole = heard(original)
    found = list(cut_pieces(probe(path), max_bytes=EVERYTHING, max_seconds=8))
    assert_covered(found, 0, len(whole) / SAMPLE_RATE)
    assert all(offset_error(whole, piece) < MILLISECOND for piece in found)


@pytest.mark.parametrize(("name", "suffix"), [("mkv", "m4a"), ("mp3.mkv", "mp3"), ("aac", "m4a")])
def test_a_container_the_service_does_not_take_is_changed(
    name: str, suffix: str, folder: Path, meeting: Sound
) -> None:
    """A small recording in another container is one piece in a container that is taken."""
    path = made(folder, name, meeting)
    (found,) = cut_pieces(probe(path), max_bytes=EVERYTHING)
    assert found.upload.name == f"{path.stem}.{suffix}"
    assert offset_error(all_of(path), found) < MILLISECOND


def test_pieces_of_a_wished_length(folder: Path, meeting: Sound) -> None:
    """Pieces for passages are about as long as wished, and end in pauses."""
    found = list(cut_pieces(probe(made(folder, "mp3", meeting)), max_bytes=10**8, target_seconds=7))
    assert all(4 < piece.end - piece.start <= 7 * 4 / 3 for piece in found[:-1])
    assert not any(piece.overlap for piece in found)


def test_speech_without_a_pause_is_cut_with_an_overlap(folder: Path) -> None:
    """Where nobody pauses, the end of a piece is repeated by the next, and it says so."""
    rng = np.random.default_rng(1)
    hiss = np.convolve(rng.normal(0, 1_500, SAMPLE_RATE * 20), np.ones(8), "same")
    path = encode(FORMATS["mp3"], folder / "steady.mp3", hiss)
    whole = heard(path)
    found = list(cut_pieces(probe(path), max_bytes=EVERYTHING, max_seconds=8))
    assert [round(piece.overlap, 1) for piece in found] == [0, *[2.0] * (len(found) - 1)]
    assert_covered(found, 0, 20)
    assert all(offset_error(whole, piece) < MILLISECOND for piece in found)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0])
def test_wav_of_unknown_size(size: int, folder: Path, meeting: Sound) -> None:
    """A streamed wav does not know its size; its samples are all there."""
    data = bytearray(made(folder, "wav", meeting).read_bytes())
    struct.pack_into("<I", data, data.index(b"data") + 4, size)
    found = list(cut_pieces(probe(bytes(data)), max_bytes=EVERYTHING, max_seconds=10))
    assert_covered(found, 0, SECONDS)
    assert measure_extent(probe(bytes(data))).seconds == pytest.approx(SECONDS, abs=MILLISECOND)


def test_what_follows_the_samples_is_no_sound(folder: Path, meeting: Sound) -> None:
    """Chunks before and after the samples of a wav are not sent as sound."""
    data = (
        made(folder, "wav", meeting).read_bytes() + b"LIST" + struct.pack("<I", 4000) + b"x" * 4000
    )
    found = list(cut_pieces(probe(data), max_bytes=EVERYTHING, max_seconds=10))
    samples = b"".join(content(piece)[44:] for piece in found)
    assert samples == data[data.index(b"data") + 8 : -4008]


@pytest.mark.parametrize("name", ["mp3", "mpga", "ogg", "webm", "flac", "wav", "aac", "mpeg"])
def test_a_truncated_recording_is_cut_up_to_its_end(
    name: str, folder: Path, meeting: Sound
) -> None:
    """What is there of a recording whose end is missing comes out whole, whatever its head says."""
    path = made(folder, name, meeting)
    data = path.read_bytes()[: path.stat().st_size // 2 + 77]
    whole = heard(data)
    found = list(cut_pieces(probe(data), max_bytes=EVERYTHING, max_seconds=8))
    assert_covered(found, 0, len(whole) / SAMPLE_RATE)
    assert measure_extent(probe(data)).seconds == pytest.approx(found[-1].end, abs=0.1)
    cut_through = SAMPLE_RATE // 10  # decoders hear what lies in memory after half a packet
    assert all(offset_error(whole, piece, but=cut_through) < MILLISECOND for piece in found)


@pytest.mark.parametrize("name", ["mp3", "m4a", "ogg", "flac", "wma"])
def test_damage_does_not_stop_the_cut(name: str, folder: Path, meeting: Sound) -> None:
    """Three hundred damaged bytes cost a moment of sound, and nothing of what comes later."""
    path = made(folder, name, meeting)
    data = bytearray(path.read_bytes())
    at = len(data) // 3
    data[at : at + 300] = np.random.default_rng(1).bytes(300)
    found = list(cut_pieces(probe(bytes(data)), max_bytes=EVERYTHING, max_seconds=8))
    # An Ogg page of a second is lost as a whole, and the one after it may be.
    assert_covered(found, 0, found[-1].end)
    assert found[-1].end == pytest.approx(SECONDS, abs=2.1)
    heard_again = np.concatenate([heard(content(piece)) for piece in found])
    assert len(heard_again) / SAMPLE_RATE == pytest.approx(SECONDS, abs=2.2)


def test_a_chained_ogg_is_all_there(folder: Path, meeting: Sound) -> None:
    """Ogg files after one another, even in different codecs, are one recording."""
    parts = [made(folder, name, meeting) for name in ("ogg", "vorbis.ogg", "ogg")]
    data = b"".join(path.read_bytes() for path in parts)
    recording = probe(("chained.ogg", data))
    whole = np.concatenate([all_of(path) for path in parts])
    found = list(cut_pieces(recording, max_bytes=EVERYTHING, max_seconds=30))
    assert recording.duration == pytest.approx(3 * SECONDS, abs=0.2)
    assert measure_extent(recording).seconds == pytest.approx(3 * SECONDS, abs=0.2)
    assert_covered(found, 0, len(whole) / SAMPLE_RATE)
    assert all(offset_error(whole, piece) < 2 * MILLISECOND for piece in found)


@pytest.mark.parametrize("name", ["mp3", "flac"])
def test_a_cover_picture_is_no_sound(name: str, folder: Path, meeting: Sound) -> None:
    """Cover art neither stops nor shifts anything."""
    path = with_cover(made(folder, name, meeting))
    whole = heard(path)
    found = list(cut_pieces(probe(path), max_bytes=EVERYTHING, max_seconds=10))
    assert len(found) >= 3
    assert all(offset_error(whole, piece) < MILLISECOND for piece in found)


def test_a_short_chain_is_made_one_file(folder: Path, meeting: Sound) -> None:
    """A chained recording that would fit is encoded anew all the same: many decoders stop early."""
    data = made(folder, "ogg", meeting).read_bytes() * 2
    (found,) = cut_pieces(probe(("chained.ogg", data)), max_bytes=EVERYTHING)
    assert len(heard(content(found))) / SAMPLE_RATE == pytest.approx(2 * SECONDS, abs=0.2)


@pytest.mark.parametrize("name", ["mp3", "ogg", "wav"])
def test_pieces_are_sent_at_once_and_again(name: str, folder: Path, meeting: Sound) -> None:
    """Pieces of a file object can be read by many threads at once while later ones are cut."""
    data = made(folder, name, meeting).read_bytes()
    alone = [content(piece) for piece in cut_pieces(probe(data), max_bytes=10**8, max_seconds=8)]
    with ThreadPoolExecutor(4) as pool:
        made_later = cut_pieces(probe(io.BytesIO(data)), max_bytes=10**8, max_seconds=8)
        sent = [[pool.submit(content, piece) for _ in range(3)] for piece in made_later]
        together = [{attempt.result() for attempt in attempts} for attempts in sent]
    # An Ogg stream has a number of its own each time, so its bytes differ from run to run.
    assert [len(attempts) for attempts in together] == [1] * len(alone)
    assert [len(data) for attempts in together for data in attempts] == [len(a) for a in alone]
    if name != "ogg":
        assert together == [{data} for data in alone]


def test_a_closed_piece_cannot_be_sent(folder: Path, meeting: Sound) -> None:
    """Closing a piece gives its disk space back; reading it then is an error in words."""
    piece = next(cut_pieces(probe(made(folder, "ogg", meeting)), max_bytes=10**8, max_seconds=10))
    piece.close()
    with pytest.raises(RecordingError, match="cannot be read any more"):
        piece.upload.read(piece.upload.open(), piece.upload.size)


def test_closing_early_leaves_no_thread_and_no_file_open(folder: Path, meeting: Sound) -> None:
    """Closing the iterator early is enough; what was made stays readable."""
    before = {*threading.enumerate()}
    found = cut_pieces(probe(made(folder, "m4a", meeting)), max_bytes=10**8, max_seconds=8)
    first = next(found)
    found.close()
    assert {*threading.enumerate()} <= before
    assert len(content(first)) == first.upload.size


@pytest.mark.parametrize("setting", ["max_bytes", "max_seconds", "target_seconds"])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_limits_have_to_be_above_nothing(setting: str, value: float) -> None:
    """A limit that is not above 0 is refused at once."""
    limits: dict[str, Any] = {"max_bytes": 10**8, setting: value}
    with pytest.raises(ConfigurationError, match=setting):
        cut_pieces(probe(STANDUP), **limits)


@pytest.mark.parametrize("name", ["mp3", "ogg", "wav", "flac"])
def test_limits_that_hold_nothing_are_refused(name: str, folder: Path, meeting: Sound) -> None:
    """A limit too small for a second of sound is refused with the reason."""
    with pytest.raises(UnsupportedError, match="too small"):
        list(cut_pieces(probe(made(folder, name, meeting)), max_bytes=500))


def test_duration_of_a_program_stream() -> None:
    """The head of an MPEG file guesses; the packets know."""
    clip = Path(__file__).parents[2] / "clips" / "clip.mpeg"
    assert probe(clip).duration == pytest.approx(len(heard(clip)) / SAMPLE_RATE, abs=0.001)
