"""Measure processes: wall time, CPU time and peak memory.

A process starts with the peak memory of its parent, so the measuring process imports nothing heavy.
"""

import os
import statistics
import subprocess
import time
from dataclasses import dataclass

KILOBYTE, MEGABYTE = 1024, 1_000_000


class FailedError(Exception):
    """A measured process has failed."""


@dataclass(frozen=True)
class Figures:
    """Wall time and CPU time in seconds, and peak memory in megabytes, of one run.

    Child processes are included: their times are added, and the memory is that of the largest.
    """

    wall: float
    cpu: float
    memory: float


def measure(command: list[str]) -> Figures:
    """Run a process and return its figures.

    Python may write bytecode, which installed packages have: else each run would compile the
    sources of this package, and of no other.

    Raises:
        FailedError: If its exit code is not 0.
    """
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment)  # noqa: S603  # our own command
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise FailedError(f"Exit code {process.returncode}: {' '.join(command)}")
    memory = usage.ru_maxrss * KILOBYTE / MEGABYTE
    return Figures(wall, usage.ru_utime + usage.ru_stime, memory)


def medians(commands: dict[str, list[str]], runs: int) -> dict[str, Figures]:
    """Run processes several times in turn, and return the median run of each, by CPU time."""
    figures: dict[str, list[Figures]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            figures[name].append(measure(command))
    middle = statistics.median_low(range(runs))
    return {name: sorted(each, key=lambda run: run.cpu)[middle] for name, each in figures.items()}


def median(command: list[str], runs: int) -> Figures:
    """Run a process several times and return the median run, by CPU time."""
    return medians({"": command}, runs)[""]
