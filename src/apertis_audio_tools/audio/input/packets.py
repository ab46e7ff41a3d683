"""Packets and frames of one audio stream, damaged ones included."""

from collections.abc import Iterable, Iterator
from typing import Any

import av
import av.stream
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from apertis_audio_tools.audio.input.allowlist import DECODERS

Packet = Any
"""An `av.Packet`, whose type hints differ between the versions of PyAV."""

_LOWEST_RATE, _HIGHEST_RATE = 1_000, 1_536_000
"""Hz, beyond what anybody records: to convert from any rate a head may name can take for ever."""

_MOST_CHANNELS = 64
"""More than any coding has but the uncompressed ones, whose heads may say anything."""

DECODE_ERRORS = (av.error.InvalidDataError, av.error.PatchWelcomeError, av.error.UndefinedError)
"""What decoders say of packets that make no sense: the last is for numbers of their own."""

_MOST_FAILURES = 100
"""Attempts to read on after a damaged place before the rest is given up."""

_DISCARD = getattr(av.stream, "Discard", None)
"""Since PyAV 17; before, the packets of other streams are read and passed over."""


def decodable_streams(container: InputContainer) -> list[AudioStream]:
    """The audio streams that can be decoded here."""
    return [stream for stream in container.streams.audio if _is_decodable(stream)]


def _is_decodable(stream: AudioStream) -> bool:
    codec: AudioCodecContext | None = stream.codec_context
    return (
        codec is not None
        and codec.name in DECODERS
        and _LOWEST_RATE <= codec.sample_rate <= _HIGHEST_RATE
        and 0 < codec.channels <= _MOST_CHANNELS
    )


def best_stream(container: InputContainer) -> AudioStream:
    """The audio stream that a player would choose; the others are left unread."""
    found = decodable_streams(container)
    best = container.streams.best("audio")
    index = found[0].index if best is None else best.index
    chosen = next((stream for stream in found if stream.index == index), found[0])
    for stream in container.streams:
        if _DISCARD is not None and stream.index != chosen.index:
            stream.discard = _DISCARD.all
    return chosen


def codec_name(stream: AudioStream) -> str:
    """FFmpeg's name for the coding, whichever of its decoders is at work."""
    return stream.codec_context.codec.canonical_name


def read_packets(container: InputContainer, stream: AudioStream) -> Iterator[Packet]:
    """All packets with something in them, also those after a damaged place.

    Raises:
        av.error.InvalidDataError: One error comes after the other, and no packet any more.
    """
    failures = 0
    while True:
        try:
            for packet in container.demux(stream):
                if packet.size:
                    failures = 0
                    yield packet
        except av.error.InvalidDataError:
            failures += 1
            if failures > _MOST_FAILURES:
                raise
        except IndexError:
            continue  # a packet of a stream that has begun since, which PyAV does not know
        else:
            return


def decode_packets(
    codec: AudioCodecContext, packets: Iterable[Packet | None]
) -> Iterator[AudioFrame]:
    """The frames of some packets, with silence in place of those that are damaged.

    Args:
        codec: What decodes them.
        packets: And None after the last of all, which gives what the decoder holds back.
    """
    last: AudioFrame | None = None
    for packet in packets:
        try:
            for frame in codec.decode(packet):
                frame.pts = None
                last = frame
                yield frame
        except DECODE_ERRORS:
            if last is not None:
                yield _silence(last, last.samples)


def silent_frames(like: AudioFrame, seconds: float) -> Iterator[AudioFrame]:
    """So much silence, in frames of a second at most, of the same kind as another frame."""
    left = round(seconds * like.sample_rate)
    while left > 0:
        samples = min(left, like.sample_rate)
        yield _silence(like, samples)
        left -= samples


def _silence(like: AudioFrame, samples: int) -> AudioFrame:
    silent = AudioFrame(format=like.format.name, layout=like.layout.name, samples=samples)
    silent.sample_rate = like.sample_rate
    for plane in silent.planes:
        plane.update(bytes(plane.buffer_size))
    return silent


def resample_mono(
    frames: Iterable[AudioFrame], rate: int, *, frame_size: int, sample_format: str = "s16"
) -> Iterator[AudioFrame]:
    """The frames as one channel of 16-bit samples at `rate`, whatever they change to midway."""
    resampler, shape = None, None
    for frame in frames:
        found = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or found != shape:
            if resampler is not None:
                yield from resampler.resample(None)
            shape = found
            resampler = av.AudioResampler(
                format=sample_format, layout="mono", rate=rate, frame_size=frame_size
            )
        yield from resampler.resample(frame)
    if resampler is not None:
        yield from resampler.resample(None)
