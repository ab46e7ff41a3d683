"""Compare how clients of the service react to faults: this package, openai, and the vendor's own.

Each client meets the same faults (`tests/support/faults`) on a loopback server, in a process of its
own with a time limit. The function that checks the reactions is the one that our own tests use.

    pip install openai apertis
    python benchmarks/reliability.py --write docs/reliability.md
"""

import argparse
import json
import platform
import queue
import shlex
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO

from page_parts import replace_part

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from support.faults.all_faults import CASES, FAULTS  # noqa: E402  # found through the path above
from support.faults.fault import Fault  # noqa: E402

CLIENTS = {"ours": "apertis-audio-tools", "openai": "openai", "apertis": "apertis"}
MODES = ("sync", "async")
TIME_LIMIT = 8.0
"""Seconds for one fault; the longest correct pause takes three."""

START_LIMIT = 300.0
PARTS = 2
"""Number of processes that share the faults of one client in one mode; they mostly wait."""


Mistakes = list[str] | None


class Worker:
    """A process that runs a client against faults, and is replaced when it hangs."""

    def __init__(self, client: str, mode: str) -> None:
        self._command = [sys.executable, str(HERE / "fault_worker.py"), client, mode]
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()

    def mistakes_in(self, number: int) -> Mistakes:
        """Return the mistakes of the client in a case."""
        process = self._process or self._start()
        assert process.stdin is not None  # noqa: S101  # it is a pipe
        process.stdin.write(f"{number}\n")
        process.stdin.flush()
        try:
            line = self._lines.get(timeout=TIME_LIMIT)
        except queue.Empty:
            self.close()
            return [f"still busy after {TIME_LIMIT:.0f} s"]
        if line:
            mistakes: Mistakes = json.loads(line)
            return mistakes
        self.close()
        return ["ends the whole process"]

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(  # noqa: S603  # our own command
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None  # noqa: S101  # it is a pipe
        self._process, self._lines = process, queue.Queue()
        threading.Thread(target=_pump, args=(process.stdout, self._lines), daemon=True).start()
        if self._lines.get(timeout=START_LIMIT) != "ready\n":
            raise RuntimeError(f"{' '.join(self._command)} does not start.")
        return process

    def close(self) -> None:
        """End the process."""
        if self._process:
            self._process.kill()
            self._process.communicate()
        self._process = None


def _pump(lines: IO[str], into: "queue.Queue[str]") -> None:
    for line in lines:
        into.put(line)
    into.put("")


@dataclass(frozen=True)
class Column:
    """The mistakes of one client in one mode, by the number of the case."""

    client: str
    mode: str
    mistakes: dict[int, Mistakes]

    def of(self, fault: Fault) -> Iterator[tuple[str, Mistakes]]:
        """Yield the endpoints that a fault affects, with the client's mistakes."""
        for number, mistakes in self.mistakes.items():
            if CASES[number][0] is fault:
                yield CASES[number][1].name, mistakes


def run_cases(client: str, mode: str, numbers: list[int]) -> Column:
    """Run a client in one mode against some cases."""
    worker = Worker(client, mode)
    try:
        return Column(client, mode, {number: worker.mistakes_in(number) for number in numbers})
    finally:
        worker.close()


def installed(client: str) -> str | None:
    """Return the version of a client, if it is installed."""
    try:
        return version(CLIENTS[client])
    except PackageNotFoundError:
        return None


def cell(columns: list[Column], fault: Fault) -> str:
    """Return the mistakes of a client over all endpoints and both modes."""
    found: dict[str, set[str]] = {}
    cases = 0
    for column in columns:
        for endpoint, mistakes in column.of(fault):
            cases += mistakes is not None
            for mistake in mistakes or ():
                found.setdefault(mistake, set()).add(f"{endpoint}, {column.mode}")
    if not cases:
        return "-"
    if not found:
        return "correct"
    return "; ".join(_counted(mistake, where, cases) for mistake, where in found.items())


def _counted(mistake: str, where: set[str], cases: int) -> str:
    if len(where) == cases:
        return mistake
    counted = Counter(name.partition(",")[0] for name in where)
    return f"{mistake} ({', '.join(sorted(counted))})"


def is_correct(columns: list[Column], fault: Fault) -> bool:
    """Return True if the client made no mistake, in all cases that it supports."""
    mistakes = [each for column in columns for _, each in column.of(fault)]
    return any(each is not None for each in mistakes) and not any(mistakes)


def page(columns: dict[str, list[Column]], faults: list[Fault], command: str) -> str:
    """Return the part of the page that is about faults."""
    names = [f"{CLIENTS[client]} {installed(client)}" for client in columns]
    cases = len({number for each in columns.values() for c in each for number in c.mistakes})
    modes = sorted({c.mode for each in columns.values() for c in each}, reverse=True)
    lines = [
        (
            f"Made by `{command}` with Python {platform.python_version()}: {len(faults)} faults, "
            f"{cases} cases of a fault in a use of the service, each {' and '.join(modes)}."
        ),
        "",
        _row("", names),
        _row("---", ["---:"] * len(names)),
        _row("faults handled correctly", [_score(each, faults) for each in columns.values()]),
        _row("cases handled correctly", [_cases(each) for each in columns.values()]),
        "",
        _row("fault", ["correct reaction", *names]),
        _row("---", ["---"] * (len(names) + 1)),
        *(
            _row(fault.name, [fault.reaction, *(cell(each, fault) for each in columns.values())])
            for fault in faults
        ),
    ]
    return "\n".join(lines)


def _score(columns: list[Column], faults: list[Fault]) -> str:
    supported = [f for f in faults if any(v is not None for c in columns for _, v in c.of(f))]
    return f"{sum(is_correct(columns, fault) for fault in supported)} of {len(supported)}"


def _cases(columns: list[Column]) -> str:
    mistakes = [v for column in columns for v in column.mistakes.values() if v is not None]
    return f"{sum(not each for each in mistakes)} of {len(mistakes)}"


def _row(first: str, others: list[str]) -> str:
    return f"| {' | '.join([first, *others])} |"


def main() -> None:
    """Run all clients against all faults, and print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", nargs="+", choices=CLIENTS, default=list(CLIENTS))
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--only", default="", help="run only faults whose name contains this")
    parser.add_argument(
        "--concurrency", type=int, default=12, help="number of concurrent processes"
    )
    parser.add_argument("--write", type=Path, help="page to write the result to")
    arguments = parser.parse_args()
    numbers = [number for number, (fault, _) in enumerate(CASES) if arguments.only in fault.name]
    faults = [fault for fault in FAULTS if arguments.only in fault.name]
    pairs = [(c, mode) for c in arguments.clients if installed(c) for mode in arguments.modes]
    shares = [(*pair, numbers[part::PARTS]) for pair in pairs for part in range(PARTS)]
    with ThreadPoolExecutor(arguments.concurrency) as threads:
        columns_of_parts = list(threads.map(lambda share: run_cases(*share), shares))
    columns = {c: [each for each in columns_of_parts if each.client == c] for c, _ in pairs}
    text = page(columns, faults, shlex.join(["python", "benchmarks/reliability.py", *sys.argv[1:]]))
    print(text)
    if arguments.write:
        replace_part(arguments.write, "faults", text)


if __name__ == "__main__":
    main()
