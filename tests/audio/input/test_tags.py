"""Tags between and behind the frames of a file are no audio, whatever their covers look like."""

import functools
import io
import random
import struct
from collections.abc import Callable

import pytest

from apertis_audio_tools import RecordingError
from apertis_audio_tools.audio import cut_pieces, probe
from support.beacon_recordings import BeaconFormat, write_beacons
from support.meeting_recordings import piece_bytes

FORMATS = {
    "mp3": BeaconFormat("mp3", "libmp3lame", 48_000, 64_000),
    "mp2": BeaconFormat("mp2", "mp2", 48_000, 64_000),
    "aac": BeaconFormat("adts", "aac", 48_000, 64_000),
    "ac3": BeaconFormat("ac3", "ac3", 48_000, 64_000),
    "eac3": BeaconFormat("eac3", "eac3", 48_000, 64_000),
}
COVER_BYTES = 100_000
"""In so many bytes by chance there are some dozens that look like the beginning of a frame."""


def syncsafe(number: int) -> bytes:
    """Return a number in four bytes of seven bits."""
    return bytes(number >> shift & 127 for shift in (21, 14, 7, 0))


def id3v2(cover: bytes, *, has_footer: bool = False) -> bytes:
    """Return an ID3v2.4 tag with a cover."""
    picture = b"\0image/jpeg\0\3\0" + cover
    body = b"APIC" + syncsafe(len(picture)) + b"\0\0" + picture
    head = b"\4\0" + (b"\x10" if has_footer else b"\0") + syncsafe(len(body))
    return b"ID3" + head + body + (b"3DI" + head if has_footer else b"")


def ape(cover: bytes, *, has_header: bool = True) -> bytes:
    """Return an APE tag with a cover."""
    item = struct.pack("<II", len(cover), 2) + b"Cover Art (Front)\0" + cover
    head, foot = (
        b"APETAGEX" + struct.pack("<IIII", 2_000, len(item) + 32, 1, flags) + bytes(8)
        for flags in (0xA0000000, 0x80000000 if has_header else 0)
    )
    return (head if has_header else b"") + item + foot


ID3V1 = b"TAG" + b"Title".ljust(125, b"\0")
LONG_ID3V1 = b"TAG+" + b"A title of more than thirty characters".ljust(223, b"\0") + ID3V1
LYRICS = b"LYRICSBEGININD0000200LYR00100" + b"la " * 33 + b"l000148LYRICS200" + ID3V1
TAGS: dict[str, Callable[[bytes], bytes]] = {
    "ID3v1": lambda _: ID3V1,
    "long ID3v1": lambda _: LONG_ID3V1,
    "Lyrics3": lambda _: LYRICS,
    "ID3v2": id3v2,
    "ID3v2 with footer": functools.partial(id3v2, has_footer=True),
    "ID3v2 with padding": lambda cover: id3v2(cover) + bytes(999),
    "APEv2": ape,
    "APEv1": functools.partial(ape, has_header=False),
    "APEv2 + ID3v2": lambda cover: ape(cover) + id3v2(cover[::-1]),
    "APEv1 + Lyrics3 + ID3v2": lambda cover: ape(cover, has_header=False) + LYRICS + id3v2(cover),
}


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return four seconds of beacons in each format."""
    folder = tmp_path_factory.mktemp("frames")
    written = (write_beacons(form, folder / name, 2) for name, form in FORMATS.items())
    return {path.name: without_info(path.read_bytes()) for path in written}


def without_info(content: bytes) -> bytes:
    """Return an mp3 file without what FFmpeg writes in front of its audio."""
    info = content.find(b"Info")
    return content if info < 0 else content[content.index(b"\xff\xfb", info) :]


def sent_seconds(content: bytes) -> float:
    """Return the seconds of audio of the only piece of a recording."""
    (piece,) = cut_pieces(probe(content), max_bytes=10**8)
    return piece.end


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("tag", TAGS)
def test_every_frame_is_sent(tag: str, name: str, encoded: dict[str, bytes]) -> None:
    """All frames around a tag are sent, and nothing of its cover."""
    content = encoded[name]
    for seed in range(3):
        tagged = TAGS[tag](random.Random(seed).randbytes(COVER_BYTES))
        joined = sent_seconds(content + tagged + content + tagged)
        assert joined == pytest.approx(2 * sent_seconds(content), abs=1e-3)


def test_parts_between_tags_are_sent_as_they_are(encoded: dict[str, bytes]) -> None:
    """An mp3 file without its tags is sent unchanged, however large it is."""
    content = encoded["mp3"]
    tag = ape(random.Random(1).randbytes(COVER_BYTES)) + id3v2(b"cover")
    pieces = list(cut_pieces(probe(content + tag + content), max_bytes=10**8, max_seconds=3))
    assert len(pieces) > 1
    assert all(piece.upload.media_type == "audio/mpeg" for piece in pieces)
    (whole,) = cut_pieces(probe(content + tag + content), max_bytes=10**8)
    assert piece_bytes(whole) == content + content


@pytest.mark.parametrize("size", [30, 10**6, 2**28 - 1])
def test_sizes_that_are_wrong(size: int, encoded: dict[str, bytes]) -> None:
    """No audio is left out because a tag claims to be longer than it is."""
    content = encoded["mp2"]
    lie = b"ID3\4\0\0" + syncsafe(size) + b"TIT2\0\0\0\5\0\0\3talk"
    assert sent_seconds(content + lie + content) >= 2 * sent_seconds(content) - 0.05


class CountingStream(io.BytesIO):
    """A file that counts how often it is read."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return bytes, and count the call."""
        self.reads += 1
        return super().read(size)


def test_a_million_marks() -> None:
    """Bytes that may be tags are examined only so often."""
    stream = CountingStream(b"\xff\xfb\x90\x64" + b"TAG" * 1_000_000)
    with pytest.raises(RecordingError):
        probe(stream)
    assert stream.reads < 200_000
