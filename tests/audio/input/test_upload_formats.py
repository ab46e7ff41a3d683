"""The codec and the container together decide what is sent as it is, and what is re-encoded."""

import functools
import io
import struct
from pathlib import Path

import av
import pytest

from apertis_audio_tools.audio import Piece, cut_pieces, encode_chat_clip, probe
from apertis_audio_tools.errors import RecordingError
from apertis_audio_tools.sandbox import BeaconRecogniser
from support.beacon_recordings import PERIOD_SECONDS, BeaconFormat, beacon_start, write_beacons
from support.encoded_recordings import decode_samples
from support.meeting_recordings import piece_bytes

COUNT = 8
SECONDS = COUNT * PERIOD_SECONDS
NO_LIMIT = 10**8
ACCURACY = 0.06
"""Seconds by which a beacon may be off. Each joint of two mp3 files adds up to 50 ms."""
OTHERS = {
    "adpcm.wav": BeaconFormat("wav", "adpcm_ms", 16_000),
    "g726.wav": BeaconFormat("wav", "g726", 8_000, 32_000),
    "g722.wav": BeaconFormat("wav", "g722", 16_000),
    "yamaha.wav": BeaconFormat("wav", "adpcm_yamaha", 8_000),
    "mp3.wav": BeaconFormat("wav", "libmp3lame", 48_000, 64_000),
    "ac3.wav": BeaconFormat("wav", "ac3", 32_000, 64_000),
    "alac.m4a": BeaconFormat("ipod", "alac", 16_000),
    "pcm.mov": BeaconFormat("mov", "pcm_s16be", 16_000),
    "ac3.mp4": BeaconFormat("mp4", "ac3", 32_000, 64_000),
    "eac3.mp4": BeaconFormat("mp4", "eac3", 32_000, 64_000),
    "mp3.mp4": BeaconFormat("mp4", "libmp3lame", 16_000, 32_000),
    "opus.mp4": BeaconFormat("mp4", "libopus", 48_000, 32_000),
    "flac.ogg": BeaconFormat("ogg", "flac", 16_000),
    "pcm.mkv": BeaconFormat("matroska", "pcm_s16le", 16_000),
    "ac3.mpeg": BeaconFormat("mpeg", "ac3", 32_000, 64_000),
    "mp3.ts": BeaconFormat("mpegts", "libmp3lame", 48_000, 64_000),
}
PLAIN = {
    "mp3": BeaconFormat("mp3", "libmp3lame", 16_000, 32_000),
    "48k.mp3": BeaconFormat("mp3", "libmp3lame", 48_000, 64_000),
    "44k.mp3": BeaconFormat("mp3", "libmp3lame", 44_100, 64_000),
    "stereo.mp3": BeaconFormat("mp3", "libmp3lame", 16_000, 64_000, "stereo"),
    "48k.mpga": BeaconFormat("mp2", "mp2", 48_000, 64_000),
    "44k.mpga": BeaconFormat("mp2", "mp2", 44_100, 64_000),
    "32k.aac": BeaconFormat("adts", "aac", 32_000, 32_000),
    "48k.aac": BeaconFormat("adts", "aac", 48_000, 64_000, "stereo"),
    "flac": BeaconFormat("flac", "flac", 16_000),
    "wav": BeaconFormat("wav", "pcm_s16le", 16_000),
    "float.wav": BeaconFormat("wav", "pcm_f32le", 16_000),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the recordings of all tests."""
    return tmp_path_factory.mktemp("formats")


def beacons(folder: Path, name: str) -> bytes:
    """Return beacons in a format, encoded once."""
    path = folder / name
    form = (OTHERS | PLAIN)[name]
    return (path if path.exists() else write_beacons(form, path, COUNT)).read_bytes()


def heard(file: bytes) -> list[tuple[int, float]]:
    """Return the beacons in a file, and when each begins."""
    found = BeaconRecogniser().recognise(decode_samples(file))
    return [(int(each.text), each.start) for each in found]


def assert_heard(beacons: list[tuple[int, float]], parts: int = 1, *, joint: float = 0.0) -> None:
    """Assert that the beacons of so many joined parts are all there, in order and on time."""
    assert [number for number, _ in beacons] == [*range(COUNT)] * parts
    for at, (number, start) in enumerate(beacons):
        late = at // COUNT * SECONDS
        assert start == pytest.approx(late + beacon_start(number), abs=ACCURACY + joint)


def on_time_line(pieces: list[Piece]) -> list[tuple[int, float]]:
    """Return the beacons of all pieces, on the time line of the recording."""
    return [
        (number, piece.start + start)
        for piece in pieces
        for number, start in heard(piece_bytes(piece))
    ]


def assert_all_sent(content: bytes, parts: int = 1, *, joint: float = 0.0) -> Piece:
    """Assert that all is heard, whole, in pieces and in a chat; return the one piece."""
    (piece,) = cut_pieces(probe(content), max_bytes=NO_LIMIT)
    assert probe(piece_bytes(piece)).is_accepted
    assert_heard(on_time_line([piece]), parts, joint=joint)
    cut = functools.partial(cut_pieces, probe(content), max_bytes=NO_LIMIT)
    assert_heard(on_time_line(list(cut(max_seconds=7))), parts, joint=joint)
    assert_heard(on_time_line(list(cut(upload_format="opus"))), parts, joint=joint)
    clip, _ = encode_chat_clip(probe(content))
    assert_heard(heard(clip.open().read()), parts, joint=joint)
    assert piece.end == pytest.approx(SECONDS * parts, abs=0.2 + joint)
    return piece


@pytest.mark.parametrize("name", OTHERS)
def test_other_codecs_are_converted(name: str, folder: Path) -> None:
    """A codec that the service may not decode in its container is never sent in it."""
    content = beacons(folder, name)
    assert not probe(content).is_accepted
    piece = assert_all_sent(content)
    kept = {"mp3": "audio/mpeg", "opu": "audio/ogg"}
    assert piece.upload.media_type == kept.get(name[:3], "audio/flac")


@pytest.mark.parametrize(
    "names",
    [
        ("mp3", "48k.mp3", "mp3"),
        ("48k.mp3", "44k.mp3"),
        ("mp3", "stereo.mp3"),
        ("48k.mpga", "44k.mpga"),
        ("32k.aac", "48k.aac"),
        ("48k.aac", "32k.aac"),
    ],
    ids="+".join,
)
def test_format_that_changes_midway(names: tuple[str, ...], folder: Path) -> None:
    """Files that were joined byte by byte are re-encoded, even those that are small."""
    content = b"".join(beacons(folder, name) for name in names)
    piece = assert_all_sent(content, len(names), joint=0.08 * (len(names) - 1))
    assert piece.upload.media_type == "audio/flac"


def ape_tag(version: int = 2_000) -> bytes:
    """Return an APE tag with a cover, whose bytes look like frames here and there."""
    cover = b"Cover Art (Front)\0cover.jpg\0" + bytes(range(256)) * 40 + b"\xff\xfb\x90\x64" * 999
    item = struct.pack("<II", len(cover), 2) + cover
    head, foot = (
        b"APETAGEX" + struct.pack("<IIII", version, len(item) + 32, 1, flags) + bytes(8)
        for flags in ((0xA0000000, 0x80000000) if version == 2_000 else (0, 0))
    )
    return (head if version == 2_000 else b"") + item + foot


def id3_tag() -> bytes:
    """Return an ID3 tag with a cover, which contains what looks like frames."""
    cover = b"\0image/jpeg\0\3\0" + b"\xff\xfb\x90\x64" + b"\xff\xfb\x90\x64\0" * 1_500
    size = bytes([len(cover) >> 21 & 127, len(cover) >> 14 & 127, len(cover) >> 7 & 127])
    frame = b"APIC" + size + bytes([len(cover) & 127]) + b"\0\0" + cover
    total = len(frame)
    return b"ID3\4\0\0" + bytes([0, total >> 14 & 127, total >> 7 & 127, total & 127]) + frame


ID3V1 = b"TAG" + b"Title".ljust(125, b"\0")
LYRICS = b"LYRICSBEGININD0000200LYR00100" + b"la " * 33 + b"l000148LYRICS200"


@pytest.mark.parametrize(
    "tail",
    [ape_tag(), ape_tag(1_000), ape_tag() + ID3V1, ID3V1, LYRICS + ID3V1, id3_tag(), bytes(5_000)],
    ids=["APEv2", "APEv1", "APEv2 + ID3v1", "ID3v1", "Lyrics3", "ID3v2", "zeros"],
)
@pytest.mark.parametrize("name", ["mp3", "48k.mpga", "32k.aac"])
def test_what_is_behind_the_audio_is_no_audio(name: str, tail: bytes, folder: Path) -> None:
    """Tags at the end of a file are neither sent as audio nor counted."""
    content = beacons(folder, name)
    piece = assert_all_sent(content + tail)
    assert len(piece_bytes(piece)) <= len(content) + 2_000
    assert probe(content + tail).duration == pytest.approx(SECONDS, abs=0.2)


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("mp3", id3_tag()),
        ("mp3", ape_tag() + id3_tag()),
        ("48k.mpga", ape_tag() + id3_tag()),
        ("32k.aac", id3_tag()),
    ],
    ids=["mp3 ID3v2", "mp3 APEv2 + ID3v2", "mpga APEv2 + ID3v2", "aac ID3v2"],
)
def test_tags_within_the_audio(name: str, tag: bytes, folder: Path) -> None:
    """Tags between two files that were joined are no audio, and what follows is on time."""
    assert_all_sent(beacons(folder, name) + tag + beacons(folder, name), 2, joint=0.12)


def test_junk_in_front(folder: Path) -> None:
    """Bytes in front of the first frame are not sent."""
    content = beacons(folder, "48k.mp3")
    piece = assert_all_sent(b"\x01\x02junk" * 700 + content)
    assert len(piece_bytes(piece)) <= len(content)


def test_stale_number_of_frames(folder: Path) -> None:
    """An mp3 file that continues after the number of frames in its header is sent without it."""
    content = beacons(folder, "mp3")
    bare = content[content.index(b"\xff\xf3", content.index(b"Info")) :]
    piece = assert_all_sent(content + bare, 2, joint=0.12)
    assert b"Info" not in piece_bytes(piece)
    assert probe(content + bare).duration == pytest.approx(2 * SECONDS, abs=0.3)


@pytest.mark.parametrize("claimed", [0, 1_000, 2**35])
def test_length_in_a_flac_header(claimed: int, folder: Path) -> None:
    """A FLAC file whose header has a wrong length is encoded anew; 0 means unknown."""
    content = bytearray(beacons(folder, "flac"))
    fields = int.from_bytes(content[18:26])
    content[18:26] = (fields >> 36 << 36 | claimed).to_bytes(8)
    assert_all_sent(bytes(content))


@pytest.mark.parametrize("kind", [b"RF64", b"BW64"])
def test_wide_wav_with_chunks_behind_the_samples(kind: bytes, folder: Path) -> None:
    """The size in the ds64 chunk counts, and a plain header is sent."""
    content = beacons(folder, "wav")
    data = content.index(b"data")
    samples = content[data + 8 :]
    sizes = struct.pack("<QQQI", len(content) + 5_000, len(samples), len(samples) // 2, 0)
    chunks = b"ds64" + struct.pack("<I", len(sizes)) + sizes + content[12 : content.index(b"LIST")]
    tail = b"LIST" + struct.pack("<I", 4_000) + b"\x7f\x01" * 2_000
    wide = kind + b"\xff" * 4 + b"WAVE" + chunks + b"data" + b"\xff" * 4 + samples + tail
    piece = assert_all_sent(wide)
    assert piece_bytes(piece)[:4] == b"RIFF"
    assert len(piece_bytes(piece)) == len(samples) + 44


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_wrong_size_in_a_wav_header(size: int, folder: Path) -> None:
    """A wav file of unknown size is sent with the size that it has."""
    content = bytearray(beacons(folder, "wav"))
    data = content.index(b"data")
    struct.pack_into("<I", content, data + 4, size)
    sent = piece_bytes(assert_all_sent(bytes(content)))
    assert int.from_bytes(sent[40:44], "little") == len(sent) - 44


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_wav_of_nothing_but_metadata(size: int, folder: Path) -> None:
    """Chunks behind an empty data chunk are no samples of unknown number."""
    content = beacons(folder, "wav")
    head = content[: content.index(b"data")]
    tail = b"LIST" + struct.pack("<I", 4_000) + b"\x7f\x01" * 2_000
    with pytest.raises(RecordingError, match="contains no audio"):
        probe(head + b"data" + struct.pack("<I", size) + tail)


def test_float_wav_in_chat(folder: Path) -> None:
    """A wav file of another kind of samples becomes one of 16-bit samples, without loss."""
    clip, kind = encode_chat_clip(probe(beacons(folder, "float.wav")))
    with av.open(io.BytesIO(clip.open().read())) as container:
        assert (kind, container.streams.audio[0].codec_context.name) == ("wav", "pcm_s16le")


def test_time_stamps_that_begin_late(folder: Path) -> None:
    """A Matroska file lasts from its first time stamp to its last."""
    target = io.BytesIO()
    with (
        av.open(io.BytesIO(beacons(folder, "48k.mp3")), "r") as source,
        av.open(target, "w", format="matroska") as container,
    ):
        copy = container.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.pts is not None:
                packet.pts = packet.dts = packet.pts + round(200_000 / packet.time_base)
                packet.stream = copy
                container.mux(packet)
    assert probe(target.getvalue()).duration == pytest.approx(SECONDS, abs=0.1)


@pytest.mark.parametrize(
    ("head", "name"),
    [(b"\x06\x0e\x2b\x34\x02\x05\x01\x01", "mxf"), (b"MPCK", "Musepack"), (b".RMF", "RealMedia")],
)
def test_formats_that_are_not_on_the_list(head: bytes, name: str) -> None:
    """A recording in another format is refused by the name of the format."""
    with pytest.raises(RecordingError, match=rf"a\.mp3 is {name}, which is not on the list of for"):
        probe(("a.mp3", head + bytes(10_000)))


def test_voc(folder: Path) -> None:
    """Recordings of old dictation programs are read."""
    path = write_beacons(BeaconFormat("voc", "pcm_s16le", 16_000), folder / "voc", COUNT)
    assert assert_all_sent(path.read_bytes()).upload.media_type == "audio/flac"


def test_wave_without_frame_headers(folder: Path) -> None:
    """AAC in WAVE whose frames have no headers is an error, not silence."""
    path = write_beacons(BeaconFormat("wav", "aac", 16_000), folder / "aac.wav", COUNT)
    with pytest.raises(RecordingError, match="has no frame headers"):
        probe(path)


def test_frames_in_wave(folder: Path) -> None:
    """AAC in WAVE with frame headers is copied."""
    frames = beacons(folder, "32k.aac")
    form = struct.pack("<HHIIHH", 0xFF, 1, 32_000, 4_000, 1, 0)
    chunks = b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(frames))
    content = b"RIFF" + struct.pack("<I", 4 + len(chunks) + len(frames)) + b"WAVE" + chunks
    assert assert_all_sent(content + frames).upload.media_type == "audio/mp4"


def test_opus_that_begins_with_packets_to_skip(folder: Path) -> None:
    """Packets that players skip are no damaged packets, however many there are."""
    path = folder / "short packets.ogg"
    form = BeaconFormat("ogg", "libopus", 48_000, 64_000, options={"frame_duration": "2.5"})
    content = bytearray(write_beacons(form, path, COUNT).read_bytes())
    head = content.index(b"OpusHead")
    struct.pack_into("<H", content, head + 10, 48_000 * 2 // 25)
    struct.pack_into("<I", content, 22, 0)
    struct.pack_into("<I", content, 22, ogg_checksum(bytes(content[: head + content[26 + 1]])))
    (piece,) = cut_pieces(probe(bytes(content)), max_bytes=NO_LIMIT)
    assert [number for number, _ in heard(piece_bytes(piece))] == [*range(COUNT)]


def ogg_checksum(page: bytes) -> int:
    """Return the checksum of an Ogg page (RFC 3533, section 6)."""
    checksum = 0
    for byte in page:
        checksum ^= byte << 24
        for _ in range(8):
            checksum = (checksum << 1 ^ (0x04C11DB7 if checksum >> 31 else 0)) & 0xFFFFFFFF
    return checksum
