"""All of a file that was joined byte by byte is transcribed, and not only what players play."""

import struct

import pytest

from apertis_audio_tools.audio import cut_pieces, probe
from apertis_audio_tools.sandbox import BeaconRecogniser
from support.beacon_recordings import PERIOD_SECONDS, BeaconFormat, beacon_start, write_beacons
from support.encoded_recordings import decode_samples
from support.film_recordings import FilmTrack, write_film
from support.meeting_recordings import piece_bytes

COUNT = 2
SECONDS = COUNT * PERIOD_SECONDS
FORMATS = {
    "aiff": BeaconFormat("aiff", "pcm_s16be", 16_000),
    "caf": BeaconFormat("caf", "pcm_s16be", 16_000),
    "flac": BeaconFormat("flac", "flac", 16_000),
    "flv": BeaconFormat("flv", "libmp3lame", 44_100, 64_000),
    "m4a": BeaconFormat("ipod", "aac", 32_000, 48_000),
    "mka": BeaconFormat("matroska", "flac", 16_000),
    "mkv": BeaconFormat("matroska", "libopus", 48_000, 32_000),
    "mov": BeaconFormat("mov", "pcm_s16be", 16_000),
    "mp4": BeaconFormat("mp4", "aac", 32_000, 48_000, picture="mpeg4"),
    "tta": BeaconFormat("tta", "tta", 16_000),
    "voc": BeaconFormat("voc", "pcm_s16le", 16_000),
    "w64": BeaconFormat("w64", "pcm_s16le", 16_000),
    "wav": BeaconFormat("wav", "pcm_s16le", 16_000),
    "webm": BeaconFormat("webm", "libopus", 48_000, 32_000),
    "wma": BeaconFormat("asf", "wmav2", 32_000, 64_000),
}
ACCURACY = 0.1
"""Seconds by which a beacon may be late. Encoders add some samples at each end."""


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return a few beacons in each format."""
    folder = tmp_path_factory.mktemp("joined")
    written = (write_beacons(form, folder / name, COUNT) for name, form in FORMATS.items())
    return {path.name: path.read_bytes() for path in written}


def assert_all_heard(content: bytes, parts: int) -> None:
    """Assert that all parts are sent, whole and in pieces, in order and on time."""
    for max_seconds in (None, 5.0):
        pieces = list(cut_pieces(probe(content), max_bytes=10**8, max_seconds=max_seconds))
        heard = [
            (int(each.text), piece.start + each.start)
            for piece in pieces
            for each in BeaconRecogniser().recognise(decode_samples(piece_bytes(piece)))
        ]
        assert [number for number, _ in heard] == [*range(COUNT)] * parts
        for at, (number, start) in enumerate(heard):
            expected = at // COUNT * SECONDS + beacon_start(number)
            assert start == pytest.approx(expected, abs=ACCURACY * parts)
        assert pieces[-1].end == pytest.approx(parts * SECONDS, abs=ACCURACY * parts)


@pytest.mark.parametrize("name", FORMATS)
def test_all_parts_are_sent(name: str, encoded: dict[str, bytes]) -> None:
    """Files of one format that were joined are one recording."""
    assert_all_heard(encoded[name] * 3, 3)


@pytest.mark.parametrize("container", ["flac", "matroska"])
def test_parts_whose_channels_cancel(container: str) -> None:
    """The channels of each part are mixed as that part needs it."""
    tracks = [
        FilmTrack(encoder="flac", gains=gains, layout=layout, count=COUNT)
        for layout, gains in [("stereo", (1.0, 1.0)), ("stereo", (1.0, -1.0)), ("mono", (1.0,))]
    ]
    parts = [write_film(container, [track]) for track in tracks]
    assert_all_heard(b"".join(parts), len(parts))


@pytest.mark.parametrize("names", [("m4a", "mov"), ("mov", "mp4"), ("mka", "mkv")], ids="+".join)
def test_parts_of_different_codecs(names: tuple[str, ...], encoded: dict[str, bytes]) -> None:
    """Parts of one container may have different codecs."""
    assert_all_heard(b"".join(encoded[name] for name in names), len(names))


def test_wave_parts_of_different_formats(encoded: dict[str, bytes]) -> None:
    """Parts of another format than the first are not read, and a note says so."""
    other = encoded["wav"].replace(b"\x80\x3e\0\0", b"\x40\x1f\0\0", 1)
    recording = probe(encoded["wav"] * 2 + other)
    assert recording.duration == pytest.approx(2 * SECONDS)
    assert f"It has {len(other)} bytes behind the audio" in recording.notes[0]


@pytest.mark.parametrize("kind", [b"RF64", b"BW64"])
def test_large_wave_files(kind: bytes, encoded: dict[str, bytes]) -> None:
    """The size of large WAVE files is in another chunk."""
    wav = encoded["wav"]
    at = wav.index(b"data")
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, len(wav) + 28, len(wav) - at - 8, 0, 0)
    large = kind + b"\xff" * 4 + wav[8:12] + sizes + wav[12:at] + b"data" + b"\xff" * 4
    assert_all_heard((large + wav[at + 8 :]) * 2, 2)


def test_copy_of_the_index(encoded: dict[str, bytes]) -> None:
    """An index of MP4 that follows without media is no recording of its own."""
    content = encoded["m4a"]
    recording = probe(content + content[content.index(b"moov") - 4 :])
    assert len(recording.links) == 1


def test_several_sample_descriptions(encoded: dict[str, bytes]) -> None:
    """An MP4 track whose format may change midway is re-encoded, even if it is small."""
    content = with_second_description(encoded["m4a"])
    (piece,) = cut_pieces(probe(content), max_bytes=10**8)
    assert piece.upload.media_type == "audio/flac"
    assert_all_heard(content, 1)


def test_several_codecs_in_a_track(encoded: dict[str, bytes]) -> None:
    """A note says what players leave out of an MP4 track."""
    content = with_second_description(encoded["m4a"])
    second = content.index(b"mp4a", content.index(b"mp4a", content.index(b"stsd")) + 4)
    recording = probe(content[:second] + b"ac-3" + content[second + 4 :])
    assert recording.notes == (
        "Its track describes samples of several codecs (ac-3, mp4a); mp4a is read.",
    )


def with_second_description(content: bytes) -> bytes:
    """Return an MP4 file whose index is at its end, with the description of samples twice."""
    start = content.index(b"stsd") + 12
    (size,) = struct.unpack_from(">I", content, start)
    changed = bytearray(content)
    changed[start:start] = content[start : start + size]
    changed[start - 4 : start] = struct.pack(">I", 2)
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        at = content.index(kind) - 4
        (length,) = struct.unpack_from(">I", content, at)
        struct.pack_into(">I", changed, at, length + size)
    return bytes(changed)
