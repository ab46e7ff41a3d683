"""Packets and frames of one audio stream, damaged ones included."""

from collections.abc import Iterable, Iterator
from typing import Any

import av
import av.stream
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

Packet = Any
"""An `av.Packet`, whose type hints differ between the versions of PyAV."""

_MOST_FAILURES = 100
"""Attempts to read on after a damaged place before the rest is given up."""

_DISCARD = getattr(av.stream, "Discard", None)
"""Since PyAV 17; before, the packets of other streams are read and passed over."""


def best_stream(container: InputContainer) -> AudioStream:
    """The audio stream that a player would choose; the others are left unread."""
    best = container.streams.best("audio") or container.streams.audio[0]
    for stream in container.streams:
        if _DISCARD is not None and stream.index != best.index:
            stream.discard = _DISCARD.all
    return container.streams.audio[[s.index for s in container.streams.audio].index(best.index)]


def codec_name(stream: AudioStream) -> str:
    """FFmpeg's name for the coding, whichever of its decoders is at work."""
    return stream.codec_context.codec.canonical_name


def packets(container: InputContainer, stream: AudioStream) -> Iterator[Packet]:
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
        else:
            return


def decoded(codec: AudioCodecContext, packets: Iterable[Packet | None]) -> Iterator[AudioFrame]:
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
        except av.error.InvalidDataError:
            if last is not None:
                yield _silence(last)


def _silence(like: AudioFrame) -> AudioFrame:
    silent = AudioFrame(format=like.format.name, layout=like.layout.name, samples=like.samples)
    silent.sample_rate = like.sample_rate
    for plane in silent.planes:
        plane.update(bytes(plane.buffer_size))
    return silent


def mono(
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
