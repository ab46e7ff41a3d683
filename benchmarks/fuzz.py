"""Process thousands of broken recordings, in processes whose time and memory are limited.

    python benchmarks/fuzz.py --first 0 --count 5000 --bombs 1000 --workers 2

Recordings of every container and codec are truncated and damaged, and so are small files that claim
or unpack to something enormous. Each is opened, measured, cut, encoded and decoded, each of which
has limits of its own. An input that crashes a process, hangs, needs too much memory or raises
anything but a typed error is reported, and written to a folder if one is given.
"""

import argparse
import ast
import contextlib
import faulthandler
import functools
import resource
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.hostile.fuzz_corpus import damaged, damaged_bomb, truncated

_WALL_SECONDS = 1_800
"""Limit of wall time for all checks of an input, on a machine that may be busy."""
_GIB = 1 << 30
_MIB = 1 << 20


def inputs(options: argparse.Namespace) -> Iterator[Callable[[], tuple[str, bytes]]]:
    """Yield functions that make truncated recordings, damaged ones by number, and bombs."""
    for number in range(options.bombs):
        yield functools.partial(damaged_bomb, number)
    for broken in truncated(options.step) if options.step else ():
        yield functools.partial(_given, broken)
    for number in range(options.first, options.first + options.count):
        yield functools.partial(damaged, number)


def _given(broken: tuple[str, bytes]) -> tuple[str, bytes]:
    return broken


def _too_slow(*_: object) -> NoReturn:
    raise TimeoutError("this input takes too long")


def work(options: argparse.Namespace) -> None:
    """Process every input of this worker's share, and print each result."""
    from support.hostile.fuzz_target import CHECKS, check_all
    from support.hostile.samples import samples

    faulthandler.enable()
    check_all(samples()["mp4"])  # load all libraries
    resource.setrlimit(resource.RLIMIT_AS, (options.gib * _GIB, options.gib * _GIB))
    signal.signal(signal.SIGPROF, _too_slow)
    for at, make in enumerate(inputs(options)):
        if at % options.workers != options.share or at < options.skip:
            continue
        name, data = make()
        print("begin", at, name, flush=True)
        is_refused = run_check("probe", data, options) == "RecordingError"
        # All others but the sandbox open a recording in the same way first.
        for check in ("sandbox",) if is_refused else [*CHECKS][1:]:
            run_check(check, data, options)
    print("done", flush=True)


def run_check(check: str, data: bytes, options: argparse.Namespace) -> str:
    """Print the outcome of a check, what it cost, and its fault if it has one."""
    from support.hostile.fuzz_target import CHECKS, outcome

    before, start = _reset_peak(), time.process_time()
    signal.setitimer(signal.ITIMER_PROF, options.seconds * 2)
    kind = "fault"
    try:
        kind = outcome(CHECKS[check], data).partition(":")[0]
        print("outcome", check, kind, sep="\t")
    except Exception:  # noqa: BLE001  # any error that is not typed is a fault
        print("fault", repr(f"{check}: {traceback.format_exc()}"), flush=True)
    signal.setitimer(signal.ITIMER_PROF, 0)
    growth, seconds = (_peak() - before) / _MIB, time.process_time() - start
    print("cost", growth, seconds)
    if growth > options.mib:
        print("fault", repr(f"{check}: memory grew by {growth:.0f} MiB"), flush=True)
    if seconds > options.seconds:
        print("fault", repr(f"{check}: {seconds:.1f} s of CPU time"), flush=True)
    return kind


def _reset_peak() -> int:
    """Return the memory in use, from which the peak is measured on Linux; else the peak so far."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


class WorkerShare:
    """One worker's share of the inputs, continued in a new process whenever one dies."""

    def __init__(self, options: argparse.Namespace, share: int) -> None:
        self._options = options
        self._share = share
        self.count = 0
        self.outcomes: Counter[str] = Counter()
        self.faults: list[tuple[int, str, str]] = []
        self.crashes = 0
        self.worst_mib: tuple[float, str] = (0.0, "")
        self.worst_seconds: tuple[float, str] = (0.0, "")

    def run(self) -> None:
        """Process the whole share."""
        skip = 0
        while skip >= 0:
            skip = self._process(skip)

    def _process(self, skip: int) -> int:
        """Run a process from an input on; return the next input, or -1 at the end."""
        values = vars(self._options)
        options = [f"--{name}={values[name]}" for name in _NUMBERS]
        command = [sys.executable, __file__, "--share", str(self._share), "--skip", str(skip)]
        with subprocess.Popen(  # noqa: S603  # this file itself
            [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            watchdog = threading.Timer(0, process.kill)
            at, name, done = skip, "start", False
            for line in process.stdout or ():
                word, _, rest = line.rstrip("\n").partition(" ")
                if word == "begin":
                    number, _, name = rest.partition(" ")
                    at, self.count = int(number), self.count + 1
                    watchdog.cancel()
                    watchdog = threading.Timer(_WALL_SECONDS, process.kill)
                    watchdog.start()
                elif word == "fault":
                    self.faults.append((at, name, ast.literal_eval(rest)))
                elif word == "done":
                    done = True
                elif word == "cost":
                    growth, seconds = map(float, rest.split())
                    self.worst_mib = max(self.worst_mib, (growth, name))
                    self.worst_seconds = max(self.worst_seconds, (seconds, name))
                else:
                    self.outcomes[line.strip()] += 1
            watchdog.cancel()
            errors = process.stderr.read() if process.stderr else ""
        if not done and name == "start":
            raise RuntimeError(errors)
        if not done:
            self.crashes += 1
            reason = f"the process ended: {process.returncode} {errors[-3000:]}"
            self.faults.append((at, name, reason))
        return -1 if done else at + 1


_NUMBERS = {
    "first": (0, "number of the first damaged recording"),
    "count": (1000, "number of damaged recordings"),
    "bombs": (0, "number of bombs, the first of which are undamaged"),
    "step": (997, "truncate recordings at every multiple of this many bytes; 0 for none"),
    "workers": (2, "processes"),
    "seconds": (5, "limit of CPU seconds for a check of an input"),
    "gib": (4, "limit of a process's address space in GiB"),
    "mib": (200, "limit of the growth of memory by a check in MiB"),
}


def main() -> None:
    """Run the shares side by side, then report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name, (value, meaning) in _NUMBERS.items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"{meaning} (%(default)s)")
    parser.add_argument("--share", type=int, default=-1, help=argparse.SUPPRESS)
    parser.add_argument("--skip", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--keep", type=Path, help="a folder for the inputs with faults")
    options = parser.parse_args()
    if options.share >= 0:
        work(options)
    else:
        sys.exit(report(options))


def report(options: argparse.Namespace) -> int:
    """Run all shares, print a summary, and return 1 if there were faults."""
    shares = [WorkerShare(options, share) for share in range(options.workers)]
    threads = [threading.Thread(target=share.run) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    faults = sorted(fault for share in shares for fault in share.faults)
    for at, name, what in faults:
        print(f"--- {at}: {name}\n{what}")
    if options.keep and faults:
        keep(options, {at for at, _, _ in faults})
    for outcome, count in sorted(sum((s.outcomes for s in shares), Counter[str]()).items()):
        print(f"{count:7} {outcome}")
    mib, heaviest = max(share.worst_mib for share in shares)
    seconds, slowest = max(share.worst_seconds for share in shares)
    print(f"at most {mib:.0f} MiB over the baseline ({heaviest})")
    print(f"at most {seconds:.1f} s of CPU time ({slowest})")
    crashes = sum(share.crashes for share in shares)
    print(f"{sum(s.count for s in shares)} inputs, {len(faults)} faults, {crashes} crashes")
    return min(len(faults), 1)


def keep(options: argparse.Namespace, numbers: set[int]) -> None:
    """Write the inputs with faults to a folder."""
    options.keep.mkdir(parents=True, exist_ok=True)
    for at, make in enumerate(inputs(options)):
        if at in numbers:
            (options.keep / f"{at}.bin").write_bytes(make()[1])


if __name__ == "__main__":
    main()
