"""The benchmarks run, on recordings that are too short to measure speed."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
HAS_FFMPEG = shutil.which("ffmpeg") is not None
HAS_RECIPE = HAS_FFMPEG and all(map(importlib.util.find_spec, ["pydub", "openai"]))
MINUTES = str(2 / 60)
SCRIPTS = sorted(path for path in BENCHMARKS.glob("*.py") if "__main__" in path.read_text("utf-8"))
HELP = """import contextlib, os, runpy, sys
for script in sys.argv[1:]:
    sys.argv[1:], sys.argv[0], sys.path[0] = ["--help"], script, os.path.dirname(script)
    with contextlib.suppress(SystemExit):
        runpy.run_path(script, run_name="__main__")
"""
FAST = ("--latency", "0", "--speed", "100000", "--uplink", "10000")


def output(script: str, *arguments: str) -> str:
    """Run a benchmark and return its output; fail if it fails."""
    command = [sys.executable, str(BENCHMARKS / script), *arguments]
    environment = {**os.environ, "PYTHONWARNINGS": "default"}
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def rows(page: str, name: str) -> list[list[str]]:
    """Return the cells of each row of a table that begins with a name."""
    lines = [line for line in page.splitlines() if line.startswith(f"| {name} |")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_help() -> None:
    """Every script starts, and describes its arguments; one process imports for all of them."""
    command = [sys.executable, "-c", HELP, *map(str, SCRIPTS)]
    finished = subprocess.run(command, capture_output=True, check=False)
    assert finished.returncode == 0, finished.stderr.decode()
    shown = finished.stdout.decode()
    assert [path.name for path in SCRIPTS if f"usage: {path.name}" not in shown] == []


@pytest.mark.slow
@pytest.mark.timeout(600)  # a dozen processes, one after the other: 16 s on a quiet machine
def test_long_recordings(tmp_path: Path) -> None:
    """All installed programs are measured in both tables, and all audio is sent."""
    script = "long_recordings.py"
    output(script, "--hours", MINUTES, "--formats", "wav", *FAST, "5000", "--write", str(tmp_path))
    page = (tmp_path / "long_recordings.md").read_text()
    name = f"{float(MINUTES):g} h wav"
    cutting, transcribing = rows(page, name)
    assert [cell == "-" for cell in cutting[2:5]] == [not HAS_RECIPE, False, not HAS_FFMPEG]
    assert [cell == "-" for cell in transcribing[2:5]] == [not HAS_RECIPE, False, False]
    assert transcribing[5] == ("0 MB in 1" if HAS_RECIPE else "-")
    assert transcribing[6:8] == ["2 MB in 1", "1 MB in 1"]
    assert "failed" not in page
    assert f"--hours {float(MINUTES):g} --formats wav --runs 1 --uplink 10000 5000 " in page
    ((_, _, *contestants, _, _, _, _, _, _, _, floor),) = rows(page, f"{name}, 5000 Mbit/s")
    assert [cell == "-" for cell in contestants[:3]] == [True, False, True]
    assert floor.endswith(" x")
    has_picture = importlib.util.find_spec("matplotlib") is not None
    assert (tmp_path / "long_recordings.svg").is_file() == has_picture


@pytest.mark.slow
def test_cutting() -> None:
    """Cutting is measured, beside ffmpeg if it is installed."""
    page = output("cutting.py", "--hours", MINUTES, "--formats", "ogg", "--runs", "1")
    (cells,) = rows(page, f"{float(MINUTES):g} h ogg")
    assert all(float(cell) > 0 for cell in cells[1:5])
    assert (cells[-1] == "-") is not HAS_FFMPEG


def test_imports() -> None:
    """Each import is measured, beside openai's client if it is installed."""
    page = output("imports.py", "--short")
    for name in ("import and construct ApertisAudio", "apertis-audio --help"):
        ((_, seconds, _, share),) = rows(page, name)
        assert float(seconds) > 0
        assert (share == "-") is (importlib.util.find_spec("openai") is None)


@pytest.mark.parametrize("arguments", [(), ("--tls",)], ids=["plain", "tls"])
def test_streams(arguments: tuple[str, ...]) -> None:
    """Uploads and speech are measured, beside httpx alone."""
    page = output("streams.py", "--short", *arguments)
    for name in ("upload", "async upload", "speech saved", "speech saved, async"):
        ((_, ours, raw, ratio, *_),) = rows(page, name)
        assert float(ours) > 0
        assert float(raw) > 0
        assert float(ratio) > 0


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux" or not os.environ.get("APERTIS_LONG_TESTS"),
    reason="Linux says what the memory was at most; three processes take four seconds",
)
def test_upload_memory() -> None:
    """The memory that an upload adds is measured, beside httpx alone."""
    page = output("upload_memory.py", "--short")
    for name in ("transcribe 1 MB", "atranscribe 1 MB"):
        ((_, ours, *_, aim),) = rows(page, name)
        assert float(ours) < 2 * float(aim)


def test_small_work() -> None:
    """Each kind of work is measured, with and without the peer's package."""
    page = output("small_work.py", "--short")
    works = [line.split("|")[1].strip() for line in page.splitlines()[2:]]
    names = ("transcribe 1 s wav", "speak", "chat", "loader", "async loader", "200 transcribed")
    assert all(any(work.startswith(name) for work in works) for name in names)
    assert sum(work.startswith("cache hit") for work in works) == 5
    assert len([work for work in works if work.endswith("TLS")]) == 2


@pytest.mark.slow
def test_cut_quality() -> None:
    """Cuts within speech are counted; where there are pauses, there are none."""
    page = output("cut_quality.py", "--short")
    (meeting,) = rows(page, "meeting")
    assert meeting[1:3] == ["pink", "10"]
    assert int(meeting[3]) > 0
    assert meeting[4:6] == ["0.0%", "0.0%"]
