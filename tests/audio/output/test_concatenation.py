"""Concatenated speech, measured on speech that was really synthesised and encoded."""

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
EXACT_FORMATS = {"flac", "wav", "pcm"}
MAX_ADDED_SECONDS = {"mp3": 0.08, "aac": 0.09, "opus": 0.03}
"""Seconds of silence that the encoder of a part leaves around it."""

formats = pytest.mark.parametrize("audio_format", FORMATS)


@functools.cache
def speech(audio_format: str) -> list[bytes]:
    return [
        b"".join(encode(speak(text, "alloy"), SAMPLE_RATE, audio_format, 1.0)) for text in SENTENCES
    ]


def concatenate(audio_format: str, parts: list[bytes]) -> bytes:
    file = io.BytesIO()
    with Concatenation(audio_format, file) as whole:
        for part in parts:
            whole.add(part)
        whole.finish()
    return file.getvalue()


def stream_concatenated(audio_format: str, parts: list[bytes]) -> list[bytes]:
    buffer, chunks = OutputBuffer(), []
    with Concatenation(audio_format, buffer) as whole:
        for part in parts:
            whole.add(part)
            chunks.append(buffer.take())
        whole.finish()
    return [*chunks, buffer.take()]


def decode(audio: bytes, audio_format: str) -> Any:
    """Return the samples, from -1 to 1, and the sample rate."""
    if audio_format == "pcm":
        return np.frombuffer(audio, "<i2") / 32768, 24_000
    with av.open(io.BytesIO(audio), "r") as container:
        frames = [(frame.to_ndarray(), frame.sample_rate) for frame in container.decode(audio=0)]
    samples = np.concatenate([array.ravel() for array, _ in frames])
    return samples / (1 if samples.dtype.kind == "f" else 32768), frames[0][1]


def largest_step(samples: Any) -> float:
    return float(np.abs(np.diff(samples)).max())


@formats
@pytest.mark.parametrize("make", [concatenate, lambda *args: b"".join(stream_concatenated(*args))])
def test_whole(audio_format: str, make: Any) -> None:
    """All parts are there, with no more than their encoder's silence between them, and no click."""
    parts = speech(audio_format)
    whole, rate = decode(make(audio_format, parts), audio_format)
    each = [decode(part, audio_format)[0] for part in parts]
    samples = np.concatenate(each)
    if audio_format in EXACT_FORMATS:
        assert np.array_equal(whole, samples)
    else:
        added = (len(whole) - len(samples)) / rate
        assert -0.03 < added < MAX_ADDED_SECONDS[audio_format] * len(parts)
    # An aac decoder fills bands with random noise that the encoder left out, so that only the
    # joints below show whether there are clicks.
    slack = 2 if audio_format == "aac" else 1.1
    assert largest_step(whole) <= slack * max(map(largest_step, each))
    edges = [
        largest_step(edge) for part in each for edge in (part[: rate // 8], part[-rate // 8 :])
    ]
    joints = np.cumsum([len(part) for part in each])[:-1]
    for joint in joints:
        around = whole[joint - rate // 16 : joint + rate // 16]
        assert largest_step(around) <= 1.5 * max(edges) + 0.005


@formats
def test_parts_keep_their_time(audio_format: str) -> None:
    """The middle of each part is at the time that follows from the parts before it."""
    parts = speech(audio_format)
    whole, rate = decode(concatenate(audio_format, parts), audio_format)
    at, slack = 0, rate // 5
    for part in parts:
        samples = decode(part, audio_format)[0]
        middle = len(samples) // 2
        piece = samples[middle : middle + rate // 10]
        around = whole[at + middle - slack : at + middle + slack + len(piece)]
        assert np.correlate(around, piece).max() > 0.9 * float(np.sum(piece**2))
        at += len(samples)


@formats
def test_duration(audio_format: str) -> None:
    """The duration in the header is that of the samples."""
    whole = concatenate(audio_format, speech(audio_format))
    samples, rate = decode(whole, audio_format)
    found, duration = identify_speech(whole, audio_format)
    assert found == audio_format
    assert duration == pytest.approx(len(samples) / rate, abs=0.05)


@pytest.mark.skipif(not shutil.which("ffprobe"), reason="ffprobe is not installed")
@pytest.mark.parametrize("audio_format", ["mp3", "opus", "flac", "wav"])
def test_duration_for_others(audio_format: str, tmp_path: Path) -> None:
    """Another program reads the same duration from the header, without a warning."""
    path = tmp_path / f"whole.{audio_format}"
    path.write_bytes(concatenate(audio_format, speech(audio_format)))
    samples, rate = decode(path.read_bytes(), audio_format)
    command = ["ffprobe", "-v", "warning", "-show_entries", "format=duration", "-of", "csv=p=0"]
    result = subprocess.run([*command, path], capture_output=True, text=True, check=True)
    assert float(result.stdout) == pytest.approx(len(samples) / rate, abs=0.05)
    assert result.stderr == ""


@formats
def test_parts_are_written_at_once(audio_format: str) -> None:
    """Nearly all of a part is written as soon as it is added."""
    parts = speech(audio_format)
    chunks = stream_concatenated(audio_format, parts)
    for chunk, part in zip(chunks, parts, strict=False):
        assert len(chunk) > len(part) * 0.5


def test_headers_of_parts_are_gone() -> None:
    """A concatenated file has one header, which counts the frames of an mp3."""
    assert concatenate("wav", speech("wav")).count(b"RIFF") == 1
    assert concatenate("flac", speech("flac")).count(b"fLaC") == 1
    assert concatenate("opus", speech("opus")).count(b"OpusHead") == 1
    twice = [concatenate("mp3", speech("mp3"))] * 2
    assert concatenate("mp3", twice).count(b"Info") + concatenate("mp3", twice).count(b"Xing") == 1
    assert decode(concatenate("flac", [concatenate("flac", speech("flac"))] * 2), "flac")[
        0
    ].size == (2 * decode(b"".join(speech("pcm")), "pcm")[0].size)


def test_wav_sizes() -> None:
    """The header of a wav has its sizes, or the largest number if it is a stream or too large."""
    whole = concatenate("wav", speech("wav"))
    assert struct.unpack_from("<I", whole, 4)[0] == len(whole) - 8
    assert struct.unpack_from("<I", whole, 40)[0] == len(whole) - 44
    head = stream_concatenated("wav", speech("wav"))[0][:44]
    assert struct.unpack_from("<I", head, 40)[0] == 0xFFFFFFFF
    assert concatenation._set_sizes(head, 5 << 30)[4:8] == b"\xff" * 4
    assert concatenation._set_sizes(head, 5 << 30)[40:44] == b"\xff" * 4


def other_rate(audio_format: str) -> bytes:
    """Return a second of audio at another sample rate."""
    muxer = {"opus": "ogg", "aac": "adts"}.get(audio_format, audio_format)
    codec = {"opus": "libopus", "mp3": "libmp3lame", "wav": "pcm_s16le"}.get(
        audio_format, audio_format
    )
    layout = "stereo" if audio_format == "opus" else "mono"
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as container:
        stream: Any = container.add_stream(codec, rate=16_000, layout=layout)
        frame = av.AudioFrame("s16", layout, 16_000)
        frame.sample_rate = 16_000
        for plane in frame.planes:  # the memory may hold anything
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize("audio_format", [each for each in FORMATS if each != "pcm"])
def test_parts_that_differ(audio_format: str) -> None:
    """Parts that differ in sample rate or channels would be played wrong, and are an error."""
    with pytest.raises(RecordingError, match="Its parts differ"):
        concatenate(audio_format, [speech(audio_format)[0], other_rate(audio_format)])


@pytest.mark.parametrize(
    ("audio_format", "part"), [("pcm", b"\0\0\0"), ("wav", b"RIFF"), ("flac", b"not audio" * 99)]
)
def test_damaged(audio_format: str, part: bytes) -> None:
    """A part that is not audio is an error."""
    with pytest.raises(RecordingError):
        concatenate(audio_format, [part])
