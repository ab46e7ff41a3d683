"""Check that all of a recording is transcribed, in every container and codec, however it is sent.

This makes a minute of beacons (tests/support/beacon_recordings.py) in every container with every
codec that FFmpeg writes there, at several sample rates, and some of them with audio that begins
five seconds after the picture. Each is sent whole, cut into pieces, re-encoded, and as the clip of
a chat message, to a sandbox in the same process whose engine recognises beacons. Nothing may be
missing, doubled or out of order, and the times have to be those of a player: of FFmpeg, which
shows the earliest time stamp of all tracks as 0. It decodes what some encoders put in front, so
that beacons are late by as much in a player as well; that is the column "codec".

    python benchmarks/beacons.py [--only TEXT ...] [--write docs/formats.md]
    python benchmarks/beacons.py --hours 10 [--only mp3] [--piece-seconds 120]

With `--hours` the recordings are that long and are only cut; `--piece-seconds 0` makes pieces as
long as the service permits.
"""

import argparse
import functools
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import av

from apertis_audio_tools import ApertisAudio, ApertisError, Transcript
from apertis_audio_tools.audio import encode_chat_clip, probe
from apertis_audio_tools.sandbox import BeaconRecogniser, Sandbox
from apertis_audio_tools.sandbox.audio_decoding import decode

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from beacon_matrix import RECORDINGS, MatrixRecording
from page_parts import replace_part

from support.beacon_recordings import PERIOD_SECONDS, beacon_start

COUNT = 30
REQUESTS_PER_MINUTE = 1_000_000
"""Rate limit of the sandbox, which no run reaches."""
ACCURACY = 0.04
"""Seconds by which a beacon may be off."""
PART = "beacons"

Beacons = list[tuple[int, float]]
"""Numbers of beacons, and the seconds at which they begin."""


class Finding(NamedTuple):
    """Beacons that are missing, doubled and out of order, and the worst seconds of the others."""

    missing: int
    doubled: int
    disordered: int
    late: float
    error: str = ""

    @property
    def is_right(self) -> bool:
        """True if nothing is wrong."""
        return not any(self[:3]) and not self.error and abs(self.late) <= ACCURACY

    def __str__(self) -> str:
        if self.error:
            return self.error
        counts = "/".join(map(str, self[:3]))
        return f"{counts}/{abs(self.late) * 1000:.0f}"


def compare(beacons: Beacons, count: int, delay: float) -> Finding:
    """Return what is wrong about beacons that a player would play `delay` seconds late."""
    times = Counter(number for number, _ in beacons)
    off = [start - beacon_start(number) - delay for number, start in beacons]
    return Finding(
        count - len(times.keys() & set(range(count))),
        len(beacons) - len(times),
        sum(after <= before for (before, _), (after, _) in pairwise(beacons)),
        max(off, key=abs, default=0.0),
    )


def player_delay(path: Path) -> float:
    """Return the seconds by which a player plays the first beacon too late."""
    resampler = av.AudioResampler("s16", "mono", 16_000)
    with av.open(str(path)) as container:
        frames = container.decode(audio=0)
        first = next(frames)
        start = (first.time or 0.0) - earliest_stamp(path)
        pcm = b"".join(_pcm(resampler, first))
        while len(pcm) < 16_000 * 2 * 6:
            pcm += b"".join(_pcm(resampler, next(frames)))
    number, heard = beacons_in(pcm)[0]
    return heard + start - beacon_start(number)


def earliest_stamp(path: Path) -> float:
    """Return the time stamp that a player shows as 0."""
    with av.open(str(path)) as container:
        if container.start_time is not None:
            return container.start_time / 1_000_000
        packets = [packet for packet, _ in zip(container.demux(), range(32), strict=False)]
    stamps = [float(each.pts * each.time_base) for each in packets if each.pts is not None]
    return min(stamps, default=0.0)


def _pcm(resampler: av.AudioResampler, frame: av.AudioFrame) -> Iterator[bytes]:
    frame.pts = None
    for each in resampler.resample(frame):
        yield bytes(each.planes[0])[: each.samples * 2]


def beacons_in(pcm: bytes) -> Beacons:
    """Return the beacons in 16-bit samples at 16 kHz."""
    return [(int(each.text), each.start) for each in BeaconRecogniser().recognise(pcm)]


def beacons_of(transcript: Transcript) -> Beacons:
    """Return the beacons in a transcript."""
    return [(int(segment.text), segment.start) for segment in transcript.segments]


def chat_clip(path: Path) -> Beacons:
    """Return the beacons in the clip of a chat message, on the time line of the recording."""
    with probe(path) as recording:
        upload, _ = encode_chat_clip(recording)
        start = recording.start
    with upload.open() as stream:
        return [(number, at + start) for number, at in beacons_in(decode(stream))]


def send(audio: ApertisAudio, path: Path, **options: object) -> Beacons:
    """Return the beacons in the transcript of a recording."""
    return beacons_of(audio.transcribe(path, **options))  # type: ignore[arg-type]


def find(hear: Callable[[Path], Beacons], path: Path, count: int, delay: float) -> Finding:
    """Return what is wrong if a recording is sent in one way."""
    try:
        return compare(hear(path), count, delay)
    except ApertisError as error:
        return Finding(count, 0, 0, 0.0, type(error).__name__)


def ways(url: str) -> dict[str, Callable[[Path], Beacons]]:
    """Return the ways in which recordings are sent, by their names."""
    audio = ApertisAudio("sk-benchmark", base_url=url, cache=False)
    return {
        "whole": functools.partial(send, audio),
        "cut": functools.partial(send, audio, piece_seconds=20),
        "re-encoded": functools.partial(send, audio, upload_format="opus", piece_seconds=20),
        "chat clip": chat_clip,
    }


def print_matrix(recordings: Sequence[MatrixRecording], report: Callable[[str], None]) -> None:
    """Report what is wrong about each recording, as a table, and a sentence about all."""
    worst, wrong, total = 0.0, list[str](), 0
    with Sandbox(recogniser="beacon", requests_per_minute=REQUESTS_PER_MINUTE) as url:
        senders = ways(url)
        report(f"| container | codec | kHz | audio begins | codec ms | {' | '.join(senders)} |")
        report("|---|---|---|---|---|" + "---|" * len(senders))
        for recording in recordings:
            with tempfile.TemporaryDirectory() as folder:
                path = recording.write(Path(folder), COUNT)
                delay = player_delay(path)
                found = {name: find(way, path, COUNT, delay) for name, way in senders.items()}
            worst = max([worst, *(abs(each.late) for each in found.values())])
            wrong += [
                f"{recording.name} {name}" for name, each in found.items() if not each.is_right
            ]
            total += len(found)
            codec = round((delay - recording.start) * 1000)
            report(f"| {recording.cells} | {codec} | {' | '.join(map(str, found.values()))} |")
    report("")
    report(
        f"{total - len(wrong)} of {total} are right; no beacon is off by more than "
        f"{worst * 1000:.0f} ms. Not right: {', '.join(wrong) or 'none'}."
    )


def print_long(recordings: Sequence[MatrixRecording], hours: float, seconds: float) -> None:
    """Print what is wrong about long recordings that are cut."""
    count = round(hours * 3600 / PERIOD_SECONDS)
    with (
        Sandbox(recogniser="beacon", requests_per_minute=REQUESTS_PER_MINUTE) as url,
        ApertisAudio("sk-benchmark", base_url=url, cache=False) as audio,
    ):
        for recording in recordings:
            with tempfile.TemporaryDirectory() as folder:
                path = recording.write(Path(folder), count)
                cut = functools.partial(send, audio, piece_seconds=seconds or None)
                found = find(cut, path, count, player_delay(path))
                print(f"{recording.name}: {count} beacons, {found}", flush=True)


def main() -> None:
    """Print the table, or write it into a page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", default=[""], help="texts of which a name has one")
    parser.add_argument("--write", type=Path, help="page that gets the table")
    parser.add_argument("--hours", type=float)
    parser.add_argument("--piece-seconds", type=float, default=120)
    arguments = parser.parse_args()
    chosen = [each for each in RECORDINGS if any(text in each.name for text in arguments.only)]
    if arguments.hours:
        print_long(chosen, arguments.hours, arguments.piece_seconds)
        return
    lines = list[str]()

    def report(line: str) -> None:
        print(line, flush=True)
        lines.append(line)

    print_matrix(chosen, report)
    if arguments.write:
        replace_part(arguments.write, PART, "\n".join(lines))


if __name__ == "__main__":
    main()
