"""Measure the speed of cutting long recordings, beside the ffmpeg program's own segmenter.

This makes recordings of one and of four hours by repeating examples/data/standup.ogg, cuts each of
them with this package and with `ffmpeg -c copy -f segment`, and prints a table. Both run in
processes of their own; the figures include the start of Python. ffmpeg cuts anywhere and this
package in pauses, so ffmpeg is a lower bound and not a competitor.

    python benchmarks/cutting.py [--hours 1 4] [--formats mp3 m4a ogg webm wav] [--runs 3]
"""

import argparse
import itertools
import shutil
import sys
import tempfile
from pathlib import Path

import make_recordings
from contestants import contestant_command, ffmpeg_command
from make_recordings import FORMATS
from measure_process import MEGABYTE, measure, median


def row(name: str, path: Path, hours: float, runs: int) -> str:
    """Cut one recording and return its row of the table."""
    ours = median(contestant_command("cut-ours", path), runs)
    text = f"| {hours:g} h {name} | {path.stat().st_size / MEGABYTE:.0f} "
    text += f"| {ours.wall:.2f} | {ours.cpu:.2f} | {ours.memory:.0f} "
    if shutil.which("ffmpeg") is None:
        return f"{text}| - | - | - | - |"
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        reference = median(ffmpeg_command(path, hours, Path(folder)), runs)
    text += f"| {reference.wall:.2f} | {reference.cpu:.2f} | {reference.memory:.0f} "
    return f"{text}| {ours.wall / reference.wall:.2f} |"


def compare(formats: list[str], hours: list[float], runs: int) -> None:
    """Print the table."""
    if shutil.which("ffmpeg") is None:
        print("The ffmpeg program is not installed, so there is nothing to compare with.\n")
    print("| recording | MB | s | CPU s | peak MB | ffmpeg s | CPU s | peak MB | ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, length in itertools.product(formats, hours):
            path = Path(folder) / f"{length:g}h.{name}"
            measure([sys.executable, make_recordings.__file__, name, str(path), str(length)])
            print(row(name, path, length, runs), flush=True)
            path.unlink()


def main() -> None:
    """Read the arguments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 4])
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    compare(arguments.formats, arguments.hours, arguments.runs)


if __name__ == "__main__":
    main()
