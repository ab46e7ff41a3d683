"""The audio of a wav file ends where its header says; bytes behind it are not audio."""

import io
import logging
import struct
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from apertis_audio_tools import RecordingError
from apertis_audio_tools.audio import cut_pieces, probe
from support.hostile.samples import muxed, samples
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json
from support.sync_async import Run
from support.wav_files import wav_bytes

SOUND = bytes(range(1, 251)) * 128
WAV = wav_bytes(SOUND)
UNKNOWN_SIZES = [0, 0xFFFFFFFF]
JUNK = {
    "zeros": bytes(8 << 20),
    "text": b"junk" * (2 << 20),
    "empty chunks": (b"junk" + bytes(4)) * (1 << 20),
    "audio": SOUND * 4,
    "more audio": b"data" + struct.pack("<I", len(SOUND)) + SOUND,
}


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk of a wav file."""
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def with_head(*chunks: bytes) -> bytes:
    """Return a wav file with chunks before its audio."""
    return WAV[:12] + b"".join(chunks) + WAV[12:]


class CountingFile(io.BytesIO):
    """A file that counts how often it is read."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes."""
        self.reads += 1
        return super().read(size)


@pytest.mark.parametrize("kind", JUNK)
def test_junk_is_ignored(kind: str) -> None:
    """Bytes behind the audio are neither measured nor sent, and one note gives their length."""
    recording = probe(("talk.wav", WAV + JUNK[kind]))
    assert recording.duration == 1.0
    (piece,) = cut_pieces(recording, max_bytes=10**9)
    with piece.upload.open() as stream:
        assert stream.read() == WAV
    (note,) = recording.notes
    assert note.startswith("It has ")
    if kind == "zeros":
        assert f"{(8 << 20) / 32_000:.1f} seconds" in note


@pytest.mark.parametrize("kind", JUNK)
def test_junk_is_not_searched(kind: str) -> None:
    """However many bytes are behind the audio, few reads open the file."""
    file = CountingFile(WAV + JUNK[kind])
    probe(cast("BinaryIO", file))
    assert file.reads < 3_000


def test_junk_is_not_uploaded(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """A wav file is sent up to the end of its audio, with one warning about the rest."""
    with (
        LoopbackServer([respond_json({"text": "Good morning."})]) as server,
        server.client() as client,
    ):
        run(client, "transcribe", ("talk.wav", WAV + bytes(1 << 20)))
    (request,) = server.requests
    assert WAV in request.body
    assert len(request.body) < len(WAV) + 2_000
    (record,) = (each for each in caplog.records if each.levelno == logging.WARNING)
    assert record.getMessage().startswith("talk.wav: It has ")


@pytest.mark.parametrize("size", UNKNOWN_SIZES)
def test_size_may_be_unknown(size: int) -> None:
    """If the header does not know the size, everything behind it is audio."""
    data = WAV[:40] + struct.pack("<I", size) + SOUND * 3
    recording = probe(data)
    assert recording.duration == 3.0
    assert recording.content.size == len(data)
    assert not recording.notes


def test_truncated_wav_is_unchanged() -> None:
    """A file that ends before its audio is sent as it is."""
    recording = probe(WAV[:-1_000])
    assert recording.content.size == len(WAV) - 1_000
    assert not recording.notes


@pytest.mark.parametrize("name", ["wav", "rf64.wav", "adpcm.wav"])
def test_metadata_behind_the_audio(name: str) -> None:
    """Chunks of metadata behind the audio are left out without a note."""
    data = samples()[name]
    tags = chunk(b"LIST", b"INFOINAM\4\0\0\0talk") + chunk(b"id3 ", b"ID3\4\0\0\0\0\0\0")
    recording = probe(data + tags)
    assert recording.duration == probe(data).duration
    assert recording.content.size == len(data)
    assert not recording.notes


def test_compressed_audio_ends_with_its_chunk() -> None:
    """Bytes behind compressed audio in a wav file are ignored as well."""
    data = muxed("wav", "adpcm_ima_wav", {})
    recording = probe(data + chunk(b"data", data[-1_024:] * 50))
    assert recording.duration == probe(data).duration
    assert len(recording.notes) == 1


@pytest.mark.parametrize(
    "head", [chunk(b"LIST", b"INFO" + bytes(1 << 17)), chunk(b"id3 ", b"ID3\4\0\0" + bytes(20))]
)
def test_large_metadata_before_the_audio_is_hidden(head: bytes) -> None:
    """Large metadata and ID3 before the audio do not reach FFmpeg."""
    recording = probe(with_head(head))
    assert recording.duration == 1.0
    with recording.upload().open() as stream:
        assert stream.read() == WAV


def test_small_metadata_before_the_audio_is_kept(tmp_path: Path) -> None:
    """A wav file with an ordinary description is sent unchanged."""
    path = tmp_path / "talk.wav"
    path.write_bytes(with_head(chunk(b"bext", bytes(602))))
    with probe(path) as recording, recording.upload().open() as stream:
        assert stream.read() == path.read_bytes()


def test_many_chunks_before_the_audio_are_refused() -> None:
    """Thousands of chunks before the audio are refused without reading on."""
    with pytest.raises(RecordingError, match="more than 1000 chunks before its audio"):
        probe(with_head(chunk(b"junk", b"") * 2_000))
