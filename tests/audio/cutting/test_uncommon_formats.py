"""Less common formats, and formats that change in the middle of a recording."""

import io
import struct
import sys
import tempfile
from pathlib import Path
from subprocess import run
from typing import Any, BinaryIO, cast

import av
import pytest

from apertis_audio_tools.audio import cut_pieces, encode_chat_clip, probe
from apertis_audio_tools.audio.cutting.writers import PieceSpool
from apertis_audio_tools.audio.input import sources
from apertis_audio_tools.audio.timing.extent import measure_extent
from apertis_audio_tools.errors import RecordingError
from support.hostile.samples import amr, muxed, samples
from support.meeting_recordings import SAMPLE_RATE, decode_mono, piece_bytes

NO_LIMIT = 10**8
ONE_HOUR = Path(__file__).parents[2] / "support" / "processes" / "cut_one_hour.py"


@pytest.mark.parametrize(
    ("name", "container", "codec"),
    [
        ("caf", "caf", "pcm_s16be"),
        ("alac.caf", "caf", "alac"),
        ("avi", "avi", "mp3float"),
        ("pcm.avi", "avi", "pcm_s16le"),
        ("rf64.wav", "wav", "pcm_s16le"),
        ("w64", "w64", "pcm_s16le"),
        ("adpcm.wav", "wav", "adpcm_ima_wav"),
        ("dsf", "dsf", "dsd_lsbf_planar"),
        ("tta", "tta", "tta"),
        ("au", "au", "pcm_s16be"),
    ],
)
def test_less_common_formats(name: str, container: str, codec: str) -> None:
    """Each format is recognised, and converted to one that the service accepts."""
    recording = probe((name, samples()[name]))
    assert (recording.container, recording.codec) == (container, codec)
    (piece,) = cut_pieces(recording, max_bytes=NO_LIMIT)
    assert probe(piece_bytes(piece)).is_accepted
    whole = len(decode_mono(samples()[name])) / SAMPLE_RATE
    assert len(decode_mono(piece_bytes(piece))) / SAMPLE_RATE == pytest.approx(whole, abs=0.08)
    assert piece.end == pytest.approx(whole, abs=0.08)


def test_amr() -> None:
    """AMR, which telephones record, can be read."""
    recording = probe(("call.amr", amr(50)))
    assert (recording.container, recording.sample_rate) == ("amr", 8_000)
    (piece,) = cut_pieces(recording, max_bytes=NO_LIMIT)
    assert len(decode_mono(piece_bytes(piece))) / SAMPLE_RATE == pytest.approx(1, abs=0.08)


@pytest.mark.parametrize("name", ["mp3", "ogg"])
def test_sample_rate_that_changes_midway(name: str) -> None:
    """Two recordings of different sample rates in one file are both used."""
    encoder, rates = ("mp3", (16_000, 48_000)) if name == "mp3" else ("vorbis", (22_050, 48_000))
    parts = [sine(name, "libmp3lame" if encoder == "mp3" else encoder, rate) for rate in rates]
    pieces = list(cut_pieces(probe(b"".join(parts)), max_bytes=NO_LIMIT, upload_format="opus"))
    seconds = sum(len(decode_mono(piece_bytes(piece))) for piece in pieces) / SAMPLE_RATE
    assert seconds == pytest.approx(4, abs=0.3)


def sine(container: str, encoder: str, rate: int) -> bytes:
    """Return two seconds of audio."""
    return muxed(container, encoder, {}, 2.0, rate)


def test_best_track_is_read_everywhere() -> None:
    """Of two tracks, the one a player would choose is probed, measured, cut and converted."""
    target = io.BytesIO()
    with av.open(target, "w", format="matroska") as film:
        for seconds, disposition in ((1.0, 0), (3.0, av.stream.Disposition.default.value)):
            add_track(film, seconds, disposition)
        film.start_encoding()
        for stream, seconds in zip(film.streams, (1.0, 3.0), strict=True):
            write_track(film, stream, seconds)
    recording = probe(("film.mkv", target.getvalue()))
    (piece,) = cut_pieces(recording, max_bytes=NO_LIMIT)
    upload, _ = encode_chat_clip(recording)
    durations = [
        measure_extent(recording).seconds,
        piece.end,
        len(decode_mono(piece_bytes(piece))) / SAMPLE_RATE,
        len(decode_mono(upload.open().read())) / SAMPLE_RATE,
    ]
    assert durations == pytest.approx([3.0] * 4, abs=0.15)
    assert recording.channels == 2


def add_track(film: Any, seconds: float, disposition: int) -> None:
    """Add a track, which is stereo if it is long."""
    layout = "stereo" if seconds > 2 else "mono"
    film.add_stream("libmp3lame", rate=SAMPLE_RATE, layout=layout).disposition = disposition


def write_track(film: Any, stream: Any, seconds: float) -> None:
    """Write silence to a track."""
    frame = av.AudioFrame("s16", stream.layout.name, int(seconds * SAMPLE_RATE))
    frame.planes[0].update(bytes(frame.planes[0].buffer_size))
    frame.sample_rate, frame.pts = SAMPLE_RATE, 0
    for packet in (*stream.encode(frame), *stream.encode(None)):
        film.mux(packet)


class Endless(io.RawIOBase):
    """A stream that cannot seek and never ends."""

    def readable(self) -> bool:  # noqa: D102  # like any stream
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: D102
        buffer[:] = bytes(len(buffer))
        return len(buffer)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full disk at hand")
def test_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """If there is no room to keep a stream, the error says so."""
    with Path("/dev/full").open("r+b", buffering=0) as full:
        monkeypatch.setattr(sources, "_Spool", lambda max_size: full)  # noqa: ARG005  # its name
        with pytest.raises(RecordingError, match=r"not enough room in .* to work on live\.mp3"):
            probe(("live.mp3", cast("BinaryIO", Endless())))


def test_missing_folder_for_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece that cannot be created raises its own error, and no second one when it is freed."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with pytest.raises(FileNotFoundError):
        PieceSpool()


def test_too_long_chains_are_refused() -> None:
    """A file that is chained of too many recordings is refused."""
    first_page = samples()["ogg"][:47]
    with pytest.raises(RecordingError, match="joined of more than 1000 recordings"):
        probe(("chain.ogg", samples()["ogg"] + (first_page + b"x") * 1_001))


def test_memory_does_not_grow_with_the_recording() -> None:
    """An hour of audio is cut in less than 40 MiB of memory."""
    process = run([sys.executable, str(ONE_HOUR)], capture_output=True, check=True)
    grown, count, seconds = struct.unpack("<Qdd", process.stdout)
    assert grown < 40 * 2**20
    assert count >= 6
    assert seconds == pytest.approx(3600)
