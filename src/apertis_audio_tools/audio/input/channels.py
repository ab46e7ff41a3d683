"""Mix channels and tracks to one signal in which nobody is lost.

What a service makes of more than two channels is unknown: FFmpeg leaves out what is called the
low-frequency channel, others take the first one only. Where left is right upside down, as in calls
recorded with a wrong cable, the mean is silence. Such recordings are mixed here.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from math import sqrt
from operator import add, mul, sub
from typing import NamedTuple, TypeVar, cast

from av.audio.frame import AudioFrame
from av.filter import Graph

from apertis_audio_tools.audio.input.frames import filter_graph, frame_format, is_float, pull_frames
from apertis_audio_tools.audio.input.sampling import Window, sample_peaks, sample_track
from apertis_audio_tools.audio.input.sources import SourceContent
from apertis_audio_tools.audio.input.tracks import Track, open_track

_WINDOWS = (Window(0, 4.0), *(Window(at / 8, 1.0) for at in range(1, 8)))
"""Parts of a recording in which its channels are compared: eleven seconds."""
_GLANCES = tuple(Window(at / 8, 0.25) for at in (0, 1, 2, 3, 5, 6, 7, 4))
"""Parts in which two channels are compared before: two seconds, the last of them in the middle."""
_MAX_LOSS = 10**-1.2
"""Power of the mean of two channels below which they cancel each other, as a share of the louder:
-12 dB. If only one speaks, it is -6 dB."""
_SURE_SHARE, _SURE_POWER = 10**-0.9, 164.0**2
"""Power of the mean (-9 dB) and of the louder (-46 dB) from which on two seconds are enough: it is
speech that was heard, and it does not cancel."""
_MAX_PEAK, _PEAK_SHARE = 4.0, 0.9
"""Largest peak of samples of floating point that is left alone: 12 dB above full scale. Programs
that write integers as floating point exceed that by far. A tenth of the peaks may be damage."""
_STEREO = 2
_COMPARED_STEP = 4
"""Step between the samples by which two channels are found to cancel each other."""
_FULLY_COMPARED = 8
"""Channels of which every sample is compared. Of more channels fewer are, which takes as long."""
_LIMITER = "level=disabled:latency=enabled:limit=0.9:attack=5:release=50"
"""FFmpeg's limiter, without its gain and its delay. It changes nothing below the limit."""

Other = TypeVar("Other")


class ChannelMix(NamedTuple):
    """The factors with which channels are added.

    Attributes:
        signs: 1 or -1 for each channel.
        gain: Factor of the sum.
        level: Factor of every sample, below 1 if the recording is far too loud.
    """

    signs: tuple[int, ...]
    gain: float
    level: float = 1.0


def choose_mix(track: Track, content: SourceContent) -> ChannelMix | None:
    """Return how the channels of an open track are to be mixed, or None if anyone may do that.

    Up to two channels are left alone unless they cancel each other, or are far too loud. The choice
    depends on eleven seconds of the recording: four where the track is, and one at each eighth. Two
    seconds are enough if something is to be heard in them that does not nearly cancel.
    """
    channels = track.decoder.channels  # before it decodes damaged headers
    mix = None
    if channels > _STEREO:
        mix = _balanced_mix(_sample_channels(track, content, channels, _WINDOWS))
    elif channels == _STEREO and not _surely_add(
        *_sample_channels(track, content, channels, _GLANCES)
    ):
        samples = _sample_channels(track, content, channels, _WINDOWS)
        mix = _balanced_mix(samples) if _cancel(*samples) else None
    peak = _find_peak(content, track.index) if is_float(track.decoder) else 0.0
    if peak <= _MAX_PEAK:
        return mix
    return (mix or equal_mix(channels))._replace(level=1 / peak)


def choose_mix_of(content: SourceContent, index: int) -> ChannelMix | None:
    """Open a track and return how its channels are to be mixed; see `choose_mix`."""
    with open_track(content, index) as track:
        return choose_mix(track, content)


def _find_peak(content: SourceContent, index: int) -> float:
    """Return the loudest sample of floating point in the windows, but for a tenth of the frames."""
    with open_track(content, index) as track:
        peaks = sorted(sample_peaks(track, content, _WINDOWS))
    return peaks[int(len(peaks) * _PEAK_SHARE)] if peaks else 0.0


def equal_mix(channels: int) -> ChannelMix:
    """Return a mix of signals of which nothing is known."""
    return ChannelMix((1,) * channels, 1 / sqrt(channels))


def _sample_channels(
    track: Track, content: SourceContent, channels: int, windows: Iterable[Window]
) -> Sequence[Sequence[int]]:
    samples = [array("h") for _ in range(channels)]
    step = 1 + channels // _FULLY_COMPARED
    for block in sample_track(track, content, windows):
        if len(block) == channels:
            for known, new in zip(samples, block, strict=True):
                known.extend(new[::step])
    return samples


def _power(samples: Sequence[int]) -> int:
    return sum(map(mul, samples, samples))


def _surely_add(left: Sequence[int], right: Sequence[int]) -> bool:
    """Return whether channels are loud enough to know that they do not cancel each other."""
    mean, louder = _compare(left, right)
    return mean > louder * _SURE_SHARE and louder > _SURE_POWER


def _cancel(left: Sequence[int], right: Sequence[int]) -> bool:
    mean, louder = _compare(left, right)
    return mean < louder * _MAX_LOSS


def _compare(left: Sequence[int], right: Sequence[int]) -> tuple[float, float]:
    """Return the power of a sample of the mean of two channels, and that of the louder."""
    left, right = left[::_COMPARED_STEP], right[::_COMPARED_STEP]
    powers = _power(left), _power(right)
    mean = (sum(powers) + 2 * sum(map(mul, left, right))) / 4
    return mean / max(len(left), 1), max(powers) / max(len(left), 1)


def _balanced_mix(samples: Sequence[Sequence[int]]) -> ChannelMix:
    """Return a mix that is as loud as the loudest channel, whichever of them speak.

    Beginning with the loudest, each channel is added to the sum of those before, or subtracted if
    it is their opposite. However alike the channels are, a voice in only one of them keeps the
    share it has in the sum of signals that are all different.
    """
    powers = list(map(_power, samples))
    signs = [1] * len(samples)
    order = sorted(range(len(samples)), key=powers.__getitem__, reverse=True)
    total: Sequence[int] = samples[order[0]]
    for at in order[1:]:
        is_opposite = sum(map(mul, total, samples[at])) < 0
        signs[at] = -1 if is_opposite else 1
        total = list(map(sub if is_opposite else add, total, samples[at]))
    lowest = equal_mix(len(samples)).gain
    power = _power(total)
    gain = sqrt(max(powers) / power) if power else lowest
    return ChannelMix(tuple(signs), min(max(gain, lowest), 1.0))


def mix_channels(
    items: Iterable[AudioFrame | Other], mix: ChannelMix
) -> Iterator[AudioFrame | Other]:
    """Yield frames with one channel, limited so that their sum is never too loud.

    Frames with another number of channels, and items that are no frames, are passed on.
    """
    graph, graph_input = None, None
    for item in items:
        is_mixed = isinstance(item, AudioFrame) and item.layout.nb_channels == len(mix.signs)
        frame = cast("AudioFrame", item) if is_mixed else None
        item_format = frame_format(frame) if frame else None
        if graph is not None and item_format != graph_input:
            yield from pull_frames(graph, None)
            graph = None
        graph_input = item_format
        if frame is None:
            yield item
            continue
        graph = graph or _mixing_graph(frame, mix)
        yield from pull_frames(graph, frame)
    if graph is not None:
        yield from pull_frames(graph, None)


def _mixing_graph(like: AudioFrame, mix: ChannelMix) -> Graph:
    gain = mix.gain * mix.level
    terms = "".join(f"{sign * gain:+.12f}*c{at}" for at, sign in enumerate(mix.signs))
    return filter_graph(
        like,
        ("aformat", "sample_fmts=dblp"),
        ("pan", f"mono|c0={terms}"),
        ("alimiter", _LIMITER),
    )


def interleave(tracks: Sequence[Iterator[AudioFrame]]) -> Iterator[AudioFrame]:
    """Yield frames in which each track is a channel.

    The frames of the tracks have one channel of 16-bit samples, the same sample rate, and the same
    length but for the last of each track.
    """
    for frames in zip_longest(*tracks):
        longest = max((each for each in frames if each), key=lambda each: each.samples)
        samples = array("h", bytes(2 * longest.samples * len(frames)))
        for at, frame in enumerate(frames):
            if frame is not None:
                end = frame.samples * len(frames)
                plane = memoryview(frame.planes[0])[: frame.samples * 2]
                samples[at : end : len(frames)] = array("h", plane.tobytes())
        packed = AudioFrame("s16", f"{len(frames)} channels", longest.samples)
        packed.planes[0].update(samples.tobytes().ljust(packed.planes[0].buffer_size, b"\0"))
        packed.sample_rate = longest.sample_rate
        yield packed
