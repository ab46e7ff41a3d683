"""Measure the share of cuts that are within speech, by noise and by how loud it is.

This makes an hour of talk for each row: utterances of examples/data/standup.ogg and inaugural.ogg
in random order, with pauses as in a meeting, in a lecture, and in a talk that is nearly without
any. It adds noise, cuts the talk into pieces of up to 130 s, and compares the cuts with the spans
of speech in the recordings without noise, in which gaps below 150 ms are speech. A cut that is not
in a pause repeats two seconds, so that a word that it divides is whole in the next piece. With
`--before`, a checkout of an older commit is measured as well.

    python benchmarks/cut_quality.py [--hours 1] [--short] [--before FOLDER]
"""

import argparse
import functools
import json
import os
import subprocess
import sys
import tempfile
import wave
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import av
import numpy as np
from numpy.typing import NDArray

REPOSITORY = Path(__file__).parent.parent
FOLDER = REPOSITORY / "examples/data"
RECORDINGS = {FOLDER / "standup.ogg": 130, FOLDER / "inaugural.ogg": 450}
"""Recordings, and the loudness (of 32,767) between their room noise and their speech."""
RATE = 16_000
MAX_SECONDS = 130.0
MIN_GAP_SECONDS, MIN_UTTERANCE_SECONDS = 0.15, 0.3
"""Shorter gaps may be within a word, and shorter sounds no speech."""
PAUSES = {"meeting": (0.3, 1.6, 0.0), "lecture": (0.2, 0.5, 0.1), "hardly a pause": (0.15, 0.3, 0)}
"""Seconds of the shortest and of the longest pause, and the share of them that last a second."""
NOISES = ("white", "pink", "voices")
DECIBELS = (30, 20, 10, 5, 0)

Samples: TypeAlias = NDArray[np.floating[Any]]


class Talk(NamedTuple):
    """Samples without noise, and the seconds at which each utterance begins and ends."""

    samples: Samples
    spans: list[tuple[float, float]]


class Share(NamedTuple):
    """Numbers of cuts, of those within speech, and of those that repeat two seconds."""

    cuts: int
    within: int
    repeated: int

    def __str__(self) -> str:
        return f"{self.within / self.cuts:.1%} | {self.repeated / self.cuts:.1%}"


@functools.cache
def utterances() -> list[Samples]:
    """Return all utterances of the recordings, equally loud."""
    found = [_divide(_decode(path), loudness) for path, loudness in RECORDINGS.items()]
    return [each for utterances in found for each in utterances]


def _decode(path: Path) -> Samples:
    resampler = av.AudioResampler("s16", "mono", RATE)
    with av.open(str(path)) as container:
        frames = [each for frame in container.decode(audio=0) for each in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(float)


def _divide(samples: Samples, loudness: float) -> Iterator[Samples]:
    block = RATE // 100
    levels = np.sqrt((samples[: len(samples) // block * block].reshape(-1, block) ** 2).mean(1))
    loud = np.flatnonzero(levels > loudness)
    breaks = [0, *(np.flatnonzero(np.diff(loud) > MIN_GAP_SECONDS * 100) + 1), len(loud)]
    for first, end in pairwise(breaks):
        utterance = samples[loud[first] * block : (loud[end - 1] + 1) * block]
        if len(utterance) >= MIN_UTTERANCE_SECONDS * RATE:
            yield utterance * (2_600 / np.sqrt((utterance**2).mean()))


def make_talk(style: str, seconds: float, seed: int) -> Talk:
    """Return utterances in random order, with pauses of a style between them."""
    shortest, longest, second_share = PAUSES[style]
    choose, spoken = np.random.default_rng(seed), utterances()
    parts, spans, position = list[Samples](), list[tuple[float, float]](), 0
    while position < seconds * RATE:
        pause = 1.0 if choose.random() < second_share else choose.uniform(shortest, longest)
        utterance = spoken[choose.integers(len(spoken))] * 10 ** (choose.uniform(-3, 3) / 20)
        start = position + round(pause * RATE)
        position = start + len(utterance)
        spans.append((start / RATE, position / RATE))
        parts += [np.zeros(round(pause * RATE)), utterance]
    return Talk(np.concatenate(parts), spans)


def make_noise(kind: str) -> Samples:
    """Return a minute of noise of power 1: white or pink, or eight voices at once."""
    length = 60 * RATE
    if kind == "voices":
        talks = [make_talk("hardly a pause", 60, seed).samples for seed in range(8)]
        mixed = np.asarray(sum(each[:length] for each in talks))
        return np.asarray(mixed / mixed.std())
    white = np.random.default_rng(0).standard_normal(length)
    if kind == "white":
        return white
    spectrum = np.fft.rfft(white) / np.sqrt(np.maximum(np.arange(length // 2 + 1), 1))
    pink = np.fft.irfft(spectrum, length)
    return np.asarray(pink / pink.std())


def write_wav(path: Path, samples: Samples) -> None:
    """Write samples as a 16-bit WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(np.clip(samples, -32_768, 32_767).astype("<i2").tobytes())


def print_cuts(path: str) -> None:
    """Print the seconds at which a recording is cut, and whether it repeats something there."""
    from apertis_audio_tools.audio import cut_pieces, probe

    pieces = list(cut_pieces(probe(path), max_bytes=10**9, max_seconds=MAX_SECONDS))
    cuts = [(before.end, after.overlap > 0) for before, after in pairwise(pieces)]
    print(json.dumps(cuts))


def measure(path: Path, source: Path, spans: list[tuple[float, float]]) -> Share:
    """Cut a recording with a version of this package, and count the cuts that are within speech."""
    command = [sys.executable, __file__, "--cut", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(source)}
    finished = subprocess.run(  # noqa: S603  # our own command
        command, capture_output=True, text=True, check=True, env=environment
    )
    cuts = json.loads(finished.stdout)
    starts = np.array([start for start, _ in spans])
    within = 0
    for at, _ in cuts:
        span = spans[max(int(np.searchsorted(starts, at)) - 1, 0)]
        within += span[0] < at < span[1]
    return Share(len(cuts), within, sum(is_repeated for _, is_repeated in cuts))


def noisy_talks(
    hours: float, decibels: Sequence[int], noises: Sequence[str]
) -> Iterator[tuple[str, Talk]]:
    """Yield talks in each noise, with the first cells of their rows."""
    for style in PAUSES:
        talk = make_talk(style, hours * 3600, seed=1)
        power = np.sqrt(np.mean(talk.samples[talk.samples != 0] ** 2))
        for kind in noises:
            noise = np.resize(make_noise(kind), len(talk.samples)) * power
            for loudness in decibels:
                samples = talk.samples + noise / 10 ** (loudness / 20)
                yield f"{style} | {kind} | {loudness}", talk._replace(samples=samples)


def row(name: str, shares: Iterable[Share]) -> str:
    """Return a row of the table, from the cells that name it and the shares of each version."""
    shares = list(shares)
    cuts = "/".join(str(each.cuts) for each in shares)
    return f"| {name} | {cuts} | {' | '.join(map(str, shares))} |"


def print_table(talks: Iterable[tuple[str, Talk]], before: Path | None) -> None:
    """Print the share of cuts within speech, and of those that repeat two seconds."""
    sources = ({"before": before / "src"} if before else {}) | {"now": REPOSITORY / "src"}
    heads = [f"{name}: within speech | repeated" for name in sources]
    print(f"| talk | noise | dB | cuts | {' | '.join(heads)} |")
    print("|---|---|---|---|" + "---|---|" * len(sources))
    found = list[list[Share]]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "talk.wav"
        for name, talk in talks:
            write_wav(path, talk.samples)
            found.append([measure(path, source, talk.spans) for source in sources.values()])
            print(row(name, found[-1]), flush=True)
    versions = zip(*found, strict=True)
    print(row("all | |", (Share(*map(sum, zip(*each, strict=True))) for each in versions)))


def main() -> None:
    """Read the arguments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, default=1)
    parser.add_argument("--short", action="store_true", help="ten minutes of each talk, one noise")
    parser.add_argument("--before", type=Path, help="checkout of another commit")
    parser.add_argument("--cut", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cut:
        print_cuts(arguments.cut)
    elif arguments.short:
        print_table(noisy_talks(1 / 6, (10,), ("pink",)), arguments.before)
    else:
        print_table(noisy_talks(arguments.hours, DECIBELS, NOISES), arguments.before)


if __name__ == "__main__":
    main()
