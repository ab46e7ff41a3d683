"""Measure how loud each signal of a recording is at each moment, and which signals are the same."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import log10
from operator import mul
from statistics import median

from av.audio.frame import AudioFrame
from av.filter import Graph

from apertis_audio_tools.audio.cutting.speech_times import find_threshold
from apertis_audio_tools.audio.input.frames import filter_graph, frame_format, pull_frames
from apertis_audio_tools.audio.input.probing import Recording
from apertis_audio_tools.audio.input.tracks import map_av_errors
from apertis_audio_tools.audio.timing.decoding import Gap, decode_recording, decode_tracks
from apertis_audio_tools.errors import UnsupportedError

LEVEL_SECONDS = 0.02
LEVEL_SAMPLE_RATE = 4_000
"""Hz, as where pauses are found."""
_BLOCK = round(LEVEL_SAMPLE_RATE * LEVEL_SECONDS)
_FILTERS = (
    ("aformat", f"sample_fmts=s16p:sample_rates={LEVEL_SAMPLE_RATE}"),
    ("highpass", "f=100"),  # rumble, and the offset of cheap converters
    ("asetnsamples", f"n={LEVEL_SAMPLE_RATE}:p=0"),
    ("aformat", "sample_fmts=s16"),
)
STEPS_PER_DECIBEL = 2
_STEP = 5
STEP_SECONDS = LEVEL_SECONDS * _STEP
_ACTIVE_RANGE = 25 * STEPS_PER_DECIBEL
"""Distance of speech from the loudest sound."""
_MAX_DIFFERENCE = 36 * STEPS_PER_DECIBEL
"""Differences beyond this say how soft the noise of a signal is."""
_MIN_APART = 12 * STEPS_PER_DECIBEL
"""Distance of the differences while one speaks from those while the other one does."""
_MIN_STEPS = 10
"""Steps in which each of two signals is the louder one, at least, to compare how they were
recorded."""
_MAX_RESIDUE = 1e-3
"""Power of what one signal has and another has not, below which they are the same: -30 dB. Codecs
leave a little of a difference."""
_MAX_SECONDS = 100 * 3600.0
_COMPARED_SHARE = 4
"""Every fourth sample is compared."""


@dataclass(frozen=True, slots=True)
class SignalLevels:
    """Levels of the signals of a recording, for each block of 20 ms.

    Attributes:
        blocks: Mean power of each block in half decibels, 0 for silence, for each signal.
        copies: Number of the earlier signal that a signal repeats, by its own number.
    """

    blocks: Sequence[bytearray]
    copies: dict[int, int]

    def steps(self, signal: int) -> list[int]:
        """Return the levels of a signal by steps of 0.1 s, the loudest block of each."""
        return _steps(self.blocks[signal])

    def excess(self, signal: int, other: int, start: float, end: float) -> float:
        """Return by how many decibels another signal is louder between two seconds."""
        return self._loudness(other, start, end) - self._loudness(signal, start, end)

    def balance(self, signal: int, other: int) -> float:
        """Return by how many decibels another signal was recorded louder; see `find_balance`."""
        return find_balance(self.steps(other), self.steps(signal)) / STEPS_PER_DECIBEL

    def _loudness(self, signal: int, start: float, end: float) -> float:
        first = max(round(start / LEVEL_SECONDS), 0)
        levels = self.blocks[signal][first : max(round(end / LEVEL_SECONDS), first + 1)]
        powers = [10 ** (each / (10 * STEPS_PER_DECIBEL)) for each in levels]
        return 10 * log10(sum(powers) / len(powers)) if powers else 0.0


def measure_levels(recording: Recording, signals: Sequence[Recording]) -> SignalLevels:
    """Return the levels of signals, from the first sample of the recording on.

    The recording is decoded once. Memory: 180 KB for each hour of a signal.

    Args:
        recording: The recording, with its tracks.
        signals: Its tracks, or channels of its only track.

    Raises:
        RecordingError: If it is damaged.
        UnsupportedError: If it is longer than 100 hours.
    """
    if len(recording.tracks) > 1:
        order = [*range(len(signals))]
        items: Iterator[AudioFrame | Gap] = iter(decode_tracks(recording, LEVEL_SAMPLE_RATE))
    else:
        order = [_channel_index(each) for each in signals]
        tracks = (replace(recording.tracks[0], mix=None),)
        items = decode_recording(replace(recording, tracks=tracks), LEVEL_SAMPLE_RATE)
    meters = [LevelMeter() for _ in signals]
    products = dict.fromkeys(combinations(range(len(signals)), 2), 0)
    with map_av_errors(recording.label):
        for samples in _samples(items):
            if isinstance(samples, Gap):
                for meter in meters:
                    meter.add_silence(samples)
                continue
            chosen = [samples[at] if at < len(samples) else samples[0] for at in order]
            for meter, each in zip(meters, chosen, strict=True):
                meter.add(each)
            sparse = [each[::_COMPARED_SHARE] for each in chosen]
            for first, second in products:
                products[first, second] += sum(map(mul, sparse[first], sparse[second]))
    energies = [meter.compared for meter in meters]
    return SignalLevels([each.levels for each in meters], _find_copies(products, energies))


def find_balance(first: Sequence[int], second: Sequence[int]) -> float:
    """Return by how many steps of level a signal is louder than another one in its recording.

    It is in the middle between the usual differences while one of the two speaks and while the
    other one does; 0 if these are too much alike, as when only one of them ever speaks.
    """
    tops = max(first, default=0) - _ACTIVE_RANGE, max(second, default=0) - _ACTIVE_RANGE
    differences = [
        min(max(one - other, -_MAX_DIFFERENCE), _MAX_DIFFERENCE)
        for one, other in zip(first, second, strict=False)
        if one > tops[0] or other > tops[1]
    ]
    between = find_threshold(differences, _MIN_APART)
    low = [each for each in differences if each < between]
    high = [each for each in differences if each >= between]
    if min(len(low), len(high)) < _MIN_STEPS:
        return 0.0
    return (median(low) + median(high)) / 2


def _channel_index(signal: Recording) -> int:
    mix = signal.tracks[0].mix
    return mix.signs.index(1) if mix else 0


class LevelMeter:
    """The levels of one signal so far."""

    def __init__(self) -> None:
        self.levels = bytearray()
        self.compared = 0
        self._left = array("h")

    def add(self, samples: Sequence[int]) -> None:
        """Measure more samples; those of a block that is not full are kept."""
        self._require_room(len(samples) / LEVEL_SAMPLE_RATE)
        sparse = samples[::_COMPARED_SHARE]
        self.compared += sum(map(mul, sparse, sparse))
        self._left.extend(samples)
        for start in range(0, len(self._left) - _BLOCK + 1, _BLOCK):
            block = self._left[start : start + _BLOCK]
            self.levels.append(_level(sum(map(mul, block, block)) / _BLOCK))
        self._left = self._left[len(self._left) // _BLOCK * _BLOCK :]

    def steps(self) -> list[int]:
        """Return the levels by steps of 0.1 s, the loudest block of each."""
        return _steps(self.levels)

    def add_silence(self, seconds: float) -> None:
        """Extend the levels by some seconds without audio."""
        self._require_room(seconds)
        self.levels.extend(bytes(round(seconds / LEVEL_SECONDS)))

    def _require_room(self, seconds: float) -> None:
        """Raise `UnsupportedError` if it gets too long: headers may claim years of silence."""
        if len(self.levels) * LEVEL_SECONDS + seconds > _MAX_SECONDS:
            raise UnsupportedError(
                "Speakers are told apart in recordings of up to "
                f"{_MAX_SECONDS / 3600:.0f} hours, and this one is longer."
            )


def _steps(blocks: bytearray) -> list[int]:
    return [max(blocks[at : at + _STEP]) for at in range(0, len(blocks), _STEP)]


def _level(power: float) -> int:
    return min(round(10 * STEPS_PER_DECIBEL * log10(power)), 255) if power > 1 else 0


def _samples(items: Iterator[AudioFrame | Gap]) -> Iterator[list[Sequence[int]] | Gap]:
    """Yield the samples of all channels by the second, and gaps."""
    graph: Graph | None = None
    graph_input, channels = None, 1
    for item in items:
        is_gap = isinstance(item, Gap)
        item_format = None if is_gap else frame_format(item)  # type: ignore[arg-type]
        if graph is not None and item_format != graph_input:
            yield from _planes(graph, None, channels)
            graph = None
        graph_input = item_format
        if isinstance(item, Gap):
            yield item
            continue
        if graph is None:
            graph, channels = filter_graph(item, *_FILTERS), item.layout.nb_channels
        yield from _planes(graph, item, channels)
    if graph is not None:
        yield from _planes(graph, None, channels)


def _planes(graph: Graph, frame: AudioFrame | None, channels: int) -> Iterator[list[Sequence[int]]]:
    for done in pull_frames(graph, frame):
        packed = array("h", bytes(done.planes[0])[: done.samples * channels * 2])
        yield [packed[at::channels] for at in range(channels)]


def _find_copies(products: dict[tuple[int, int], int], energies: Sequence[int]) -> dict[int, int]:
    """Return the signals that repeat an earlier one, also louder, softer or upside down."""
    copies = dict[int, int]()
    for (first, second), product in products.items():
        both = energies[first] * energies[second]
        if both and product**2 >= (1 - _MAX_RESIDUE) * both and first not in copies:
            copies.setdefault(second, first)
    return copies
