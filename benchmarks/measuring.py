"""What a process takes: seconds of wall time, of processors, and memory.

A process begins with the peak memory of its parent, so whoever measures imports nothing heavy.
"""

import os
import statistics
import subprocess
import time
from dataclasses import dataclass

KILOBYTE, MEGABYTE = 1024, 1_000_000


class FailedError(Exception):
    """A measured process did not do its work."""


@dataclass(frozen=True)
class Figures:
    """Of one run: seconds, seconds, megabytes.

    What a process started and waited for counts too: its time is added, and the memory is that of
    the largest of them.
    """

    wall: float
    cpu: float
    memory: float


def measured(command: list[str]) -> Figures:
    """What a process takes.

    Raises:
        FailedError: It said so by its exit code.
    """
    started = time.perf_counter()
    process = subprocess.Popen(command)  # noqa: S603  # our own command
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise FailedError(f"Exit code {process.returncode}: {' '.join(command)}")
    memory = usage.ru_maxrss * KILOBYTE / MEGABYTE
    return Figures(wall, usage.ru_utime + usage.ru_stime, memory)


def median(command: list[str], runs: int) -> Figures:
    """The median run, by wall time."""
    found = sorted((measured(command) for _ in range(runs)), key=lambda figures: figures.wall)
    return found[statistics.median_low(range(runs))]
