"""The example meeting in every container and codec, and the audio in pieces of it."""

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from apertis_audio_tools.audio import Piece
from support.encoded_recordings import FAST_ENCODING

STANDUP = Path(__file__).parents[2] / "examples" / "data" / "standup.ogg"
SAMPLE_RATE = 16_000
Samples = NDArray[np.float64]

_PROBE, _SEARCH = SAMPLE_RATE // 2, SAMPLE_RATE // 20
"""Samples compared (0.5 s), and the distance in which they are looked for (50 ms)."""


@dataclass(frozen=True)
class MeetingFormat:
    """FFmpeg's names of a container and of an encoder, and other settings."""

    container: str
    encoder: str
    sample_rate: int = 44_100
    layout: str = "mono"
    bit_rate: int = 0
    picture: str = ""
    muxing: str = ""


FORMATS = {
    "mp3": MeetingFormat("mp3", "libmp3lame", bit_rate=96_000),
    "slow.mp3": MeetingFormat("mp3", "libmp3lame", 22_050, bit_rate=48_000),
    "mpga": MeetingFormat("mp2", "mp2", bit_rate=96_000),
    "mpeg": MeetingFormat("mpeg", "mp2", bit_rate=96_000, picture="mpeg1video"),
    "m4a": MeetingFormat("ipod", "aac", layout="stereo", bit_rate=96_000),
    "mp4": MeetingFormat("mp4", "aac", bit_rate=64_000, picture="mpeg4"),
    "aac": MeetingFormat("adts", "aac", bit_rate=64_000),
    "ts": MeetingFormat("mpegts", "aac", bit_rate=64_000),
    "mkv": MeetingFormat("matroska", "aac", 48_000, bit_rate=64_000),
    "mp3.mkv": MeetingFormat("matroska", "libmp3lame", bit_rate=64_000),
    "ogg": MeetingFormat("ogg", "libopus", 48_000, bit_rate=32_000),
    "webm": MeetingFormat("webm", "libopus", 48_000, bit_rate=32_000),
    "vorbis.ogg": MeetingFormat("ogg", "vorbis", layout="stereo"),
    "vorbis.webm": MeetingFormat("webm", "vorbis", layout="stereo"),
    "wav": MeetingFormat("wav", "pcm_s16le", SAMPLE_RATE),
    "8bit.wav": MeetingFormat("wav", "pcm_u8", SAMPLE_RATE),
    "24bit.wav": MeetingFormat("wav", "pcm_s24le", 22_050, "stereo"),
    "float.wav": MeetingFormat("wav", "pcm_f32le", SAMPLE_RATE),
    "flac": MeetingFormat("flac", "flac", SAMPLE_RATE),
    "aiff": MeetingFormat("aiff", "pcm_s16be", SAMPLE_RATE),
    "wma": MeetingFormat("asf", "wmav2", bit_rate=64_000),
    "caf": MeetingFormat("caf", "pcm_s16be", SAMPLE_RATE),
    "avi": MeetingFormat("avi", "libmp3lame", bit_rate=64_000),
    "w64": MeetingFormat("w64", "pcm_s16le", SAMPLE_RATE),
    "rf64.wav": MeetingFormat("wav", "pcm_s16le", SAMPLE_RATE, muxing="rf64=always"),
    "ac3.mkv": MeetingFormat("matroska", "ac3", 48_000, bit_rate=64_000),
}


def decode_mono(source: Path | bytes | list[AudioFrame]) -> Samples:
    """Return the decoded audio as one channel at 16 kHz."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    parts = []
    for frame in source if isinstance(source, list) else _frames(source):
        frame.pts = None
        parts += [part.to_ndarray()[0] for part in resampler.resample(frame)]
    parts += [part.to_ndarray()[0] for part in resampler.resample(None)]
    return np.concatenate(parts).astype(np.float64)


def _frames(source: Path | bytes) -> Iterator[AudioFrame]:
    file = io.BytesIO(source) if isinstance(source, bytes) else str(source)
    with av.open(file, "r") as container:
        stream = container.streams.audio[0]
        for packet in _packets(container, stream):
            try:
                yield from stream.codec_context.decode(packet)
            except av.error.InvalidDataError:
                continue
        with suppress(EOFError):
            yield from stream.codec_context.decode(None)


def _packets(container: InputContainer, stream: AudioStream) -> Iterator[Any]:
    """Yield all packets that can be read. Some demuxers fail at the end of a truncated file."""
    with suppress(av.error.InvalidDataError):
        yield from (packet for packet in container.demux(stream) if packet.size)


def encode_meeting(form: MeetingFormat, path: Path, samples: Samples) -> Path:
    """Write samples of 16 kHz in a format, with a picture if the format has one."""
    muxing = dict([form.muxing.split("=")]) if form.muxing else {}
    with av.open(str(path), "w", format=form.container, options=muxing) as container:
        options = FAST_ENCODING.get(form.encoder, {})
        picture = _add_picture(container, form.picture) if form.picture else None
        stream: Any = container.add_stream(
            form.encoder, rate=form.sample_rate, layout=form.layout, options=options
        )
        if form.bit_rate:
            stream.bit_rate = form.bit_rate
        if picture is not None:
            _encode_picture(container, picture, len(samples) / SAMPLE_RATE)
        for frame in _frames_of(samples):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _add_picture(container: OutputContainer, encoder: str) -> VideoStream:
    stream = container.add_stream(encoder, rate=25)
    assert isinstance(stream, VideoStream)
    stream.width = stream.height = 16
    stream.pix_fmt = "yuv420p"
    return stream


def _encode_picture(container: OutputContainer, stream: VideoStream, seconds: float) -> None:
    for number in range(int(seconds * 25)):
        picture = VideoFrame(16, 16, "yuv420p")
        picture.pts, picture.time_base = number, Fraction(1, 25)
        container.mux(stream.encode(picture))
    container.mux(stream.encode(None))


def add_cover(path: Path) -> Path:
    """Write a copy of a recording with a cover picture."""
    covered = path.with_stem("covered")
    with av.open(str(path), "r") as source, av.open(str(covered), "w") as target:
        stream = source.streams.audio[0]
        copy = target.add_stream_from_template(stream)
        picture: Any = target.add_stream("mjpeg", rate=1)
        picture.width = picture.height = 16
        picture.pix_fmt = "yuvj420p"
        picture.disposition = Disposition.attached_pic.value
        target.mux(picture.encode(VideoFrame(16, 16, "yuvj420p")))
        for packet in source.demux(stream):
            if packet.size:
                packet.stream = copy
                target.mux(packet)
    return covered


def remux(path: Path, target: Path) -> Path:
    """Write a copy of a recording in the container that the name of the copy stands for."""
    with av.open(str(path), "r") as source, av.open(str(target), "w") as container:
        stream = source.streams.audio[0]
        copy = container.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.size:
                packet.stream = copy
                container.mux(packet)
    return target


def _frames_of(samples: Samples) -> Iterator[AudioFrame]:
    pcm = np.clip(samples, -32_768, 32_767).astype(np.int16)
    for start in range(0, len(pcm), SAMPLE_RATE):
        block = pcm[start : start + SAMPLE_RATE]
        frame = AudioFrame.from_ndarray(block[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE, start
        frame.time_base = Fraction(1, SAMPLE_RATE)
        yield frame


def piece_bytes(piece: Piece) -> bytes:
    """Return the bytes that are sent."""
    with piece.upload.open() as stream:
        return stream.read()


def offset_error(whole: Samples, piece: Piece, *, ignored: int = 0) -> float:
    """Return the seconds by which the start of a piece is wrong.

    It is the worst of its beginning, middle and end.

    Args:
        whole: The samples of the recording.
        piece: The piece.
        ignored: Samples at the end of the piece that are not compared. Defaults to 0.
    """
    part = decode_mono(piece_bytes(piece))
    part = part[: len(part) - ignored]
    return max(abs(_lag(whole, part, piece.start, at)) for at in _loud_positions(part))


def _loud_positions(part: Samples) -> list[int]:
    """Return the positions of the loudest half second of each third."""
    energy = np.concatenate([[0], np.cumsum(part**2)])
    loudness = energy[_PROBE:] - energy[:-_PROBE]
    thirds = np.array_split(np.arange(len(loudness)), 3)
    return [int(third[loudness[third].argmax()]) for third in thirds]


def _lag(whole: Samples, part: Samples, start: float, at: int) -> float:
    """Return the seconds between the claimed time of a part and the time it correlates with."""
    claimed = start * SAMPLE_RATE + at
    first = round(claimed) - _SEARCH
    around = whole[max(first, 0) : first + 2 * _SEARCH + _PROBE]
    around = np.pad(around, (max(-first, 0), 0))
    probe = part[at : at + _PROBE]
    correlation = np.correlate(around, probe, "valid")
    energy = np.concatenate([[0], np.cumsum(around**2)])
    correlation /= np.sqrt((energy[_PROBE:] - energy[:-_PROBE]) * (probe @ probe)) + 1
    best = int(correlation.argmax())
    assert correlation[best] > 0.8, "the piece differs from the recording"
    return (first + best + _peak_fraction(correlation, best) - claimed) / SAMPLE_RATE


def _peak_fraction(curve: Samples, best: int) -> float:
    """Return the position of the peak of a curve between two samples."""
    if not 0 < best < len(curve) - 1:
        return 0.0
    left, top, right = curve[best - 1 : best + 2]
    return float((left - right) / (left - 2 * top + right) / 2)
