"""The container, duration and upload name of a recording follow from its bytes."""

import array
import io
import math
import struct
from pathlib import Path
from typing import Any

import av
import pytest

from apertis_audio_tools import RecordingError, UnsupportedError
from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.audio import identify_speech, probe

CLIPS = Path(__file__).parents[2] / "clips"
SECONDS = 1.24
ACCEPTED_CLIPS = {
    "flac": ("flac", "audio/flac"),
    "m4a": ("mp4", "audio/mp4"),
    "mp3": ("mp3", "audio/mpeg"),
    "mp4": ("mp4", "audio/mp4"),
    "mpeg": ("mpeg", "audio/mpeg"),
    "mpga": ("mp2", "audio/mpeg"),
    "ogg": ("ogg", "audio/ogg"),
    "wav": ("wav", "audio/wav"),
    "webm": ("webm", "audio/webm"),
}
FITTING_SUFFIXES = {
    "flac": {"flac"},
    "mp2": {"mpga", "mpeg"},
    "mp3": {"mp3", "mpga", "mpeg"},
    "mp4": {"m4a", "mp4"},
    "mpeg": {"mpeg"},
    "ogg": {"ogg"},
    "wav": {"wav"},
    "webm": {"webm"},
}
OTHER_CONTAINERS = {"aac": "aac", "aiff": "aiff", "mkv": "matroska"}


def clip(suffix: str) -> bytes:
    return (CLIPS / f"clip.{suffix}").read_bytes()


def read(upload: Upload) -> bytes:
    with upload.open() as stream:
        return stream.read()


def tone(suffix: str, codec: str, seconds: float, **options: Any) -> bytes:
    """Return a sine in any container and codec."""
    rate = options.pop("rate", 48_000)
    samples = array.array(
        "h", (int(8000 * math.sin(math.tau * 440 * n / rate)) for n in range(int(rate * seconds)))
    )
    target = io.BytesIO()
    with av.open(target, "w", format=suffix, options=options) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(samples))
        frame.planes[0].update(samples.tobytes())
        frame.sample_rate = rate
        assert isinstance(stream, av.AudioStream)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return target.getvalue()


def test_all_clips_are_listed() -> None:
    """The tables above list every clip of the folder."""
    found = {path.suffix[1:] for path in CLIPS.glob("clip.*")}
    assert found == {*ACCEPTED_CLIPS, *OTHER_CONTAINERS, "opus"}


@pytest.mark.parametrize("suffix", ACCEPTED_CLIPS)
def test_documented_containers(suffix: str) -> None:
    """Each container the service lists is recognised by its bytes and sent under its own name."""
    container, media_type = ACCEPTED_CLIPS[suffix]
    recording = probe(CLIPS / f"clip.{suffix}")
    assert (recording.container, recording.is_accepted) == (container, True)
    assert recording.duration == pytest.approx(SECONDS, abs=0.1)
    assert (recording.sample_rate in {16_000, 48_000}, recording.channels) == (True, 1)
    upload = recording.upload()
    assert (upload.name, upload.media_type) == (f"clip.{suffix}", media_type)
    assert read(upload) == clip(suffix)


@pytest.mark.parametrize("suffix", ACCEPTED_CLIPS)
@pytest.mark.parametrize("name", ["clip.txt", "clip.exe.", "clip", "clip.opus", ".mp3", "a.b.WAV"])
def test_wrong_names(name: str, suffix: str) -> None:
    """The name a recording is sent under matches its content, under any original name."""
    stem, _, extension = probe((name, clip(suffix))).upload().name.rpartition(".")
    assert extension in FITTING_SUFFIXES[ACCEPTED_CLIPS[suffix][0]]
    assert stem


@pytest.mark.parametrize(
    ("suffix", "name", "upload_name"),
    [
        ("opus", "voice.opus", "voice.ogg"),
        ("ogg", "voice.OGG", "voice.ogg"),
        ("mp4", "call.m4a", "call.m4a"),
        ("m4a", "call.mp4", "call.mp4"),
        ("m4a", "call.mov", "call.m4a"),
        ("mp3", "talk.mpga", "talk.mpga"),
        ("mp3", "talk.wav", "talk.mp3"),
        ("mpga", "talk.mp2", "talk.mpga"),
        ("wav", "talk.mp3", "talk.wav"),
        ("webm", "talk.mkv", "talk.webm"),
        ("flac", "Talk 1.2 (final)", "Talk 1.flac"),
    ],
)
def test_extensions(suffix: str, name: str, upload_name: str) -> None:
    """A fitting extension is kept, any other is replaced by the one the service knows."""
    assert probe((name, clip(suffix))).upload().name == upload_name


@pytest.mark.parametrize("suffix", ACCEPTED_CLIPS)
def test_nameless(suffix: str) -> None:
    """Bytes without a name are sent under a name that matches their content."""
    stem, _, extension = probe(clip(suffix)).upload().name.partition(".")
    assert stem == "audio"
    assert extension in FITTING_SUFFIXES[ACCEPTED_CLIPS[suffix][0]]


@pytest.mark.parametrize("suffix", OTHER_CONTAINERS)
def test_other_containers(suffix: str) -> None:
    """A container the service does not list is refused, even under a listed extension."""
    recording = probe(("clip.mp3", clip(suffix)))
    assert (recording.container, recording.is_accepted) == (OTHER_CONTAINERS[suffix], False)
    with pytest.raises(
        UnsupportedError, match=f"is {OTHER_CONTAINERS[suffix]}.*convert it to one of: flac"
    ):
        recording.upload()


@pytest.mark.parametrize(
    "content",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '{}'\n",
        b"[playlist]\nFile1={}\nNumberOfEntries=1\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
        b'<?xml version="1.0"?><MPD><BaseURL>{}</BaseURL></MPD>',
        b"Once upon a time there was a text. " * 100,
        b"<html><body>Not found</body></html>",
        bytes(100_000),
        b"\xff" * 10_000,
        b"RIFF\x00\x00\x00\x00WAVE",
        b"OggS",
        b"ID3",
        b"x",
    ],
    ids=lambda content: repr(content[:12]),
)
@pytest.mark.parametrize("name", ["talk.mp3", "talk.m3u8", "talk.ffconcat", "talk.sdp"])
def test_hostile(name: str, content: bytes) -> None:
    """A file that is not audio is refused under any name, and files it names are not opened."""
    inside = content.replace(b"{}", str(CLIPS / "clip.mp3").encode())
    with pytest.raises(RecordingError, match=r"talk\.\w+ is damaged|contains no audio"):
        probe((name, inside))


def test_no_audio() -> None:
    """A film without audio is refused."""
    target = io.BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 16
        for each in (av.VideoFrame(16, 16, "yuv420p"), None):
            container.mux(stream.encode(each))
    with pytest.raises(RecordingError, match=r"silent\.mp4 contains no audio"):
        probe(("silent.mp4", target.getvalue()))


def test_no_packets() -> None:
    """A header with nothing after it is refused, and the error names the file."""
    header = clip("wav")[:40] + bytes(4)
    with pytest.raises(RecordingError, match=r"a\.wav (contains no audio|is damaged)"):
        probe(("a.wav", header))


def test_unknown_codec() -> None:
    """An audio codec that FFmpeg does not know is refused."""
    wav = bytearray(clip("wav"))
    wav[20:22] = b"\x34\x12"
    with pytest.raises(RecordingError, match="codec that is not on the list"):
        probe(bytes(wav))


def test_tags_in_other_encodings() -> None:
    """Tags that are not UTF-8, as old recorders write them, make no difference."""
    wav = clip("wav")
    info = b"INFOIART" + struct.pack("<I", 4) + b"Caf\xe9"
    tagged = wav[:36] + b"LIST" + struct.pack("<I", len(info)) + info + wav[36:]
    tagged = tagged[:4] + struct.pack("<I", len(tagged) - 8) + tagged[8:]
    assert probe(tagged).duration == pytest.approx(SECONDS, abs=0.01)
    assert identify_speech(tagged, "wav")[0] == "wav"


def test_duration_without_a_header() -> None:
    """If the header has no duration, as from a browser, it is that of the packets."""
    live = tone("webm", "libopus", 3.0, live="1")
    with av.open(io.BytesIO(live), "r") as container:
        assert container.duration is None
    assert probe(live).duration == pytest.approx(3.0, abs=0.05)
