"""Measure the speed of cutting long recordings, beside the ffmpeg program's own segmenter.

This makes recordings of one and of four hours by repeating examples/data/standup.ogg, cuts each of
them with this package and with `ffmpeg -c copy -f segment`, and prints a table. All run in turn, in
processes of their own; the figures include the start of Python. ffmpeg cuts anywhere and this
package in pauses, so ffmpeg is a lower bound and not a competitor. With `--before`, a checkout of
an older commit is measured as well.

    python benchmarks/cutting.py [--hours 1 4] [--formats mp3 m4a ogg webm wav] [--runs 3]
        [--before FOLDER]
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
from measure_process import MEGABYTE, measure, medians

SOURCE = Path(__file__).parent.parent / "src"
OURS, BEFORE, FFMPEG = "this package", "before", "ffmpeg"


def commands(path: Path, hours: float, before: Path | None, folder: Path) -> dict[str, list[str]]:
    """Return the commands that cut a recording, by their names."""
    sources = {OURS: SOURCE} | ({BEFORE: before / "src"} if before else {})
    found = {
        name: ["env", f"PYTHONPATH={source}", *contestant_command("cut-ours", path)]
        for name, source in sources.items()
    }
    if shutil.which("ffmpeg") is not None:
        found[FFMPEG] = ffmpeg_command(path, hours, folder)
    return found


def row(name: str, path: Path, hours: float, runs: int, before: Path | None) -> str:
    """Cut one recording and return its row of the table."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        figures = medians(commands(path, hours, before, Path(folder)), runs)
    ours = figures.pop(OURS)
    text = f"| {hours:g} h {name} | {path.stat().st_size / MEGABYTE:.0f} "
    for each in (ours, *figures.values()):
        text += f"| {each.wall:.2f} | {each.cpu:.2f} | {each.memory:.0f} "
    return text + "".join(f"| {ours.cpu / each.cpu:.2f} " for each in figures.values()) + "|"


def compare(formats: list[str], hours: list[float], runs: int, before: Path | None) -> None:
    """Print the table."""
    if shutil.which("ffmpeg") is None:
        print("The ffmpeg program is not installed, so there is nothing to compare with.\n")
    others = [BEFORE] * (before is not None) + [FFMPEG] * (shutil.which("ffmpeg") is not None)
    heads = [f"{name}: s | CPU s | peak MB" for name in (OURS, *others)]
    heads += [f"CPU / {name}" for name in others]
    print(f"| recording | MB | {' | '.join(heads)} |")
    print("|---|---|" + "---|" * (3 + 4 * len(others)))
    with tempfile.TemporaryDirectory() as folder:
        for name, length in itertools.product(formats, hours):
            path = Path(folder) / f"{length:g}h.{name}"
            measure([sys.executable, make_recordings.__file__, name, str(path), str(length)])
            print(row(name, path, length, runs, before), flush=True)
            path.unlink()


def main() -> None:
    """Read the arguments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 4])
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--before", type=Path, help="checkout of another commit")
    arguments = parser.parse_args()
    compare(arguments.formats, arguments.hours, arguments.runs, arguments.before)


if __name__ == "__main__":
    main()
