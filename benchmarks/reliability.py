"""What clients of the service do when something goes wrong: ours, openai, and the vendor's own.

Each goes through the same faults (`tests/support/faults`), on a loopback server, in a process of
its own with a time limit, and is judged by the same function as our own tests.

    pip install openai apertis
    python benchmarks/reliability.py --write docs/reliability.md
"""

import argparse
import json
import platform
import queue
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

from page_parts import put

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

from support.faults.all_faults import CASES, FAULTS  # noqa: E402  # only now it can be found
from support.faults.fault import Fault  # noqa: E402

CLIENTS = {"ours": "apertis-audio-tools", "openai": "openai", "apertis": "apertis"}
COLOURS = ("sync", "async")
LIMIT = 8.0
"""Seconds for one fault: the longest pause that is right takes three."""

START_LIMIT = 300.0
PARTS = 2
"""How many processes share the faults of one client in one colour; they mostly wait."""


Verdict = list[str] | None


class Worker:
    """A process that goes through faults, and is replaced when it hangs."""

    def __init__(self, client: str, colour: str) -> None:
        self._command = [sys.executable, str(HERE / "fault_worker.py"), client, colour]
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()

    def verdict(self, number: int) -> Verdict:
        """What the client did wrong in a case."""
        process = self._process or self._start()
        assert process.stdin is not None  # noqa: S101  # it is a pipe
        process.stdin.write(f"{number}\n")
        process.stdin.flush()
        try:
            line = self._lines.get(timeout=LIMIT)
        except queue.Empty:
            self.close()
            return [f"still busy after {LIMIT:.0f} s"]
        if line:
            found: Verdict = json.loads(line)
            return found
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
    """What one client did in one colour, by the numbers of the cases."""

    client: str
    colour: str
    verdicts: dict[int, Verdict]

    def of(self, fault: Fault) -> Iterator[tuple[str, Verdict]]:
        """The uses of the service in which it met a fault, and what it did wrong."""
        for number, verdict in self.verdicts.items():
            if CASES[number][0] is fault:
                yield CASES[number][1].name, verdict


def gone_through(client: str, colour: str, numbers: list[int]) -> Column:
    """A client in one colour."""
    worker = Worker(client, colour)
    try:
        return Column(client, colour, {number: worker.verdict(number) for number in numbers})
    finally:
        worker.close()


def installed(client: str) -> str | None:
    """The version of a client, if it is here."""
    try:
        return version(CLIENTS[client])
    except PackageNotFoundError:
        return None


def cell(columns: list[Column], fault: Fault) -> str:
    """What a client did, over all uses of the service and both colours."""
    wrong: dict[str, set[str]] = {}
    met = 0
    for column in columns:
        for endpoint, verdict in column.of(fault):
            met += verdict is not None
            for complaint in verdict or ():
                wrong.setdefault(complaint, set()).add(f"{endpoint}, {column.colour}")
    if not met:
        return "-"
    if not wrong:
        return "right"
    return "; ".join(_said(complaint, where, met) for complaint, where in wrong.items())


def _said(complaint: str, where: set[str], met: int) -> str:
    if len(where) == met:
        return complaint
    counted = Counter(name.partition(",")[0] for name in where)
    return f"{complaint} ({', '.join(sorted(counted))})"


def is_right(columns: list[Column], fault: Fault) -> bool:
    """Whether nothing was wrong, wherever the client could be asked."""
    verdicts = [verdict for column in columns for _, verdict in column.of(fault)]
    return any(verdict is not None for verdict in verdicts) and not any(verdicts)


def page(columns: dict[str, list[Column]], faults: list[Fault], command: str) -> str:
    """The part of the page that is about faults."""
    names = [f"{CLIENTS[client]} {installed(client)}" for client in columns]
    cases = len({number for each in columns.values() for c in each for number in c.verdicts})
    colours = sorted({c.colour for each in columns.values() for c in each}, reverse=True)
    lines = [
        (
            f"Made by `{command}` with Python {platform.python_version()}: {len(faults)} faults, "
            f"{cases} cases of a fault in a use of the service, each {' and '.join(colours)}."
        ),
        "",
        _row("", names),
        _row("---", ["---:"] * len(names)),
        _row("faults met rightly", [_score(each, faults) for each in columns.values()]),
        _row("cases met rightly", [_cases(each) for each in columns.values()]),
        "",
        _row("fault", ["right", *names]),
        _row("---", ["---"] * (len(names) + 1)),
        *(
            _row(fault.name, [fault.right, *(cell(each, fault) for each in columns.values())])
            for fault in faults
        ),
    ]
    return "\n".join(lines)


def _score(columns: list[Column], faults: list[Fault]) -> str:
    met = [f for f in faults if any(v is not None for c in columns for _, v in c.of(f))]
    return f"{sum(is_right(columns, fault) for fault in met)} of {len(met)}"


def _cases(columns: list[Column]) -> str:
    verdicts = [v for column in columns for v in column.verdicts.values() if v is not None]
    return f"{sum(not verdict for verdict in verdicts)} of {len(verdicts)}"


def _row(first: str, others: list[str]) -> str:
    return f"| {' | '.join([first, *others])} |"


def main() -> None:
    """Go through the faults, print or write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", nargs="+", choices=CLIENTS, default=list(CLIENTS))
    parser.add_argument("--colours", nargs="+", choices=COLOURS, default=list(COLOURS))
    parser.add_argument("--only", default="", help="faults whose name has this in it")
    parser.add_argument("--at-once", type=int, default=12, help="processes at the same time")
    parser.add_argument("--write", type=Path, help="the page")
    given = parser.parse_args()
    numbers = [number for number, (fault, _) in enumerate(CASES) if given.only in fault.name]
    faults = [fault for fault in FAULTS if given.only in fault.name]
    pairs = [(c, colour) for c in given.clients if installed(c) for colour in given.colours]
    shares = [(*pair, numbers[part::PARTS]) for pair in pairs for part in range(PARTS)]
    with ThreadPoolExecutor(given.at_once) as threads:
        found = list(threads.map(lambda share: gone_through(*share), shares))
    columns = {c: [each for each in found if each.client == c] for c, _ in pairs}
    text = page(columns, faults, " ".join(["python benchmarks/reliability.py", *sys.argv[1:]]))
    print(text)
    if given.write:
        put(given.write, "faults", text)


if __name__ == "__main__":
    main()
