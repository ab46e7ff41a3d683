"""Check that long recordings are transcribed completely: each beacon once, in order, and on time.

This makes a beacon recording (tests/support/beacon_recordings.py) in every container and codec,
transcribes it in pieces with a sandbox in the same process whose engine recognises beacons, and
prints a table. The seconds include cutting, sending, decoding, recognition and stitching. Players
do not skip the 481 samples of delay of an mp2 encoder, so mp2 is 11 to 15 ms late by itself.

    python benchmarks/beacons.py [--hours 1] [--formats mp3 m4a ...] [--piece-seconds 120]

Pieces last two minutes, so that there are many cuts; `--piece-seconds 0` makes them as long as the
service permits.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

from apertis_audio_tools import ApertisAudio, Transcript
from apertis_audio_tools.sandbox import Sandbox

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.beacon_recordings import (
    FORMATS,
    PERIOD_SECONDS,
    BeaconFormat,
    beacon_start,
    write_beacons,
)

MEGABYTE = 1_000_000
REQUESTS_PER_MINUTE = 1_000_000
"""Rate limit of the sandbox, which no run reaches."""


def findings(transcript: Transcript, count: int) -> str:
    """Return the number of beacons and of their defects, as cells of the table."""
    beacons = [(int(segment.text), segment.start) for segment in transcript.segments]
    times = Counter(number for number, _ in beacons)
    missing = count - len(times.keys() & set(range(count)))
    doubled = len(beacons) - len(times)
    disordered = sum(after <= before for (before, _), (after, _) in pairwise(beacons))
    late = max((abs(start - beacon_start(number)) for number, start in beacons), default=0)
    return f"{len(beacons)} | {missing} | {doubled} | {disordered} | {late * 1000:.1f}"


def row(name: str, encoding: BeaconFormat, hours: float, piece_seconds: float, url: str) -> str:
    """Transcribe one recording and return its row of the table."""
    count = round(hours * 3600 / PERIOD_SECONDS)
    with tempfile.TemporaryDirectory() as folder, client(url) as audio:
        path = write_beacons(encoding, Path(folder) / f"beacons.{name}", count)
        size = path.stat().st_size / MEGABYTE
        start = time.perf_counter()
        transcript = audio.transcribe(path, piece_seconds=piece_seconds or None)
        wall = time.perf_counter() - start
    kind = f"{encoding.container} | {encoding.encoder} {encoding.sample_rate / 1000:g} kHz"
    return f"| {name} | {kind} | {size:.0f} | {findings(transcript, count)} | {wall:.1f} |"


def client(url: str) -> ApertisAudio:
    """Return a client without a cache."""
    return ApertisAudio("sk-benchmark", base_url=url, cache=False)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, default=1)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--piece-seconds", type=float, default=120)
    arguments = parser.parse_args()
    print("| file | container | codec | MB | beacons | missing | doubled | disordered | ms | s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with Sandbox(recogniser="beacon", requests_per_minute=REQUESTS_PER_MINUTE) as url:
        for name in arguments.formats:
            line = row(name, FORMATS[name], arguments.hours, arguments.piece_seconds, url)
            print(line, flush=True)


if __name__ == "__main__":
    main()
