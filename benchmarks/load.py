"""Run many concurrent transcriptions against a service that limits, refuses and resets some.

    python benchmarks/load.py --write docs/reliability.md

It exits with an error if a promise is broken: a transcript is missing, wrong or delivered twice;
there are more than 1.15 requests for each; a request is sent during a cooldown; memory grows in the
second half.
"""

import argparse
import contextlib
import json
import platform
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from page_parts import replace_part
from unreliable_service import SHARES

HERE = Path(__file__).parent
MODES = ("sync", "async")
MAX_REQUESTS = 1.15
"""Limit of the requests for each recording; 1.11 are expected of these shares."""
MAX_GROWTH = 1.1


@dataclass(frozen=True)
class Run:
    """The figures of a run in one mode, and the log of the server."""

    mode: str
    figures: dict[str, Any]
    log: list[dict[str, Any]]
    number: int
    retry_after: float

    @property
    def requests(self) -> float:
        """Requests for each recording."""
        return len(self.log) / self.number

    @property
    def sent_in_cooldown(self) -> int:
        """Requests sent during a cooldown by a sender that was permitted after it was known.

        However late the threads of client and server run, there must be none.
        """
        limited = self.figures["limited"]
        return sum(
            any(
                each["known"] < sent["permitted"] and self._is_early(sent, each) for each in limited
            )
            for sent in self.figures["sent"]
        )

    @property
    def already_permitted(self) -> list[float]:
        """Seconds after a 429 at which requests were sent that had been permitted before it."""
        return [
            max(sent["at"] - each["read"] for each in unknown)
            for sent in self.figures["sent"]
            if (unknown := [each for each in self.figures["limited"] if self._is_early(sent, each)])
            and all(sent["permitted"] <= each["known"] for each in unknown)
        ]

    def _is_early(self, sent: dict[str, float], limited: dict[str, float]) -> bool:
        return 0 < sent["at"] - limited["read"] < self.retry_after

    @property
    def crossed(self) -> int:
        """Requests that crossed a 429 on the way, by the log of the server."""
        limited = [each["responded"] for each in self.log if each["fate"] == "limited"]
        arrived = [each["arrived"] for each in self.log]
        return sum(any(0 < at - each < self.retry_after for each in limited) for at in arrived)

    @property
    def growth(self) -> float:
        """Ratio of the highest memory in the second half to that in the first."""
        return float(self.figures["peak"]) / float(self.figures["half"])

    def broken_promises(self) -> Iterator[str]:
        """Yield a sentence for each promise that is broken."""
        if self.figures["correct"] != self.number or self.figures["duplicates"]:
            yield f"{self.figures} are not {self.number} transcripts, each once"
        if self.requests > MAX_REQUESTS:
            yield f"{self.requests:.3f} requests for each recording"
        if self.sent_in_cooldown:
            yield f"{self.sent_in_cooldown} requests sent during a cooldown"
        if self.growth > MAX_GROWTH:
            yield f"memory grew by {self.growth:.2f} in the second half"


@contextlib.contextmanager
def service(retry_after: float) -> Iterator[str]:
    """Start an unreliable service and yield its base URL."""
    command = [
        sys.executable,
        str(HERE / "unreliable_service.py"),
        "--retry-after",
        str(retry_after),
    ]
    with subprocess.Popen(  # noqa: S603  # our own command
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None  # noqa: S101  # both are pipes
        assert process.stdout is not None  # noqa: S101
        yield process.stdout.readline().strip()
        process.stdin.close()


def run(mode: str, number: int, concurrency: int, retry_after: float) -> Run:
    """Run one mode against a service of its own."""
    with service(retry_after) as url:
        command = [sys.executable, str(HERE / "load_client.py"), url, mode]
        finished = subprocess.run(  # noqa: S603  # our own command
            [*command, str(number), str(concurrency)], check=True, capture_output=True, text=True
        )
        with urlopen(f"{url}/log") as log:  # noqa: S310  # our own server
            return Run(mode, json.loads(finished.stdout), json.load(log), number, retry_after)


def page(runs: list[Run], concurrency: int, command: str) -> str:
    """Return the part of the page that is about the load."""
    shares = ", ".join(f"{share:.0%} {fate}" for fate, share in SHARES.items())
    lines = [
        (
            f"Made by `{command}` with Python {platform.python_version()}: {runs[0].number} "
            f"transcriptions, {concurrency} at once, from a server process that makes {shares} of "
            f"the requests (limited: 429 with Retry-After: {runs[0].retry_after:g}). Client and "
            "server read the same clock. Sent during a cooldown: requests sent too early and "
            "permitted after the 429 was known. Permitted before: requests sent too early, but "
            "permitted before the 429 was known."
        ),
        "",
        f"| | {' | '.join(run.mode for run in runs)} |",
        f"|---|{'---:|' * len(runs)}",
    ]
    rows = {
        "correct transcripts, each once": lambda r: f"{r.figures['correct']} of {r.number}",
        "requests": lambda r: str(len(r.log)),
        "requests for each recording": lambda r: f"{r.requests:.3f}",
        "limited, unavailable, reset": _fates,
        "sent during a cooldown": lambda r: str(r.sent_in_cooldown),
        "permitted before": _permitted_before,
        "sent before a 429, arrived after it": lambda r: str(r.crossed),
        "peak memory in the first and second half": lambda r: (
            f"{r.figures['half']:.0f} MB, {r.figures['peak']:.0f} MB"
        ),
        "seconds": lambda r: f"{r.figures['seconds']:.0f}",
    }
    lines += [f"| {name} | {' | '.join(map(write, runs))} |" for name, write in rows.items()]
    return "\n".join(lines)


def _fates(run: Run) -> str:
    counted = Counter(entry["fate"] for entry in run.log)
    return ", ".join(str(counted[fate]) for fate in SHARES)


def _permitted_before(run: Run) -> str:
    late = run.already_permitted
    return f"{len(late)}, the last {max(late, default=0.0) * 1000:.0f} ms later"


def main() -> None:
    """Run both modes, and print or write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=2000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument(
        "--retry-after", type=float, default=1.0, help="Retry-After of a 429 in seconds"
    )
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--write", type=Path, help="page to write the result to")
    arguments = parser.parse_args()
    size = arguments.number, arguments.concurrency, arguments.retry_after
    runs = [run(mode, *size) for mode in arguments.modes]
    text = page(
        runs, arguments.concurrency, shlex.join(["python", "benchmarks/load.py", *sys.argv[1:]])
    )
    print(text)
    broken = [f"{each.mode}: {promise}" for each in runs for promise in each.broken_promises()]
    if broken:
        sys.exit("\n".join(broken))
    if arguments.write:
        replace_part(arguments.write, "load", text)


if __name__ == "__main__":
    main()
