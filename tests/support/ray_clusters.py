"""Clusters of Ray and their drivers, as processes of their own, and a service that counts."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from support.loopback_server import Exchange
from support.scripted_responses import respond_error, respond_json
from support.wav_files import write_silent_wav

PROCESSES = Path(__file__).parent / "processes"
KEY = "key-of-a-test"
SECONDS = 300
"""Time after which a driver counts as stuck."""
_NAME = re.compile(rb'filename="(\w+)\.')


def write_tiny_recordings(folder: Path, number: int) -> list[Path]:
    """Write recordings of a tenth of a second with different content, named by their numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    return [
        write_silent_wav(folder / f"r{each}.wav", 3200 + 2 * (each % 1000) + 4000 * (each // 1000))
        for each in range(number)
    ]


@dataclass
class CountingService:
    """A behaviour that answers with the name of the recording, and counts what it would bill.

    Attributes:
        seconds: Time that a response takes.
        before: Called with each name and exchange; returns True if it has responded itself.
        billed: Number of requests by the name of the recording.
        arrivals: Times of all requests.
        most: Highest number of requests that were in progress at once.
        current: Number of requests that are in progress.
    """

    seconds: float = 0.02
    before: Callable[[str, Exchange], object] = lambda _name, _exchange: False
    billed: Counter[str] = field(default_factory=Counter)
    arrivals: list[float] = field(default_factory=list)
    most: int = 0
    current: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, exchange: Exchange) -> None:
        """Respond to a request."""
        exchange.read_body()
        match = _NAME.search(exchange.received.body)
        name = match.group(1).decode() if match else ""
        with self._changed:
            self.billed[name] += 1
            self.arrivals.append(time.monotonic())
            self.current += 1
            self.most = max(self.most, self.current)
            self._changed.notify_all()
        try:
            if not self.before(name, exchange):
                time.sleep(self.seconds)
                respond = respond_error(400, "invalid_request") if name == "bad" else None
                (respond or respond_json({"text": name, "duration": 0.1}))(exchange)
        finally:
            with self._changed:
                self.current -= 1

    def wait_for(self, requests: int) -> None:
        """Block until a number of requests have arrived."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.arrivals) >= requests, SECONDS)


@dataclass(frozen=True)
class Driver:
    """A driver, and the file that it writes its output to.

    A pipe would be full of Ray's messages, and the driver would wait until somebody reads it.
    """

    process: "subprocess.Popen[bytes]"
    output: IO[bytes]

    def finish(self) -> str:
        """Wait until the driver has ended, and return its output."""
        with self.output:
            self.process.wait(SECONDS)
            self.output.seek(0)
            return self.output.read().decode(errors="replace")


@dataclass(frozen=True)
class RayCluster:
    """A running cluster.

    Attributes:
        address: Address for drivers.
        folder: Folder of its files.
    """

    address: str
    folder: Path

    def start_driver(
        self, paths: Sequence[str | Path], rows: str | Path, url: str, **options: Any
    ) -> Driver:
        """Start a driver that writes the rows of recordings to a folder."""
        settings = {"api_key": KEY, "base_url": url, **options}
        command = [
            *(sys.executable, str(PROCESSES / "ray_driver.py"), self.address),
            *(json.dumps([str(path) for path in paths]), str(rows), json.dumps(settings)),
        ]
        output = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `finish`
        process = subprocess.Popen(
            command, env=driver_environment(), stdout=output, stderr=subprocess.STDOUT
        )
        return Driver(process, output)

    def run(
        self, paths: Sequence[str | Path], rows: Path, url: str, **options: Any
    ) -> list[dict[str, Any]]:
        """Return the rows of recordings, once a driver has written them."""
        driver = self.start_driver(paths, rows, url, **options)
        output = driver.finish()
        assert driver.process.returncode == 0, output
        return read_rows(rows)

    def workers(self, title: str = "ray::MapWorker") -> list[int]:
        """Return the process ids of its workers, by the title of their processes."""
        return [
            pid
            for pid, command in _commands().items()
            if command.startswith(title) and str(self.folder) in _parent_command(pid)
        ]


@contextlib.contextmanager
def ray_cluster(processors: int = 4) -> Iterator[RayCluster]:
    """Yield a cluster, all of whose processes end with it."""
    # A short path: those of sockets may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        process = subprocess.Popen(
            [sys.executable, PROCESSES / "ray_cluster.py", f"{processors}", folder],
            env=driver_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin
        assert process.stdout
        try:
            yield RayCluster(process.stdout.readline().strip(), Path(folder))
        finally:
            process.stdin.close()
            process.wait(SECONDS)
            process.stdout.close()


def kill(pid: int) -> None:
    """Kill a process at once, as a machine that loses its power would."""
    os.kill(pid, signal.SIGKILL)


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """Return all rows of a folder of Parquet files."""
    from pyarrow import parquet

    rows: list[dict[str, Any]] = parquet.read_table(folder).to_pylist()
    return rows


def driver_environment() -> dict[str, str]:
    """Return the environment of a cluster and its drivers."""
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    return {**os.environ, **quiet, "APERTIS_AUDIO_CACHE": "0"}


def _commands() -> dict[int, str]:
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            found[int(folder.name)] = (folder / "cmdline").read_text(errors="replace")
    return found


def _parent_command(pid: int) -> str:
    with contextlib.suppress(OSError):
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
        return Path(f"/proc/{after_name.split()[1]}/cmdline").read_text(errors="replace")
    return ""
