"""Long recordings, by the recipe of the service's documentation and by this package.

Makes recordings by repeating examples/data/standup.ogg; cuts each, by the recipe, by this package
and by the ffmpeg program's own segmenter (the floor: it cuts anywhere); and has each transcribed,
by the recipe and by this package, by the same stand-in of the service (standin.py), whose uplink,
latency and speed are stated. Everybody runs in a process of their own, one at a time; what starting
Python costs is in the figures.

    python benchmarks/long_recordings.py --hours 1 4 --formats wav mp3 m4a --write docs

Install beforehand `.[sandbox]`, openai, pydub (from Python 3.13 on also audioop-lts), matplotlib,
and the ffmpeg program, which pydub needs too. Without pydub or openai only this package is
measured; without matplotlib there is no plot. For four hours of mp3 the recipe takes gigabytes of
memory, and minutes.
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

import making
from contestants import process, segmenting
from measuring import MEGABYTE, FailedError, Figures, measured, median
from picture import draw
from reporting import Conditions, Measurement, document

STANDIN = Path(__file__).with_name("standin.py")
MEETING_SECONDS = 77
"""A recording is whole meetings, so it is up to half of one longer or shorter than asked for."""


class Bench:
    """Where one recording after the other is put to the test."""

    def __init__(self, url: str, runs: int) -> None:
        self._url = url
        self._runs = runs

    def measurements(self, form: str, hours: float) -> Iterator[Measurement]:
        """All that is measured of one recording."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{hours:g}h.{form}"
            measured([sys.executable, making.__file__, form, str(path), str(hours)])
            name, size = f"{hours:g} h {form}", path.stat().st_size / MEGABYTE
            for who, command in commands(path, hours):
                yield Measurement(name, size, "cut", who, self._figures(who, command))
            for who in ["ours", "oursmp3", *recipe()]:
                command = process(f"transcribe-{who}", path, self._url)
                figures = self._figures(who, command)
                requests, sent = self._heard(hours if figures else 0.0)
                yield Measurement(name, size, "transcribe", who, figures, requests, sent)

    def _figures(self, who: str, command: list[str]) -> Figures | None:
        """Of one run of the recipe, which takes long enough, and the median of others."""
        if who != "recipe":
            return median(command, self._runs)
        try:
            return measured(command)
        except FailedError as error:
            print(error, file=sys.stderr)
            return None

    def _heard(self, hours: float) -> tuple[int, float]:
        """How many requests and megabytes came, after a look whether all of the audio did."""
        with urllib.request.urlopen(f"{self._url}/heard") as answer:  # noqa: S310  # our own server
            heard = json.load(answer)
        runs = round(heard["seconds"] / (hours * 3600)) if hours else 1
        if hours and abs(heard["seconds"] / max(runs, 1) - hours * 3600) > MEETING_SECONDS:
            raise SystemExit(f"Of {hours:g} h, {heard['seconds']:.0f} s were sent.")
        return heard["requests"] // max(runs, 1), heard["size"] / max(runs, 1) / MEGABYTE


def recipe() -> list[str]:
    """The recipe, if it can be measured here."""
    has_recipe = all(map(importlib.util.find_spec, ["pydub", "openai"])) and shutil.which("ffmpeg")
    return ["recipe"] if has_recipe else []


def commands(path: Path, hours: float) -> Iterator[tuple[str, list[str]]]:
    """How each of them cuts."""
    for who in ["ours", *recipe()]:
        yield who, process(f"cut-{who}", path)
    if shutil.which("ffmpeg"):
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            yield "ffmpeg", segmenting(path, hours, Path(folder))


def repeating(asked: argparse.Namespace) -> str:
    """The command by which to do it again."""
    given = {name: value for name, value in vars(asked).items() if value and name != "note"}
    lists = {name: value if isinstance(value, list) else [value] for name, value in given.items()}
    words = [f"--{name} {' '.join(map(written, values))}" for name, values in lists.items()]
    return " ".join(["python benchmarks/long_recordings.py", *words])


def written(value: object) -> str:
    """As one would type it: 4, not 4.0."""
    return f"{value:g}" if isinstance(value, float) else str(value)


@contextlib.contextmanager
def service(conditions: Conditions) -> Iterator[str]:
    """The stand-in, in a process of its own; gives its base URL."""
    asked = {"uplink": conditions.uplink, "latency": conditions.latency, "speed": conditions.speed}
    options = itertools.chain(*((f"--{name}", str(value)) for name, value in asked.items()))
    command = [sys.executable, str(STANDIN), *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as running:  # noqa: S603
        yield (running.stdout.readline() if running.stdout else "").strip()


def main() -> None:
    """Read the arguments, measure, and say what was found, as it is found."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 4])
    parser.add_argument("--formats", nargs="+", choices=making.FORMATS, default=["wav", "mp3"])
    parser.add_argument("--runs", type=int, default=1, help="the median of so many; recipe: one")
    parser.add_argument("--uplink", type=float, default=100, help="million bits per second")
    parser.add_argument("--latency", type=float, default=0.3, help="seconds for each request")
    parser.add_argument("--speed", type=float, default=100, help="seconds of audio per second")
    parser.add_argument("--note", default="", help="a sentence about the machine, such as its load")
    parser.add_argument("--write", type=Path, help="a folder for benchmarks.md and benchmarks.svg")
    asked = parser.parse_args()
    conditions = Conditions(
        asked.uplink, asked.latency, asked.speed, asked.runs, asked.note, repeating(asked)
    )
    found: list[Measurement] = []
    with service(conditions) as url:
        bench = Bench(url, asked.runs)
        for form, hours in itertools.product(asked.formats, asked.hours):
            for measurement in bench.measurements(form, hours):
                found.append(measurement)
                print(measurement, flush=True)
            if asked.write:
                (asked.write / "benchmarks.md").write_text(document(found, conditions))
    if asked.write:
        draw(found, asked.write / "benchmarks.svg")
    else:
        print(document(found, conditions))


if __name__ == "__main__":
    main()
