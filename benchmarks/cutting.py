"""How fast long recordings are cut, next to the ffmpeg program's own segmenter.

Makes recordings of one and of four hours by repeating examples/data/standup.ogg, cuts each of them
with this package and with `ffmpeg -c copy -f segment`, and prints a table. Both run as processes of
their own; what starting Python costs is in the figures. ffmpeg cuts anywhere, and this package in
pauses, so ffmpeg is the floor and not a rival.

    python benchmarks/cutting.py [--hours 1 4] [--formats mp3 m4a ogg webm wav] [--runs 3]
"""

import argparse
import itertools
import shutil
import sys
import tempfile
from pathlib import Path

import making
from contestants import process, segmenting
from making import FORMATS
from measuring import MEGABYTE, measured, median


def row(name: str, path: Path, hours: float, runs: int) -> str:
    """One line of the table."""
    ours = median(process("cut-ours", path), runs)
    text = f"| {hours:g} h {name} | {path.stat().st_size / MEGABYTE:.0f} "
    text += f"| {ours.wall:.2f} | {ours.cpu:.2f} | {ours.memory:.0f} "
    if shutil.which("ffmpeg") is None:
        return f"{text}| - | - | - | - |"
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        theirs = median(segmenting(path, hours, Path(folder)), runs)
    ratio = ours.wall / theirs.wall
    return f"{text}| {theirs.wall:.2f} | {theirs.cpu:.2f} | {theirs.memory:.0f} | {ratio:.2f} |"


def compare(formats: list[str], hours: list[float], runs: int) -> None:
    """Print the table."""
    if shutil.which("ffmpeg") is None:
        print("The ffmpeg program is not installed, so there is nothing to compare with.\n")
    print("| recording | MB | s | CPU s | peak MB | ffmpeg s | CPU s | peak MB | ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, long in itertools.product(formats, hours):
            path = Path(folder) / f"{long:g}h.{name}"
            measured([sys.executable, making.__file__, name, str(path), str(long)])
            print(row(name, path, long, runs), flush=True)
            path.unlink()


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 4])
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    compare(asked.formats, asked.hours, asked.runs)


if __name__ == "__main__":
    main()
