"""Plain mp3 and wav files are known by their headers; FFmpeg does not read them."""

import io
import math
import struct
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import av
import pytest

from apertis_audio_tools.audio.cutting.pieces import cut_pieces
from apertis_audio_tools.audio.input import mpeg_frames, probing
from apertis_audio_tools.audio.input.probing import Recording, probe
from apertis_audio_tools.audio.timing.extent import measure_extent

RATES = (8_000, 24_000, 44_100)  # MPEG 2.5, 2 and 1
SECONDS = 1.1
CLIPS = Path(__file__).parents[2] / "clips"
ID3V1 = b"TAG" + bytes(125)
ID3V2 = b"ID3\x03\0\0\0\0\0\x0aTIT2\0\0\0\0\0\0"


def encode(rate: int, layout: str = "mono", **options: str) -> bytes:
    """Return an mp3 file of a tone."""
    file = io.BytesIO()
    count = round(rate * SECONDS)
    wave = (int(9_000 * math.sin(at / 7)) for at in range(count))
    samples = b"".join(struct.pack("<h", each) * (1 + (layout == "stereo")) for each in wave)
    with av.open(file, "w", format="mp3", options=options) as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout=layout)
        frame = av.AudioFrame("s16", layout, count)
        frame.planes[0].update(samples.ljust(frame.planes[0].buffer_size, b"\0"))
        frame.rate, frame.pts = rate, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def read_by_packets(data: bytes, monkeypatch: pytest.MonkeyPatch) -> Recording:
    """Return what FFmpeg finds in a file."""
    with monkeypatch.context() as patched:
        patched.setattr("apertis_audio_tools.audio.input.screening.walk_frames", no_frames)
        patched.setattr(probing, "read_plain_wav", lambda _: None)
        return probe(data)


def no_frames(_stream: BinaryIO, _start: int, _size: int) -> None:
    """Find nothing."""


def refuse(*_: object, **__: object) -> None:
    """Fail, in place of FFmpeg."""
    raise AssertionError("FFmpeg was asked.")


def facts(recording: Recording) -> tuple[object, ...]:
    """Return all that is known of a recording but its bytes, with exact times."""
    extent, layout = measure_extent(recording), recording.wav_layout
    if layout is not None:  # FFmpeg has two names for one channel
        layout = replace(layout, channel_layout="mono")
    return (
        (recording.container, recording.codec, recording.sample_rate, recording.channels),
        (recording.is_copyable, recording.is_plain, recording.tracks, recording.start),
        (recording.notes, extent.missing, extent.is_plain, layout),
        (round(recording.duration, 6), round(extent.seconds, 6)),
    )


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("layout", ["mono", "stereo"])
@pytest.mark.parametrize("options", [{}, {"write_xing": "0", "id3v2_version": "0"}], ids=str)
@pytest.mark.parametrize("end", [b"", ID3V1], ids=["end", "ID3v1"])
def test_headers_say_what_packets_say(
    rate: int, layout: str, options: dict[str, str], end: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The headers of an mp3 tell exactly what FFmpeg tells after reading all packets."""
    data = encode(rate, layout, **options) + end
    assert probe(data).content.frames is not None
    assert facts(probe(data)) == facts(read_by_packets(data, monkeypatch))


@pytest.mark.parametrize("read_bytes", [1, 5, 97, 4_096])
def test_frames_that_are_read_in_parts(read_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does not matter where the reads of a file end."""
    data = encode(44_100)
    expected = probe(data).content.frames
    monkeypatch.setattr(mpeg_frames, "_READ_BYTES", read_bytes)
    assert probe(data).content.frames == expected is not None


def test_ffmpeg_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain mp3 or wav with one channel is opened, measured and sent without FFmpeg."""
    monkeypatch.setattr("av.open", refuse)
    for name in ("clip.mp3", "clip.wav"):
        recording = probe(CLIPS / name)
        (piece,) = cut_pieces(recording, max_bytes=10**8)
        assert piece.is_whole
        assert piece.end == pytest.approx(recording.duration, abs=0.1)


MP3 = encode(44_100, write_xing="0", id3v2_version="0")
OTHER = encode(24_000, write_xing="0", id3v2_version="0")
STEREO = encode(44_100, "stereo", write_xing="0", id3v2_version="0")
MIDDLE = len(MP3) // 2


def test_stereo_is_read_in_small_parts() -> None:
    """An mp3 of two channels is read once and a little, and never much of it at a time."""
    sizes = list[int]()

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            sizes.append(len(data))
            return data

    data = STEREO * 300
    assert probe(Counting(data)).is_plain
    assert max(sizes) <= 1 << 17
    assert sum(sizes) < len(data) * 1.3


@pytest.mark.parametrize(
    "data",
    [
        MP3 + OTHER,
        MP3 + STEREO,
        MP3 + bytes(300),
        MP3 + b"garbage",
        MP3 + ID3V2 + MP3,
        MP3 + ID3V1 + MP3,
        MP3[:-100],
        MP3[: MIDDLE + 7] + MP3[MIDDLE + 9 :],
        bytes(40) + MP3,
        encode(44_100)[:-4_000],
        encode(44_100) + MP3,
    ],
    ids=[
        "other rate",
        "other channels",
        "zeros behind",
        "garbage behind",
        "tag between",
        "short tag between",
        "cut frame",
        "two bytes lost",
        "zeros in front",
        "cut, with a count",
        "joined, with a count",
    ],
)
def test_other_files_are_read_by_packets(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is not only frames, or has a wrong count of them, is read as before."""
    recording = probe(data)
    assert recording.content.frames is None
    assert facts(recording) == facts(read_by_packets(data, monkeypatch))


def wav(fields: bytes, samples: bytes, *, claimed: int | None = None, before: bytes = b"") -> bytes:
    """Return a WAVE file."""
    size = len(samples) if claimed is None else claimed
    chunks = b"fmt " + struct.pack("<I", len(fields)) + fields + before
    body = b"WAVE" + chunks + b"data" + struct.pack("<I", size) + samples
    return b"RIFF" + struct.pack("<I", len(body)) + body


def pcm(tag: int = 1, channels: int = 1, bits: int = 16, rate: int = 16_000) -> bytes:
    """Return a description of samples."""
    width = bits // 8
    frame = channels * width
    return struct.pack("<HHIIHH", tag, channels, rate, rate * frame, frame, bits)


NOISE = bytes((at * at * 7 + at) % 251 for at in range(48_000))


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("before", [b"", b"LIST\4\0\0\0abcd"], ids=["plain", "LIST"])
def test_wav_header(bits: int, before: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The header of a plain wav tells exactly what FFmpeg tells."""
    data = wav(pcm(bits=bits), NOISE, before=before)
    expected = facts(read_by_packets(data, monkeypatch))
    monkeypatch.setattr("av.open", refuse)
    assert facts(probe(data)) == expected


@pytest.mark.parametrize("tag", [6, 7])
def test_wav_of_telephones(tag: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A-law and mu-law are known by their header too."""
    data = wav(pcm(tag, bits=8, rate=8_000), NOISE)
    expected = facts(read_by_packets(data, monkeypatch))
    monkeypatch.setattr("av.open", refuse)
    assert facts(probe(data)) == expected


@pytest.mark.parametrize(
    "data",
    [
        wav(pcm(channels=2), NOISE),
        wav(pcm(3, bits=32), struct.pack("<f", 0.5) * 9_000),
        wav(pcm(), NOISE, claimed=0xFFFFFFFF),
        wav(pcm(), NOISE, claimed=0),
        wav(pcm(), NOISE, claimed=96_000),
        wav(pcm()[:-2] + b"\x0c\0", NOISE),
        wav(pcm(), b"\x7f\xfe\x80\x01" + NOISE),
        wav(pcm() + bytes(24), NOISE),
    ],
    ids=["stereo", "float", "endless", "unsized", "cut", "12 bits", "DTS", "long description"],
)
def test_other_wav_files_are_read_by_packets(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A header that does not say everything, or not the truth, is not relied upon."""
    monkeypatch.setattr("av.open", refuse)
    with pytest.raises(AssertionError, match="FFmpeg was asked"):
        probe(data)
