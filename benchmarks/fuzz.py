"""Process thousands of broken recordings, in processes whose time and memory are limited.

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
    """Yield recordings truncated at every `step` bytes (0: none), and damaged ones by number."""
    if step:
        yield from truncated(step)
    for number in range(first, first + count):
        yield damaged(number)


def _too_slow(*_: object) -> NoReturn:
    raise TimeoutError("this input takes too long")


def work(options: argparse.Namespace) -> None:
    """Process every input of this worker's share, and print each result."""
    from support.hostile.fuzz_target import CHECKS, check_all

    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (options.gib * _GIB, options.gib * _GIB))
    signal.signal(signal.SIGPROF, _too_slow)
    for at, (name, data) in enumerate(inputs(options.first, options.count, options.step)):
        if at % options.workers != options.share or at < options.skip:
            continue
        print("begin", at, name, flush=True)
        before, start = _peak(), time.process_time()
        signal.setitimer(signal.ITIMER_PROF, options.seconds)
        try:
            for outcome, check in zip(check_all(data), CHECKS, strict=True):
                kind = outcome.partition(":")[0]
                print("outcome", check, kind, sep="\t")
        except Exception:  # noqa: BLE001  # any error that is not typed is a fault
            print("fault", repr(traceback.format_exc()), flush=True)
        signal.setitimer(signal.ITIMER_PROF, 0)
        growth, seconds = _peak() - before, time.process_time() - start
        if growth > options.mib * _MIB:
            print("fault", repr(f"memory grew by {growth // _MIB} MiB"), flush=True)
        if seconds > options.seconds / 2:
            print("fault", repr(f"{seconds:.1f} s of CPU time"), flush=True)
    print("done", flush=True)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class WorkerShare:
    """One worker's share of the inputs, continued in a new process whenever one dies."""

    def __init__(self, options: argparse.Namespace, share: int) -> None:
        self._options = options
        self._share = share
        self.count = 0
        self.outcomes: Counter[str] = Counter()
        self.faults: list[tuple[int, str, str]] = []

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
    "count": (1000, "number of damaged recordings"),
    "step": (997, "truncate recordings at every multiple of this many bytes; 0 for none"),
    "workers": (2, "processes"),
    "seconds": (20, "limit of CPU seconds for an input; the limit of wall time is ten times that"),
    "gib": (4, "limit of a process's address space in GiB"),
    "mib": (200, "limit of the growth of memory with an input in MiB"),
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
    print(f"{sum(s.count for s in shares)} inputs, {len(faults)} faults")
    return min(len(faults), 1)


def keep(options: argparse.Namespace, numbers: set[int]) -> None:
    """Write the inputs with faults to a folder."""
    options.keep.mkdir(parents=True, exist_ok=True)
    for at, (_, data) in enumerate(inputs(options.first, options.count, options.step)):
        if at in numbers:
            (options.keep / f"{at}.bin").write_bytes(data)


if __name__ == "__main__":
    main()
