"""Try broken recordings by the thousand, in processes whose time and memory are limited.

    python benchmarks/fuzz.py --first 0 --count 5000 --workers 2

Each input has its own time limit. An input that crashes a process, hangs, needs too much memory or
raises anything but a typed error is reported, and written to a folder if one is given.
"""

import argparse
import ast
import faulthandler
import resource
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from support.hostile.fuzz_corpus import damaged, truncated

_GIB = 1 << 30
_MIB = 1 << 20


def inputs(first: int, count: int, step: int) -> Iterator[tuple[str, bytes]]:
    """Truncations at every `step` bytes (0: none), and damaged recordings by number."""
    if step:
        yield from truncated(step)
    for number in range(first, first + count):
        yield damaged(number)


def _too_slow(*_: object) -> NoReturn:
    raise TimeoutError("this input takes too long")


def work(options: argparse.Namespace) -> None:
    """Try every input of this worker's share, and say so before and after."""
    from support.hostile.fuzz_target import CHECKS, check_all

    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (options.gib * _GIB, options.gib * _GIB))
    signal.signal(signal.SIGPROF, _too_slow)
    for at, (name, data) in enumerate(inputs(options.first, options.count, options.step)):
        if at % options.workers != options.share or at < options.skip:
            continue
        print("begin", at, name, flush=True)
        before, begun = _peak(), time.process_time()
        signal.setitimer(signal.ITIMER_PROF, options.seconds)
        try:
            for outcome, check in zip(check_all(data), CHECKS, strict=True):
                kind = outcome.partition(":")[0]
                print("outcome", check, kind, sep="\t")
        except Exception:  # noqa: BLE001  # what is looked for
            print("fault", repr(traceback.format_exc()), flush=True)
        signal.setitimer(signal.ITIMER_PROF, 0)
        grown, took = _peak() - before, time.process_time() - begun
        if grown > options.mib * _MIB:
            print("fault", repr(f"{grown // _MIB} MiB more"), flush=True)
        if took > options.seconds / 2:
            print("fault", repr(f"{took:.1f} s of the processor"), flush=True)
    print("done", flush=True)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Shift:
    """One worker's share, carried on in a new process whenever one dies."""

    def __init__(self, options: argparse.Namespace, share: int) -> None:
        self._options = options
        self._share = share
        self.tried = 0
        self.outcomes: Counter[str] = Counter()
        self.faults: list[tuple[int, str, str]] = []

    def run(self) -> None:
        """Try all of it."""
        skip = 0
        while skip >= 0:
            skip = self._process(skip)

    def _process(self, skip: int) -> int:
        """Where to go on, or -1."""
        given = vars(self._options)
        options = [f"--{name}={given[name]}" for name in _NUMBERS]
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
                    at, self.tried = int(number), self.tried + 1
                    watchdog.cancel()
                    watchdog = threading.Timer(self._options.seconds * 10, process.kill)
                    watchdog.start()
                elif word == "fault":
                    self.faults.append((at, name, ast.literal_eval(rest)))
                elif word == "done":
                    done = True
                else:
                    self.outcomes[line.strip()] += 1
            watchdog.cancel()
            errors = process.stderr.read() if process.stderr else ""
        if not done and name == "start":
            raise RuntimeError(errors)
        if not done:
            self.faults.append((at, name, f"the process ended: {process.returncode} {errors}"))
        return -1 if done else at + 1


_NUMBERS = {
    "first": (0, "number of the first damaged recording"),
    "count": (1000, "how many damaged recordings"),
    "step": (997, "cut recordings off at every so many bytes; 0 for none"),
    "workers": (2, "processes"),
    "seconds": (20, "of the processor that an input may take; ten times as much of the clock"),
    "gib": (4, "of address space that a process may have"),
    "mib": (200, "that memory may grow with an input"),
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
    """Say what was tried and what was found; how many faults."""
    shifts = [Shift(options, share) for share in range(options.workers)]
    threads = [threading.Thread(target=shift.run) for shift in shifts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    faults = sorted(fault for shift in shifts for fault in shift.faults)
    for at, name, what in faults:
        print(f"--- {at}: {name}\n{what}")
    if options.keep and faults:
        keep(options, {at for at, _, _ in faults})
    for outcome, count in sorted(sum((s.outcomes for s in shifts), Counter[str]()).items()):
        print(f"{count:7} {outcome}")
    print(f"{sum(s.tried for s in shifts)} inputs, {len(faults)} faults")
    return min(len(faults), 1)


def keep(options: argparse.Namespace, wanted: set[int]) -> None:
    """Write the inputs with faults to a folder."""
    options.keep.mkdir(parents=True, exist_ok=True)
    for at, (_, data) in enumerate(inputs(options.first, options.count, options.step)):
        if at in wanted:
            (options.keep / f"{at}.bin").write_bytes(data)


if __name__ == "__main__":
    main()
