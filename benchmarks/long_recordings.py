"""Compare the recipe of the service's documentation with this package on long recordings.

This makes recordings by repeating examples/data/standup.ogg. It cuts each with the recipe, with
this package and with the ffmpeg program's own segmenter (a lower bound, as it cuts anywhere), and
transcribes each with the recipe and with this package by the same stand-in of the service
(slow_service.py), whose uplink, latency and speed are stated. Each program runs in a process of its
own, one at a time; the figures include the start of Python.

    python benchmarks/long_recordings.py --hours 1 4 --formats wav mp3 m4a --write docs

Install `.[sandbox]`, openai, pydub (from Python 3.13 on also audioop-lts), matplotlib, and the
ffmpeg program, which pydub needs too. Without pydub or openai only this package is measured;
without matplotlib there is no chart. For four hours of mp3 the recipe needs gigabytes of memory and
several minutes.
"""

import argparse
import contextlib
import importlib.util
import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import make_recordings
from chart import draw
from contestants import contestant_command, ffmpeg_command
from measure_process import MEGABYTE, FailedError, Figures, measure, median
from reporting import Conditions, Measurement, document

SERVICE = Path(__file__).with_name("slow_service.py")
MEETING_SECONDS = 77
"""Length of the meeting; recordings differ from the requested length by up to half of it."""


class Benchmark:
    """All measurements, made with one service.

    On another line than the first, only this package is measured, end to end.
    """

    def __init__(self, url: str, conditions: Conditions, *, is_other_line: bool = False) -> None:
        self._is_other_line = is_other_line
        self._url = url
        self._runs = conditions.runs
        self._conditions = conditions

    def measurements(self, format_name: str, hours: float) -> Iterator[Measurement]:
        """Yield all measurements of one recording."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{hours:g}h.{format_name}"
            measure([sys.executable, make_recordings.__file__, format_name, str(path), str(hours)])
            name, size = f"{hours:g} h {format_name}", path.stat().st_size / MEGABYTE
            if self._is_other_line:
                name += f", {self._conditions.uplink:g} Mbit/s"
            for contestant, command in () if self._is_other_line else commands(path, hours):
                yield Measurement(name, size, "cut", contestant, self._figures(contestant, command))
            for contestant in ["ours"] if self._is_other_line else ["ours", "oursmp3", *recipe()]:
                command = contestant_command(f"transcribe-{contestant}", path, self._url)
                figures = self._figures(contestant, command)
                received = self._received(hours if figures else 0.0)
                yield Measurement(name, size, "transcribe", contestant, figures, *received)

    def _figures(self, contestant: str, command: list[str]) -> Figures | None:
        """Return the figures of one run of the recipe, which is slow, or the median of others."""
        if contestant != "recipe":
            return median(command, self._runs)
        try:
            return measure(command)
        except FailedError as error:
            print(error, file=sys.stderr)
            return None

    def _received(self, hours: float) -> tuple[int, float, float]:
        """Return the requests and megabytes that arrived, and the least seconds that takes.

        All audio has to have arrived.
        """
        with urllib.request.urlopen(f"{self._url}/received") as response:  # noqa: S310  # our own server
            received = json.load(response)
        runs = round(received["seconds"] / (hours * 3600)) if hours else 1
        if hours and abs(received["seconds"] / max(runs, 1) - hours * 3600) > MEETING_SECONDS:
            raise SystemExit(f"Of {hours:g} h, {received['seconds']:.0f} s were sent.")
        sent = received["size"] / max(runs, 1) / MEGABYTE
        floor = self._conditions.floor(sent, received["longest"])
        return received["requests"] // max(runs, 1), sent, floor


def recipe() -> list[str]:
    """Return the recipe's name, if what it needs is installed."""
    has_recipe = all(map(importlib.util.find_spec, ["pydub", "openai"])) and shutil.which("ffmpeg")
    return ["recipe"] if has_recipe else []


def commands(path: Path, hours: float) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands that cut a recording."""
    for contestant in ["ours", *recipe()]:
        yield contestant, contestant_command(f"cut-{contestant}", path)
    if shutil.which("ffmpeg"):
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            yield "ffmpeg", ffmpeg_command(path, hours, Path(folder))


def command_line(arguments: argparse.Namespace) -> str:
    """Return the command that repeats this run."""
    options = {name: value for name, value in vars(arguments).items() if value and name != "note"}
    lists = {name: value if isinstance(value, list) else [value] for name, value in options.items()}
    words = [f"--{name} {' '.join(map(format_argument, values))}" for name, values in lists.items()]
    return " ".join(["python benchmarks/long_recordings.py", *words])


def format_argument(value: object) -> str:
    """Return a value as one would type it: 4, not 4.0."""
    return f"{value:g}" if isinstance(value, float) else str(value)


@contextlib.contextmanager
def service(conditions: Conditions) -> Iterator[str]:
    """Start the stand-in in a process of its own and yield its base URL."""
    settings = {
        "uplink": conditions.uplink,
        "latency": conditions.latency,
        "speed": conditions.speed,
    }
    arguments = itertools.chain(*((f"--{name}", str(value)) for name, value in settings.items()))
    command = [sys.executable, str(SERVICE), *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as running:  # noqa: S603
        yield (running.stdout.readline() if running.stdout else "").strip()


def main() -> None:
    """Read the arguments, measure, and print each measurement as it is made."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 4])
    parser.add_argument(
        "--formats", nargs="+", choices=make_recordings.FORMATS, default=["wav", "mp3"]
    )
    parser.add_argument(
        "--runs",
        type=int,
        default=1,
        help="number of runs, of which the median counts; the recipe runs once",
    )
    parser.add_argument(
        "--uplink",
        type=float,
        nargs="+",
        default=[100],
        help="million bits per second; on all lines but the first, only this package is measured",
    )
    parser.add_argument("--latency", type=float, default=0.3, help="seconds for each request")
    parser.add_argument("--speed", type=float, default=100, help="seconds of audio per second")
    parser.add_argument("--note", default="", help="a sentence about the machine, such as its load")
    parser.add_argument(
        "--write", type=Path, help="a folder for long_recordings.md and long_recordings.svg"
    )
    arguments = parser.parse_args()
    lines = [
        Conditions(
            uplink,
            arguments.latency,
            arguments.speed,
            arguments.runs,
            arguments.note,
            command_line(arguments),
        )
        for uplink in arguments.uplink
    ]
    conditions = lines[0]
    measurements: list[Measurement] = []
    recordings = itertools.product(lines, arguments.formats, arguments.hours)
    for line, format_name, hours in recordings:
        with service(line) as url:
            benchmark = Benchmark(url, line, is_other_line=line is not conditions)
            for measurement in benchmark.measurements(format_name, hours):
                measurements.append(measurement)
                print(measurement, flush=True)
        if arguments.write:
            (arguments.write / "long_recordings.md").write_text(document(measurements, conditions))
    if arguments.write:
        draw(measurements, arguments.write / "long_recordings.svg")
    else:
        print(document(measurements, conditions))


if __name__ == "__main__":
    main()
