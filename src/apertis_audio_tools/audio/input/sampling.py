"""Short samples of a recording, which show what is in it before all of it is read."""

import contextlib
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, islice
from typing import BinaryIO, NamedTuple

import av
from av.audio.frame import AudioFrame

from apertis_audio_tools.audio.input.frames import (
    decode_packets,
    filter_graph,
    frame_format,
    frame_peak,
    pull_frames,
)
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.input.tracks import MICROSECONDS, Track, open_track
from apertis_audio_tools.errors import RecordingError

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

_CLUSTER_CONTAINERS = frozenset({"matroska", "webm"})
"""Containers whose index is not used; see `tracks`. They can be read on from any cluster."""
_CLUSTER = re.compile(rb"\x1f\x43\xb6\x75.{1,8}?(?:\xbf\x84.{4})?\xe7", re.DOTALL)
"""Head of a cluster, whose first element is its time (RFC 9559)."""
_CLUSTER_HEAD_BYTES = 19
_MAX_CLUSTER_BYTES = 64 << 20
"""Bytes in which a cluster is looked for. In films one may have tens of megabytes."""
_READ_BYTES = 1 << 20


class Window(NamedTuple):
    """A part of a recording: where it begins, as a share of the whole, and its length.

    One at 0 begins where the track is, which is at its beginning if it was just opened.
    """

    share: float
    seconds: float


def sample_track(
    track: Track, content: SourceContent, windows: Iterable[Window]
) -> Iterator[list[Sequence[int]]]:
    """Yield the windows of a track: 16-bit samples of each channel, by 0.1 s.

    Windows that cannot be reached are left out, such as all but the first of most recordings of
    unknown duration.
    """
    frames = _sample_frames(track, content, windows)
    for _, alike in groupby(frames, frame_format):
        yield from _samples(alike)


def sample_peaks(
    track: Track, content: SourceContent, windows: Iterable[Window]
) -> Iterator[float]:
    """Yield the largest absolute value of each frame of the windows of a track.

    Its samples are of floating point.
    """
    return map(frame_peak, _sample_frames(track, content, windows))


def _sample_frames(
    track: Track, content: SourceContent, windows: Iterable[Window]
) -> Iterator[AudioFrame]:
    """Yield the frames of each window, as long as their format is the same."""
    for window in windows:
        try:
            with _track_at(track, content, window.share) as moved:
                frames = _decode_seconds(moved, window.seconds)
                yield from next(groupby(frames, frame_format), (None, ()))[1]
        except (OSError, ValueError, RecordingError, av.error.FFmpegError):
            continue


@contextlib.contextmanager
def _track_at(track: Track, content: SourceContent, share: float) -> Iterator[Track]:
    """Move to a share of a recording; raise an error if that is not possible."""
    if share and track.container in _CLUSTER_CONTAINERS:
        with open_track(_from_cluster(content, share), track.index) as moved:
            yield moved
        return
    if share:
        _seek(track, content.size, share)
    yield track


def _from_cluster(content: SourceContent, share: float) -> SourceContent:
    """Return a Matroska file without the clusters before a share of its bytes."""
    with content.open() as stream:
        start = _find_cluster(stream, 0)
        found = _find_cluster(stream, int(content.size * share))
    return content.parts([(0, start), (found, content.size)])


def _find_cluster(stream: BinaryIO, position: int) -> int:
    """Return the position of the next cluster; raise an error if there is none nearby."""
    for start in range(position, position + _MAX_CLUSTER_BYTES, _READ_BYTES):
        stream.seek(start)
        data = stream.read(_READ_BYTES + _CLUSTER_HEAD_BYTES)
        if match := _CLUSTER.search(data):
            return start + match.start()
        if not data:
            break
    raise ValueError


def _seek(track: Track, size: int, share: float) -> None:
    """Move the demuxer of a track."""
    demuxer = track.demuxer
    if track.container in _BYTE_SOUGHT_CONTAINERS:
        demuxer.seek(int(size * share), unsupported_byte_offset=True)
    elif not demuxer.duration:
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
    """Yield the samples of each channel of frames of one format."""
    first = next(frames)
    graph, channels = filter_graph(first, *_FILTERS), first.layout.nb_channels
    for frame in chain((first,), frames, (None,)):
        for sample in pull_frames(graph, frame):
            packed = array("h", bytes(sample.planes[0])[: sample.samples * channels * 2])
            yield [packed[at::channels] for at in range(channels)]
