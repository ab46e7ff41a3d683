"""Decoded audio: frames of packets, of silence, and in another sample rate."""

import contextlib
from array import array
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from itertools import islice
from typing import cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.filter import Graph

from apertis_audio_tools.audio.input.tracks import Packet, Track

DecodeError = av.error.FFmpegError
"""Error of decoders about damaged packets. Some return numbers that mean something else, such as a
missing permission."""
_FLOAT_CODECS = ("pcm_f16", "pcm_f24", "pcm_f32", "pcm_f64")
_SINGLE_BYTES = 4
_LOUDEST = 1e30
"""More than any sample, which are from -1 to 1 unless a recording is too loud."""
_MAX_PLANES = 8
"""Places that FFmpeg has for the planes of a frame, before it allocates others."""

_MAX_PACKET_SECONDS = 1.0
"""More than packets of any compressed codec last."""

MAX_PROBED_PACKETS = 512
"""Packets decoded to find the first sample. Some decoders return nothing for the first of them."""


def decode_packets(
    codec: AudioCodecContext,
    packets: Iterable[Packet | None],
    on_damage: Callable[[float], None] = lambda _: None,
) -> Iterator[AudioFrame]:
    """Yield the frames of packets, with silence in place of damaged ones after the first frame.

    None after the last packet flushes the decoder. `on_damage` is called for each damaged packet,
    with its seconds.
    """
    last: AudioFrame | None = None
    may_have_non_numbers = is_float(codec)
    for packet in packets:
        try:
            for frame in codec.decode(packet):
                frame.pts = None
                last = frame
                if may_have_non_numbers:
                    _silence_non_numbers(frame)
                yield frame
        except DecodeError:
            if packet is not None:
                on_damage(last.samples / last.sample_rate if last else _seconds(packet))
            if packet is not None and last is not None:
                yield _silent_frame(last, last.samples)


def _seconds(packet: Packet) -> float:
    """Return the seconds of a packet, or 0 if its container does not know or claims many."""
    seconds = float((packet.duration or 0) * (packet.time_base or 0))
    return seconds if seconds < _MAX_PACKET_SECONDS else 0.0


def is_float(codec: AudioCodecContext) -> bool:
    """Return whether uncompressed samples are of floating point, which may be anything."""
    return codec.name.startswith(_FLOAT_CODECS)


def has_non_numbers(data: bytes, width: int) -> bool:
    """Return whether samples of floating point, in little-endian bytes, are infinite or NaN.

    So are those that are larger than any real one by a factor of 10^37.
    """
    high = data[width - 1 :: width]
    return b"\x7f" in high or b"\xff" in high


def _silence_non_numbers(frame: AudioFrame) -> None:
    """Put silence in place of what is no number, which would spread to all that is computed."""
    width = frame.format.bytes
    for plane in frame.planes:
        data = bytes(plane)
        if has_non_numbers(data, width):
            samples = array("f" if width == _SINGLE_BYTES else "d", data)
            plane.update(array(samples.typecode, map(_finite, samples)).tobytes())


def frame_peak(frame: AudioFrame) -> float:
    """Return the largest absolute value of a frame's samples of floating point."""
    typecode = "f" if frame.format.bytes == _SINGLE_BYTES else "d"
    used = frame.samples * (1 if frame.format.is_planar else frame.layout.nb_channels)
    planes = (array(typecode, bytes(plane))[:used] for plane in frame.planes)
    return max((max(map(abs, plane), default=0.0) for plane in planes), default=0.0)


def _finite(sample: float) -> float:
    return sample if -_LOUDEST < sample < _LOUDEST else 0.0


def count_samples(decoder: AudioCodecContext, packet: Packet) -> int | None:
    """Return the samples that a decoder returns for a packet, or None if it is damaged."""
    try:
        return sum(frame.samples for frame in decoder.decode(packet))
    except DecodeError:
        return None


def first_sample_stamp(track: Track) -> float | None:
    """Return the time stamp in seconds of the first sample that is played, or None.

    Decoders leave out samples that encoders put in front. Damaged packets are played as silence.
    """
    for packet in islice(track.packets(), MAX_PROBED_PACKETS):
        try:
            for frame in track.decoder.decode(packet):
                if frame.pts is not None and frame.time_base is not None:
                    return float(frame.pts * frame.time_base)
        except DecodeError:
            if packet.pts is not None:
                return float(packet.pts * packet.time_base)
    return None


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


def filter_graph(like: AudioFrame, *filters: tuple[str, str]) -> Graph:
    """Return a graph of filters, each with its arguments, for frames like another."""
    graph = Graph()
    with contextlib.suppress(AttributeError):  # of older versions of PyAV
        graph.threads = 1  # short frames take longer in several
    source = graph.add_abuffer(
        sample_rate=like.sample_rate,
        format=like.format.name,
        layout=like.layout.name,
        time_base=Fraction(1, like.sample_rate),
    )
    nodes = [graph.add(name, arguments) for name, arguments in filters]
    graph.link_nodes(source, *nodes, graph.add("abuffersink")).configure()
    return graph


def pull_frames(graph: Graph, frame: AudioFrame | None) -> Iterator[AudioFrame]:
    """Push a frame into a graph of filters, and yield those that are done. None ends the audio."""
    graph.push(frame)
    while True:
        try:
            done = cast("AudioFrame", graph.pull())
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        done.pts = None
        yield done


def frame_format(frame: AudioFrame) -> tuple[str, str, int]:
    """Return the format, the layout of the channels and the sample rate of a frame."""
    return frame.format.name, frame.layout.name, frame.sample_rate


def resample_mono(
    frames: Iterable[AudioFrame], rate: int, *, frame_size: int, sample_format: str = "s16"
) -> Iterator[AudioFrame]:
    """Yield frames of `frame_size` samples in one channel, even if their format changes midway.

    `sample_format` is FFmpeg's name of the format of the samples, 16-bit by default.
    """
    resampler, resampler_input = None, None
    for frame in frames:
        if resampler is None or frame_format(frame) != resampler_input:
            if resampler is not None:
                yield from resampler.resample(None)
            resampler_input = frame_format(frame)
            resampler = av.AudioResampler(
                format=sample_format, layout="mono", rate=rate, frame_size=frame_size
            )
        yield from resampler.resample(frame)
    if resampler is not None:
        yield from resampler.resample(None)
