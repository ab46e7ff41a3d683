"""Many transcriptions at once from a service that limits, refuses and breaks off some of them.

    python benchmarks/load.py --write docs/reliability.md

It ends with an error when something is not as promised: a transcript missing, wrong or there
twice; more requests than 1.15 for each; a request sent while the service had asked to wait; memory
that grows in the second half.
"""

import argparse
import contextlib
import json
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from page_parts import put
from unreliable import SHARES

HERE = Path(__file__).parent
COLOURS = ("sync", "async")
MOST_REQUESTS = 1.15
"""For each recording; 1.11 are expected of these shares."""
MOST_GROWTH = 1.1


@dataclass(frozen=True)
class Run:
    """What one colour did, and the log of the server."""

    colour: str
    figures: dict[str, Any]
    log: list[dict[str, Any]]
    number: int
    retry_after: float

    @property
    def requests(self) -> float:
        """For each recording."""
        return len(self.log) / self.number

    @property
    def told_to_wait(self) -> int:
        """Requests of who asked when a "too many" was known, and did not wait as long as it says.

        However late the threads of client and server have their turns, there must be none.
        """
        limited = self.figures["limited"]
        return sum(
            any(each["known"] < sent["asked"] and self._is_early(sent, each) for each in limited)
            for sent in self.figures["sent"]
        )

    @property
    def about_to_be_sent(self) -> list[float]:
        """Seconds after a "too many" was heard at which others, who had asked before, sent."""
        return [
            max(sent["at"] - each["heard"] for each in unknown)
            for sent in self.figures["sent"]
            if (unknown := [each for each in self.figures["limited"] if self._is_early(sent, each)])
            and all(sent["asked"] <= each["known"] for each in unknown)
        ]

    def _is_early(self, sent: dict[str, float], limited: dict[str, float]) -> bool:
        return 0 < sent["at"] - limited["heard"] < self.retry_after

    @property
    def crossed(self) -> int:
        """Requests that met a "too many" on the way, by the log of the server."""
        told = [each["answered"] for each in self.log if each["fate"] == "limited"]
        arrived = [each["arrived"] for each in self.log]
        return sum(any(0 < at - each < self.retry_after for each in told) for at in arrived)

    @property
    def growth(self) -> float:
        """Of the memory after the first half."""
        return float(self.figures["most"]) / float(self.figures["half"])

    def broken_promises(self) -> Iterator[str]:
        """What is not as it should be."""
        if self.figures["right"] != self.number or self.figures["again"]:
            yield f"{self.figures} are not {self.number} transcripts, each once"
        if self.requests > MOST_REQUESTS:
            yield f"{self.requests:.3f} requests for each recording"
        if self.told_to_wait:
            yield f"{self.told_to_wait} requests although the service had asked to wait"
        if self.growth > MOST_GROWTH:
            yield f"memory grew by {self.growth:.2f} in the second half"


@contextlib.contextmanager
def service(retry_after: float) -> Iterator[str]:
    """The base URL of an unreliable one."""
    command = [sys.executable, str(HERE / "unreliable.py"), "--retry-after", str(retry_after)]
    with subprocess.Popen(  # noqa: S603  # our own command
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None  # noqa: S101  # both are pipes
        assert process.stdout is not None  # noqa: S101
        yield process.stdout.readline().strip()
        process.stdin.close()


def run(colour: str, number: int, at_once: int, retry_after: float) -> Run:
    """One colour against a service of its own."""
    with service(retry_after) as url:
        command = [sys.executable, str(HERE / "load_client.py"), url, colour]
        told = subprocess.run(  # noqa: S603  # our own command
            [*command, str(number), str(at_once)], check=True, capture_output=True, text=True
        )
        with urlopen(f"{url}/log") as answer:  # noqa: S310  # our own server
            return Run(colour, json.loads(told.stdout), json.load(answer), number, retry_after)


def page(runs: list[Run], at_once: int, command: str) -> str:
    """The figures."""
    shares = ", ".join(f"{share:.0%} {fate}" for fate, share in SHARES.items())
    lines = [
        (
            f"Made by `{command}` with Python {platform.python_version()}: {runs[0].number} "
            f"transcriptions, {at_once} at once, from a server process that makes {shares} of the "
            f"requests (limited: 429 with Retry-After: {runs[0].retry_after:g}). Client and server "
            "read the same clock. Sent while told to wait is what was sent too early by who asked "
            "for leave when a 429 was known; who had asked before was about to send."
        ),
        "",
        f"| | {' | '.join(run.colour for run in runs)} |",
        f"|---|{'---:|' * len(runs)}",
    ]
    rows = {
        "right transcripts, each once": lambda r: f"{r.figures['right']} of {r.number}",
        "requests": lambda r: str(len(r.log)),
        "requests for each": lambda r: f"{r.requests:.3f}",
        "limited, unavailable, reset": _fates,
        "sent while told to wait": lambda r: str(r.told_to_wait),
        "about to be sent when told": _on_the_wire,
        "sent before, arrived after": lambda r: str(r.crossed),
        "memory after half, most after": lambda r: (
            f"{r.figures['half']:.0f} MB, {r.figures['most']:.0f} MB"
        ),
        "seconds": lambda r: f"{r.figures['seconds']:.0f}",
    }
    lines += [f"| {name} | {' | '.join(map(tell, runs))} |" for name, tell in rows.items()]
    return "\n".join(lines)


def _fates(run: Run) -> str:
    counted = Counter(entry["fate"] for entry in run.log)
    return ", ".join(str(counted[fate]) for fate in SHARES)


def _on_the_wire(run: Run) -> str:
    late = run.about_to_be_sent
    return f"{len(late)}, the last {max(late, default=0.0) * 1000:.0f} ms later"


def main() -> None:
    """Both colours; print or write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=2000)
    parser.add_argument("--at-once", type=int, default=64)
    parser.add_argument("--retry-after", type=float, default=1.0, help="seconds, of a 429")
    parser.add_argument("--colours", nargs="+", choices=COLOURS, default=list(COLOURS))
    parser.add_argument("--write", type=Path, help="the page")
    given = parser.parse_args()
    size = given.number, given.at_once, given.retry_after
    runs = [run(colour, *size) for colour in given.colours]
    text = page(runs, given.at_once, " ".join(["python benchmarks/load.py", *sys.argv[1:]]))
    print(text)
    broken = [f"{each.colour}: {what}" for each in runs for what in each.broken_promises()]
    if broken:
        sys.exit("\n".join(broken))
    if given.write:
        put(given.write, "load", text)


if __name__ == "__main__":
    main()
