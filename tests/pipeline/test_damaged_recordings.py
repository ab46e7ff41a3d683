"""Damaged recordings: what can be heard has the right time, and a note says what cannot."""

import io
import random
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import av
import pytest

from apertis_audio_tools import ApertisAudio, Transcript
from support.beacon_recordings import BeaconFormat, beacon_start, write_beacons
from support.sync_async import Run

COUNT = 20
"""Beacons of a recording: forty seconds."""
TS_PACKET_BYTES = 188
MKV_STAMP_BYTES = 3
"""Bytes of a block in Matroska from its time stamp to its audio."""
OPTIONS: dict[str, dict[str, Any]] = {
    "whole": {},
    "cut": {"piece_seconds": 15},
    "re-encoded": {"piece_seconds": 15, "upload_format": "opus"},
}
Send = Callable[..., Transcript]


@pytest.fixture(name="send", params=OPTIONS)
def _send(request: pytest.FixtureRequest, run: Run, beacon_url: str) -> Send:
    """Return a function that transcribes a recording, whole, cut or re-encoded."""

    def send(name: str, content: bytes) -> Transcript:
        with ApertisAudio("sk-payg-1234", base_url=beacon_url, cache=False) as client:
            transcript = run(client, "transcribe", (name, content), **OPTIONS[request.param])
        assert isinstance(transcript, Transcript)
        return transcript

    return send


def beacons(folder: Path, container: str, encoder: str, **options: Any) -> bytes:
    """Return a recording of beacons."""
    form = BeaconFormat(container, encoder, 48_000, 64_000, **options)
    return write_beacons(form, folder / "talk", COUNT).read_bytes()


def packet_spans(content: bytes) -> list[tuple[int, int]]:
    """Return where the packets of a recording's audio begin and end in its bytes."""
    with av.open(io.BytesIO(content), "r") as container:
        packets = [each for each in container.demux(audio=0) if each.size]
    return [(each.pos or 0, (each.pos or 0) + each.size) for each in packets]


def silence_packets(content: bytes, numbers: range) -> bytes:
    """Return a recording some packets of which are nothing but zeros."""
    damaged = bytearray(content)
    for start, end in packet_spans(content)[numbers.start : numbers.stop : numbers.step]:
        damaged[start:end] = bytes(end - start)
    return bytes(damaged)


def lateness(transcript: Transcript) -> list[float]:
    """Return by how many seconds each beacon is late."""
    return [each.start - beacon_start(int(each.text)) for each in transcript.segments]


@pytest.mark.parametrize("encoder", ["aac", "mp2", "ac3"])
def test_lost_packets_of_a_transport_stream(send: Send, encoder: str, tmp_path: Path) -> None:
    """Losses too short to be seen one by one do not add up."""
    intact = beacons(tmp_path, "mpegts", encoder)
    packets = [intact[at : at + TS_PACKET_BYTES] for at in range(0, len(intact), TS_PACKET_BYTES)]
    dice = random.Random(1)
    received = packets[:20] + [each for each in packets[20:] if dice.random() > 0.01]
    expected, transcript = send("talk.ts", intact), send("talk.ts", b"".join(received))
    early, found = lateness(expected)[0], lateness(transcript)
    assert expected.notes == ()
    assert len(found) > COUNT / 2
    assert found == pytest.approx([early] * len(found), abs=0.04)
    (note,) = transcript.notes
    assert "damaged or missing in" in note
    assert "s of it are silence" in note


@pytest.mark.parametrize("milliseconds", [-9_000, 8_000])
def test_a_single_wrong_time_stamp(send: Send, milliseconds: int, tmp_path: Path) -> None:
    """A time stamp that its neighbours contradict moves nothing."""
    content = bytearray(beacons(tmp_path, "matroska", "ac3"))
    with av.open(io.BytesIO(content), "r") as container:
        *_, packet = islice(container.demux(audio=0), 600)
    at = content.index(bytes(packet)) - MKV_STAMP_BYTES
    stamp = int.from_bytes(content[at : at + 2], signed=True) + milliseconds
    content[at : at + 2] = stamp.to_bytes(2, signed=True)
    found = lateness(send("talk.mkv", bytes(content)))
    assert found == pytest.approx([found[0]] * COUNT, abs=0.04)


@pytest.mark.parametrize("numbers", [range(12), range(500, 560), range(40, 1800, 40)])
def test_damaged_packets_that_are_decoded(
    run: Run, beacon_url: str, numbers: range, tmp_path: Path
) -> None:
    """They are silence as long as they were, wherever they are, and are noted once."""
    content = beacons(tmp_path, "ipod", "aac")
    damaged = silence_packets(content, numbers)
    options = OPTIONS["re-encoded"]
    with ApertisAudio("sk-payg-1234", base_url=beacon_url, cache=False) as client:
        intact = run(client, "transcribe", ("talk.m4a", content), **options)
        transcript = run(client, "transcribe", ("talk.m4a", damaged), **options)
    early, found = lateness(intact)[0], lateness(transcript)
    assert len(found) > COUNT / 2
    assert found == pytest.approx([early] * len(found), abs=0.04)
    assert intact.notes == ()
    (note,) = transcript.notes
    where = "at 0:00:" if numbers.step == 1 else f"in {len(numbers)} places, the first at 0:00:00"
    assert f"damaged or missing {where}" in note


@pytest.mark.parametrize("container", ["mp3", "mp2"])
def test_holes_between_frames(send: Send, container: str, tmp_path: Path) -> None:
    """A note says where frames are missing of which nothing else tells."""
    encoder = {"mp3": "libmp3lame", "mp2": "mp2"}[container]
    content = beacons(tmp_path, container, encoder, layout="stereo")
    transcript = send(f"talk.{container}", silence_packets(content, range(500, 520)))
    (note,) = transcript.notes
    assert "Its audio is damaged or missing at 0:00:1" in note
    assert "later times may be too early" in note


def test_a_damaged_clip_is_noted(
    beacon_url: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """A warning says what is silent in a clip of a chat message."""
    damaged = silence_packets(beacons(tmp_path, "ipod", "aac"), range(500, 560))
    with ApertisAudio("sk-payg-1234", base_url=beacon_url) as client:
        client.chat("Which numbers?", audio=("talk.m4a", damaged))
    (message,) = (each.getMessage() for each in caplog.records if each.levelname == "WARNING")
    assert message.startswith("talk.m4a: Its audio is damaged or missing at 0:00:1")
