"""Encode recordings, and decode them to see their content."""

import functools
import io
from dataclasses import dataclass

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

CODECS = {
    "wav": ("wav", "pcm_s16le"),
    "mp3": ("mp3", "libmp3lame"),
    "mpga": ("mp2", "mp2"),
    "mpeg": ("mpeg", "mp2"),
    "m4a": ("ipod", "aac"),
    "mp4": ("mp4", "aac"),
    "ogg": ("ogg", "libopus"),
    "webm": ("webm", "libopus"),
    "flac": ("flac", "flac"),
}

FAST_ENCODING = {
    "aac": {"aac_coder": "fast"},
    "flac": {"compression_level": "0"},
    "libmp3lame": {"compression_level": "9"},
    "libopus": {"compression_level": "0"},
    "vorbis": {"strict": "experimental"},
}
"""Options by encoder, with which tests take a fraction of the time."""


@dataclass(frozen=True)
class AudioProperties:
    """The content of a file, as a player finds it."""

    container: str
    codec: str
    rate: int
    channels: int
    seconds: float
    loudest: int


def encode_recording(extension: str, pcm: bytes, rate: int = 16_000) -> bytes:
    """Encode signed 16-bit mono samples in the container that the extension stands for."""
    muxer, codec = CODECS[extension]
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as container:
        options = FAST_ENCODING.get(codec, {})
        stream = container.add_stream(codec, rate=rate, layout="mono", options=options)
        assert isinstance(stream, AudioStream)
        for start in range(0, len(pcm), rate * 20):
            frame = AudioFrame("s16", "mono", len(pcm[start : start + rate * 20]) // 2)
            frame.planes[0].update(pcm[start : start + rate * 20])
            frame.rate, frame.pts = rate, start // 2
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


@functools.cache
def encode_silence(extension: str, seconds: float, rate: int = 16_000) -> bytes:
    """Return digital silence."""
    return encode_recording(extension, bytes(round(seconds * rate) * 2), rate)


def inspect_audio(file: bytes) -> AudioProperties:
    """Decode a whole file and return what it contains."""
    samples = loudest = 0
    with av.open(io.BytesIO(file), "r") as container:
        resampler = av.AudioResampler("s16", "mono")
        for frame in container.decode(audio=0):
            samples += frame.samples
            for plain in resampler.resample(frame):
                loudest = max(loudest, int(np.abs(plain.to_ndarray().astype(int)).max()))
        stream = container.streams.audio[0]
        return AudioProperties(
            container.format.name,
            stream.codec_context.name,
            stream.rate,
            stream.channels,
            samples / stream.rate,
            loudest,
        )


def decode_samples(file: bytes, rate: int = 16_000) -> bytes:
    """Decode a file to signed 16-bit mono samples."""
    resampler = av.AudioResampler("s16", "mono", rate)
    with av.open(io.BytesIO(file), "r") as container:
        frames = [*container.decode(audio=0), None]
        plain = [each for frame in frames for each in resampler.resample(frame)]
    return b"".join(bytes(frame.planes[0])[: frame.samples * 2] for frame in plain)
