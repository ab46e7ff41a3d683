"""Decoded audio: frames of packets, of silence, and in another sample rate."""

from collections.abc import Iterable, Iterator

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame

from apertis_audio_tools.audio.input.tracks import Packet

DECODE_ERRORS = (av.error.InvalidDataError, av.error.PatchWelcomeError, av.error.UndefinedError)
"""Errors of decoders about damaged packets. The last is for error numbers of their own."""
_MAX_PLANES = 8
"""Places that FFmpeg has for the planes of a frame, before it allocates others."""


def decode_packets(
    codec: AudioCodecContext, packets: Iterable[Packet | None]
) -> Iterator[AudioFrame]:
    """Yield the frames of packets, with silence in place of packets that are damaged.

    None after the last packet flushes the decoder.
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
                yield _silent_frame(last, last.samples)


def silent_frames(like: AudioFrame, seconds: float) -> Iterator[AudioFrame]:
    """Yield silence in frames of at most a second, of the same kind as another frame or mono."""
    left = round(seconds * like.sample_rate)
    while left > 0:
        samples = min(left, like.sample_rate)
        yield _silent_frame(like, samples)
        left -= samples


def _silent_frame(like: AudioFrame, samples: int) -> AudioFrame:
    # PyAV counts the planes by a zero behind them, which 8 channels and more do not have.
    layout = like.layout.name if like.layout.nb_channels < _MAX_PLANES else "mono"
    frame = AudioFrame(format=like.format.name, layout=layout, samples=samples)
    frame.sample_rate = like.sample_rate
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    return frame


def resample_mono(
    frames: Iterable[AudioFrame], rate: int, *, frame_size: int, sample_format: str = "s16"
) -> Iterator[AudioFrame]:
    """Yield frames of `frame_size` samples in one channel, even if their format changes midway.

    `sample_format` is FFmpeg's name of the format of the samples, 16-bit by default.
    """
    resampler, resampler_input = None, None
    for frame in frames:
        frame_format = (frame.format.name, frame.layout.name, frame.sample_rate)
        if resampler is None or frame_format != resampler_input:
            if resampler is not None:
                yield from resampler.resample(None)
            resampler_input = frame_format
            resampler = av.AudioResampler(
                format=sample_format, layout="mono", rate=rate, frame_size=frame_size
            )
        yield from resampler.resample(frame)
    if resampler is not None:
        yield from resampler.resample(None)
