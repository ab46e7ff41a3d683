"""Short samples of a recording, which show what is in it before all of it is read."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

import av
from av.audio.frame import AudioFrame

from apertis_audio_tools.audio.input.frames import (
    decode_packets,
    filter_graph,
    frame_format,
    pull_frames,
)
from apertis_audio_tools.audio.input.tracks import MICROSECONDS, Track

SAMPLE_RATE = 8_000
"""Hz of the samples, enough for most of the energy of speech."""
BLOCK_SAMPLES = SAMPLE_RATE // 10
_FILTERS = (
    ("aformat", f"sample_fmts=s16p:sample_rates={SAMPLE_RATE}"),
    ("highpass", "f=100"),  # rumble, and the offset of cheap converters
    ("asetnsamples", f"n={BLOCK_SAMPLES}:p=0"),
    ("aformat", "sample_fmts=s16"),
)
_MAX_PACKETS_PER_SECOND = 4_000
_BYTE_SOUGHT_CONTAINERS = frozenset({"aac", "ac3", "eac3", "mp2", "mp3", "mpeg", "mpegts"})
"""Containers without an index, in which FFmpeg finds places by the number of their byte."""

_PARSED_CONTAINERS = frozenset({"matroska", "webm"})
"""Containers whose index is not used; see `tracks`. They are read up to the time that is sought."""
_MAX_PARSED_BYTES = 64 << 20


class Window(NamedTuple):
    """A part of a recording: where it begins, as a share of the whole, and its length."""

    share: float
    seconds: float


def sample_track(
    track: Track, size: int, windows: Iterable[Window]
) -> Iterator[list[Sequence[int]]]:
    """Yield the windows of a track that was just opened: 16-bit samples of each channel, by 0.1 s.

    Windows that cannot be reached are left out, such as all but the first of a recording of unknown
    duration, or of a large Matroska file. `size` is that of the recording in bytes.
    """
    for window in windows:
        try:
            if window.share:
                _seek(track, size, window.share)
            yield from _samples(_decode_seconds(track, window.seconds))
        except (OSError, ValueError, av.error.FFmpegError):
            continue


def _seek(track: Track, size: int, share: float) -> None:
    """Move to a share of a recording; raise an error if that is not possible."""
    demuxer = track.demuxer
    if track.container in _BYTE_SOUGHT_CONTAINERS:
        demuxer.seek(int(size * share), unsupported_byte_offset=True)
    elif not demuxer.duration or (
        size > _MAX_PARSED_BYTES and track.container in _PARSED_CONTAINERS
    ):
        raise ValueError
    else:
        seconds = (track.zero or 0.0) + share * demuxer.duration / MICROSECONDS
        demuxer.seek(int(seconds / (track.stream.time_base or 1)), stream=track.stream)
    track.decoder.flush_buffers()


def _decode_seconds(track: Track, seconds: float) -> Iterator[AudioFrame]:
    packets = islice(track.packets(), int(seconds * _MAX_PACKETS_PER_SECOND))
    for frame in decode_packets(track.decoder, packets):
        yield frame
        seconds -= frame.samples / frame.sample_rate
        if seconds <= 0:
            return


def _samples(frames: Iterator[AudioFrame]) -> Iterator[list[Sequence[int]]]:
    """Yield the samples of each channel, as long as the format of the frames is the same."""
    first = next(frames, None)
    if first is None:
        return
    graph, channels = filter_graph(first, *_FILTERS), first.layout.nb_channels
    for frame in chain((first,), frames, (None,)):
        if frame is not None and frame_format(frame) != frame_format(first):
            return
        for sample in pull_frames(graph, frame):
            packed = array("h", bytes(sample.planes[0])[: sample.samples * channels * 2])
            yield [packed[at::channels] for at in range(channels)]
