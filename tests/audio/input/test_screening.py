"""Recordings are checked before FFmpeg opens them, and real ones pass the checks."""

import struct
from pathlib import Path

import pytest

from apertis_audio_tools import RecordingError
from apertis_audio_tools.audio import probe
from support.hostile.claims import CLAIMS, frame, many_texts, syncsafe, tag
from support.hostile.samples import muxed, samples
from support.loopback_server import LoopbackServer
from support.sync_async import Run

HIDDEN = [name for name in CLAIMS if name.startswith(("mp3", "flac", "wav"))]
WITHIN = "aac with packed tag"
REFUSED = [name for name in CLAIMS if name not in {*HIDDEN, WITHIN}]
MP3 = samples()["mp3"]


@pytest.mark.parametrize("name", REFUSED)
def test_claims_are_refused(name: str) -> None:
    """An index that claims more than the file can hold is refused with the name of the file."""
    with pytest.raises(RecordingError, match=r"^talk\.m4a (claims|has)"):
        probe(("talk.m4a", CLAIMS[name]()))


def test_claims_are_not_sent(run: Run, tmp_path: Path) -> None:
    """A transcription of such a file sends no request."""
    path = tmp_path / "talk.m4a"
    path.write_bytes(CLAIMS["mp4 index"]())
    with (
        LoopbackServer([]) as server,
        server.client() as client,
        pytest.raises(RecordingError, match="claims to have more samples"),
    ):
        run(client, "transcribe", path)
    assert not server.requests


@pytest.mark.parametrize("name", HIDDEN)
def test_costly_tags_are_hidden(name: str) -> None:
    """A recording behind a costly tag is read and sent without the tag."""
    suffix = name.partition(" ")[0]
    recording = probe((f"talk.{suffix}", CLAIMS[name]()))
    assert recording.duration == pytest.approx(probe(samples()[suffix]).duration, abs=0.05)
    with recording.upload().open() as stream:
        sent = stream.read()
    assert samples()[suffix].endswith(sent)
    assert sent


def test_costly_tag_within_the_audio_is_hidden() -> None:
    """AAC around a costly tag is read without the tag."""
    recording = probe(("talk.aac", CLAIMS[WITHIN]()))
    assert recording.duration == pytest.approx(2 * probe(samples()["aac"]).duration, abs=0.05)


@pytest.mark.parametrize(
    "head",
    [
        tag(frame(b"TIT2", b"\3talk"), frame(b"APIC", b"\0image/png\0\3\0" + bytes(1 << 20))),
        tag(frame(b"TIT2", b"\3talk"), bytes(2_000)),
        tag(frame(b"TIT2", b"\3talk")) + tag(frame(b"TPE1", b"\3me")),
        b"ID3\2\0\0" + syncsafe(11) + b"TT2\0\0\5\3talk",
        b"ID3\3\0\0" + syncsafe(15) + b"TIT2\0\0\0\5\0\0\3talk",
        many_texts(500),
    ],
    ids=["cover", "padding", "two tags", "version 2", "version 3", "texts"],
)
def test_ordinary_tags_are_kept(head: bytes) -> None:
    """A recording with ordinary tags is sent unchanged."""
    recording = probe(("talk.mp3", head + MP3))
    with recording.upload().open() as stream:
        assert stream.read() == head + MP3


@pytest.mark.parametrize("container", ["mov", "mp4"])
def test_uncompressed_samples_are_not_claims(container: str) -> None:
    """Millions of uncompressed samples in an MP4 file are more than compressed ones may be."""
    data = muxed("mov", "pcm_s16le", {}, seconds=70.0, rate=16_000)
    if container == "mp4":
        data = data.replace(b"qt  ", b"isom")
    assert probe(data).duration == pytest.approx(70.0)


def test_wave_without_audio() -> None:
    """A WAVE file that ends before its audio is refused, and its tags are not read."""
    data = CLAIMS["wav with packed tag"]()
    with pytest.raises(RecordingError, match=r"^talk\.wav contains no audio: it has no data chunk"):
        probe(("talk.wav", data[: len(data) // 2]))


def test_timed_tags_are_read() -> None:
    """AAC with short tags between its frames, as live streams have, is accepted."""
    timed = tag(frame(b"PRIV", b"com.apple.streaming.transportStreamTimestamp\0" + bytes(8)))
    data = samples()["aac"]
    assert probe(timed + data + timed + data).container == "aac"


def test_fragments_are_counted_together() -> None:
    """The samples of all fragments count."""
    data = CLAIMS["mp4 fragment"]()
    each = data[data.index(b"moof") - 4 : data.index(b"mdat", data.index(b"moof")) - 4]
    claimed = struct.pack(">I", 25_000_000)
    small = each.replace(claimed, struct.pack(">I", 400_000))
    probe(data.replace(each, small))
    with pytest.raises(RecordingError, match="claims to have more samples"):
        probe(data.replace(each, small * 5))
