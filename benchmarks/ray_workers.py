"""Compare the throughput of one worker of Ray with that of one process without Ray.

Both transcribe the same recordings of five seconds with eight pieces under way, no limits and no
cache, one after the other in each run. The service is a thread of this process; it answers after a
while, or at once. Time and processor time are those between the first tenth of the requests and the
last, so that nobody's start counts.

    make ray
    python benchmarks/ray_workers.py --recordings 400 --runs 3

This needs ``apertis-audio-tools[ray]``.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.loopback_server import Exchange, LoopbackServer
from support.ray_clusters import KEY, CountingService, RayCluster, ray_cluster
from support.wav_files import write_silent_wav

AIM = 0.8
CONCURRENCY = 8
SIZE = 160_000
TICKS = os.sysconf("SC_CLK_TCK")
ONE_PROCESS = f"""
import sys
from pathlib import Path
from apertis_audio_tools import ApertisAudio
settings = dict(base_url=sys.argv[1], requests_per_minute=None, max_concurrency={CONCURRENCY})
with ApertisAudio({KEY!r}, cache=False, **settings) as audio:
    paths = sorted(Path(sys.argv[2]).iterdir())
    for outcome in audio.transcribe_many(paths, model="whisper-1", in_order=False):
        outcome.transcript.text
"""


@dataclass
class Measurement:
    """Marks of one process at requests to the service.

    Attributes:
        first: Number of the request at the first mark.
        last: Number of the request at the last mark.
        pid: Function that returns the id of the process, which is running by the first mark.
    """

    first: int
    last: int
    pid: Callable[[], int]
    requests: int = 0
    process: int = 0
    start: tuple[float, float] = (0.0, 0.0)
    end: tuple[float, float] = (0.0, 0.0)

    def note(self, _: str, __: Exchange) -> bool:
        """Take the times at a request if it is a mark."""
        self.requests += 1
        if self.requests == self.first:
            self.process = self.pid()
            self.start = self._times()
        elif self.requests == self.last:
            self.end = self._times()
        return False

    def _times(self) -> tuple[float, float]:
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return time.perf_counter(), (int(fields[11]) + int(fields[12])) / TICKS

    def results(self) -> tuple[float, float]:
        """Return the recordings in a second, and the milliseconds of a processor for each."""
        elapsed, processor = (b - a for a, b in zip(self.start, self.end, strict=True))
        number = self.last - self.first
        return number / elapsed, 1000 * processor / number


def measure(
    cluster: RayCluster | None, folder: Path, number: int, seconds: float
) -> tuple[float, float]:
    """Return the results of one worker of a cluster, or of one process without a cluster."""
    started: list[subprocess.Popen[bytes]] = []
    measurement = Measurement(
        number // 10, number, lambda: cluster.workers()[0] if cluster else started[0].pid
    )
    with LoopbackServer([CountingService(seconds, measurement.note)]) as server:
        if cluster:
            rows = tempfile.mkdtemp(dir=folder.parent)
            options = {"workers": 1, "requests_per_minute": None, "cache": False}
            driver = cluster.start_driver([folder], rows, server.url, **options)
            started.append(driver.process)
        else:
            command = [sys.executable, "-c", ONE_PROCESS, server.url, str(folder)]
            started.append(subprocess.Popen(command))  # noqa: S603  # our own code
        if started[0].wait():
            raise SystemExit("A contestant has failed.")
    return measurement.results()


def row(cluster: RayCluster, folder: Path, number: int, seconds: float, runs: int) -> str:
    """Return the row of one latency: medians of both contestants, and their ratio."""
    found = [
        (measure(None, folder, number, seconds), measure(cluster, folder, number, seconds))
        for _ in range(runs)
    ]
    one, worker = (
        [statistics.median(values) for values in zip(*contestant, strict=True)]
        for contestant in zip(*found, strict=True)
    )
    ratio, cpu = worker[0] / one[0], worker[1] / one[1]
    return (
        f"| {seconds:g} s | {one[0]:.0f} /s, {one[1]:.1f} ms | {worker[0]:.0f} /s,"
        f" {worker[1]:.1f} ms | {ratio:.2f} x, {cpu:.2f} x | at least {AIM} x |"
    )


def main() -> None:
    """Print a table with a row for each latency."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--recordings", type=int, default=400)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--latencies", type=float, nargs="+", default=[0.3, 0.05, 0.0])
    options = parser.parse_args()
    print("| latency | one process | one worker of Ray | throughput, processor time | aim |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as parent, ray_cluster(2) as cluster:
        folder = Path(parent) / "recordings"
        folder.mkdir()
        for number in range(options.recordings):
            write_silent_wav(folder / f"r{number:06}.wav", SIZE + 2 * number)
        for seconds in options.latencies:
            print(row(cluster, folder, options.recordings, seconds, options.runs), flush=True)


if __name__ == "__main__":
    main()
