"""Spoken sounds joined into one, measured on really spoken and encoded sound."""

import functools
import io
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from apertis_audio_tools.audio import Concatenation, OutputBuffer, identify_speech
from apertis_audio_tools.audio.output import concatenation
from apertis_audio_tools.errors import RecordingError
from apertis_audio_tools.sandbox.audio_encoding import encode
from apertis_audio_tools.sandbox.speech_synthesis import SAMPLE_RATE, speak

SENTENCES = ["Good morning.", "The release moves to Thursday.", "Nobody objected."]
FORMATS = ["mp3", "opus", "aac", "flac", "wav", "pcm"]
EXACT = {"flac", "wav", "pcm"}
MOST_ADDED = {"mp3": 0.08, "aac": 0.09, "opus": 0.03}
"""Seconds of silence that the encoder of a part leaves around it."""

formats = pytest.mark.parametrize("sound_format", FORMATS)


@functools.cache
def spoken(sound_format: str) -> list[bytes]:
    return [
        b"".join(encode(speak(text, "alloy"), SAMPLE_RATE, sound_format, 1.0)) for text in SENTENCES
    ]


def joined(sound_format: str, parts: list[bytes]) -> bytes:
    file = io.BytesIO()
    with Concatenation(sound_format, file) as whole:
        for part in parts:
            whole.add(part)
        whole.finish()
    return file.getvalue()


def streamed(sound_format: str, parts: list[bytes]) -> list[bytes]:
    sink, chunks = OutputBuffer(), []
    with Concatenation(sound_format, sink) as whole:
        for part in parts:
            whole.add(part)
            chunks.append(sink.take())
        whole.finish()
    return [*chunks, sink.take()]


def decoded(sound: bytes, sound_format: str) -> Any:
    """The samples, from -1 to 1, and how many of them make a second."""
    if sound_format == "pcm":
        return np.frombuffer(sound, "<i2") / 32768, 24_000
    with av.open(io.BytesIO(sound), "r") as container:
        frames = [(frame.to_ndarray(), frame.sample_rate) for frame in container.decode(audio=0)]
    samples = np.concatenate([array.ravel() for array, _ in frames])
    return samples / (1 if samples.dtype.kind == "f" else 32768), frames[0][1]


def largest_step(samples: Any) -> float:
    return float(np.abs(np.diff(samples)).max())


@formats
@pytest.mark.parametrize("make", [joined, lambda *args: b"".join(streamed(*args))])
def test_whole(sound_format: str, make: Any) -> None:
    """All parts are heard, with no more than their encoder's silence between them, and no click."""
    parts = spoken(sound_format)
    whole, rate = decoded(make(sound_format, parts), sound_format)
    each = [decoded(part, sound_format)[0] for part in parts]
    samples = np.concatenate(each)
    if sound_format in EXACT:
        assert np.array_equal(whole, samples)
    else:
        added = (len(whole) - len(samples)) / rate
        assert -0.03 < added < MOST_ADDED[sound_format] * len(parts)
    # An aac decoder makes noise of its own where the encoder left it out, and never the same twice;
    # whether there are clicks is told by the joints below.
    slack = 2 if sound_format == "aac" else 1.1
    assert largest_step(whole) <= slack * max(map(largest_step, each))
    edges = [
        largest_step(edge) for part in each for edge in (part[: rate // 8], part[-rate // 8 :])
    ]
    joints = np.cumsum([len(part) for part in each])[:-1]
    for joint in joints:
        around = whole[joint - rate // 16 : joint + rate // 16]
        assert largest_step(around) <= 1.5 * max(edges) + 0.005


@formats
def test_sound_is_in_its_place(sound_format: str) -> None:
    """The middle of each part is found again, where the parts before it end."""
    parts = spoken(sound_format)
    whole, rate = decoded(joined(sound_format, parts), sound_format)
    at, slack = 0, rate // 5
    for part in parts:
        sound = decoded(part, sound_format)[0]
        middle = len(sound) // 2
        piece = sound[middle : middle + rate // 10]
        around = whole[at + middle - slack : at + middle + slack + len(piece)]
        assert np.correlate(around, piece).max() > 0.9 * float(np.sum(piece**2))
        at += len(sound)


@formats
def test_duration(sound_format: str) -> None:
    """The duration that the header tells is that of the samples."""
    whole = joined(sound_format, spoken(sound_format))
    samples, rate = decoded(whole, sound_format)
    found, duration = identify_speech(whole, sound_format)
    assert found == sound_format
    assert duration == pytest.approx(len(samples) / rate, abs=0.05)


@pytest.mark.skipif(not shutil.which("ffprobe"), reason="a judge of its own, where there is one")
@pytest.mark.parametrize("sound_format", ["mp3", "opus", "flac", "wav"])
def test_duration_for_others(sound_format: str, tmp_path: Path) -> None:
    """Another program reads the same duration from the header, and has nothing to complain of."""
    path = tmp_path / f"whole.{sound_format}"
    path.write_bytes(joined(sound_format, spoken(sound_format)))
    samples, rate = decoded(path.read_bytes(), sound_format)
    asked = ["ffprobe", "-v", "warning", "-show_entries", "format=duration", "-of", "csv=p=0"]
    told = subprocess.run([*asked, path], capture_output=True, text=True, check=True)
    assert float(told.stdout) == pytest.approx(len(samples) / rate, abs=0.05)
    assert told.stderr == ""


@formats
def test_stream_goes_on(sound_format: str) -> None:
    """Nearly all of a part is there as soon as it was added."""
    parts = spoken(sound_format)
    chunks = streamed(sound_format, parts)
    for chunk, part in zip(chunks, parts, strict=False):
        assert len(chunk) > len(part) * 0.5


def test_headers_of_parts_are_gone() -> None:
    """A joined file has one header, and an mp3 one that counts its frames."""
    assert joined("wav", spoken("wav")).count(b"RIFF") == 1
    assert joined("flac", spoken("flac")).count(b"fLaC") == 1
    assert joined("opus", spoken("opus")).count(b"OpusHead") == 1
    twice = [joined("mp3", spoken("mp3"))] * 2
    assert joined("mp3", twice).count(b"Info") + joined("mp3", twice).count(b"Xing") == 1
    assert decoded(joined("flac", [joined("flac", spoken("flac"))] * 2), "flac")[0].size == (
        2 * decoded(b"".join(spoken("pcm")), "pcm")[0].size
    )


def test_wav_sizes() -> None:
    """A wav tells its sizes; a stream, and one too large to tell them, says that it goes on."""
    whole = joined("wav", spoken("wav"))
    assert struct.unpack_from("<I", whole, 4)[0] == len(whole) - 8
    assert struct.unpack_from("<I", whole, 40)[0] == len(whole) - 44
    head = streamed("wav", spoken("wav"))[0][:44]
    assert struct.unpack_from("<I", head, 40)[0] == 0xFFFFFFFF
    assert concatenation._sized(head, 5 << 30)[4:8] == b"\xff" * 4
    assert concatenation._sized(head, 5 << 30)[40:44] == b"\xff" * 4


def other(sound_format: str) -> bytes:
    """A second of sound at another sample rate."""
    muxer = {"opus": "ogg", "aac": "adts"}.get(sound_format, sound_format)
    codec = {"opus": "libopus", "mp3": "libmp3lame", "wav": "pcm_s16le"}.get(
        sound_format, sound_format
    )
    layout = "stereo" if sound_format == "opus" else "mono"
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as container:
        stream: Any = container.add_stream(codec, rate=16_000, layout=layout)
        frame = av.AudioFrame("s16", layout, 16_000)
        frame.sample_rate = 16_000
        for plane in frame.planes:  # else it is whatever the memory held, be it an mp3
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize("sound_format", [each for each in FORMATS if each != "pcm"])
def test_parts_that_differ(sound_format: str) -> None:
    """Parts of another sample rate or number of channels would be played wrong: an error."""
    with pytest.raises(RecordingError, match="Its parts differ"):
        joined(sound_format, [spoken(sound_format)[0], other(sound_format)])


@pytest.mark.parametrize(
    ("sound_format", "part"), [("pcm", b"\0\0\0"), ("wav", b"RIFF"), ("flac", b"no sound" * 99)]
)
def test_damaged(sound_format: str, part: bytes) -> None:
    """What is no sound is not joined."""
    with pytest.raises(RecordingError):
        joined(sound_format, [part])
