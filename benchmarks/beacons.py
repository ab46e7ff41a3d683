"""Whether long recordings come back whole: each beacon once, in order, and on time.

Makes a beacon recording (tests/support/beacon_recordings.py) in every container and codec, sends
it through the client, cut and stitched, to a sandbox in the same process whose engine hears
beacons, and prints a table. The seconds are those of cutting, sending, decoding, hearing and
stitching together. Players do not skip the 481 samples by which an mp2 encoder is late, so mp2 is
11 to 15 ms late by itself.

    python benchmarks/beacons.py [--hours 1] [--formats mp3 m4a ...] [--piece-seconds 120]

Pieces last two minutes, to have many cuts; `--piece-seconds 0` makes them as long as the service
takes them.
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
from support.beacon_recordings import FORMATS, PERIOD_SECONDS, Format, start_of, write

MEGABYTE = 1_000_000
PLENTY = 1_000_000
"""Requests per minute."""


def findings(transcript: Transcript, count: int) -> str:
    """The beacons that were heard, and what is wrong with them, as cells of the table."""
    heard = [(int(segment.text), segment.start) for segment in transcript.segments]
    times = Counter(number for number, _ in heard)
    missing = count - len(times.keys() & set(range(count)))
    doubled = len(heard) - len(times)
    disordered = sum(after <= before for (before, _), (after, _) in pairwise(heard))
    late = max((abs(start - start_of(number)) for number, start in heard), default=0)
    return f"{len(heard)} | {missing} | {doubled} | {disordered} | {late * 1000:.1f}"


def row(name: str, form: Format, hours: float, piece_seconds: float, url: str) -> str:
    """One line of the table."""
    count = round(hours * 3600 / PERIOD_SECONDS)
    with tempfile.TemporaryDirectory() as folder, client(url) as audio:
        path = write(form, Path(folder) / f"beacons.{name}", count)
        size = path.stat().st_size / MEGABYTE
        started = time.perf_counter()
        transcript = audio.transcribe(path, piece_seconds=piece_seconds or None)
        wall = time.perf_counter() - started
    kind = f"{form.container} | {form.encoder} {form.sample_rate / 1000:g} kHz"
    return f"| {name} | {kind} | {size:.0f} | {findings(transcript, count)} | {wall:.1f} |"


def client(url: str) -> ApertisAudio:
    """One that keeps nothing for the next time."""
    return ApertisAudio("sk-benchmark", base_url=url, cache=False)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, default=1)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--piece-seconds", type=float, default=120)
    asked = parser.parse_args()
    print("| file | container | codec | MB | beacons | missing | doubled | disordered | ms | s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    with Sandbox(recogniser="beacon", requests_per_minute=PLENTY) as url:
        for name in asked.formats:
            line = row(name, FORMATS[name], asked.hours, asked.piece_seconds, url)
            print(line, flush=True)


if __name__ == "__main__":
    main()
