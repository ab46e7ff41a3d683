"""How fast long recordings are cut, next to the ffmpeg program's own segmenter.

Makes recordings of one and of four hours by repeating examples/data/standup.ogg, cuts each of them
with this package and with `ffmpeg -c copy -f segment`, and prints a table. Both run as processes of
their own; what starting Python costs is in the figures. ffmpeg cuts anywhere, and this package in
pauses, so ffmpeg is the floor and not a rival.

    python benchmarks/cutting.py [--hours 1 4] [--formats mp3 m4a ogg webm wav] [--runs 3]
"""

import argparse
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.packet import Packet

from apertis_audio_tools.recordings import pieces, probe

STANDUP = Path(__file__).parent.parent / "examples" / "data" / "standup.ogg"
MAX_BYTES = 26_214_400 - 4_096
"""The service's limit, less what the multipart frame takes."""
KILOBYTE, MEGABYTE = 1024, 1_000_000


@dataclass(frozen=True)
class Format:
    """FFmpeg's names of a container and of an encoder; Hz, and bits per second."""

    container: str
    encoder: str
    sample_rate: int
    bit_rate: int = 0


FORMATS = {
    "mp3": Format("mp3", "libmp3lame", 44_100, 128_000),
    "m4a": Format("ipod", "aac", 44_100, 128_000),
    "ogg": Format("ogg", "libopus", 48_000, 48_000),
    "webm": Format("webm", "libopus", 48_000, 48_000),
    "wav": Format("wav", "pcm_s16le", 16_000),
}


@dataclass(frozen=True)
class Figures:
    """What one run of a process took: seconds, seconds, megabytes."""

    wall: float
    cpu: float
    memory: float


def encoded(form: Format, path: Path) -> None:
    """Write the meeting once."""
    with av.open(str(STANDUP)) as source, av.open(str(path), "w", format=form.container) as target:
        stream = target.add_stream(form.encoder, rate=form.sample_rate, layout="mono")
        if form.bit_rate:
            stream.bit_rate = form.bit_rate
        for frame in source.decode(audio=0):
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))


def repeated(stream: AudioStream, packets: list[Packet], seconds: float) -> Iterator[Packet]:
    """The packets of a meeting again and again, with their time stamps going on."""
    first = packets[0].pts
    length = packets[-1].pts + packets[-1].duration - first
    unit = stream.time_base
    for turn in range(round(seconds / float(length * unit))):
        for packet in packets:
            again = Packet(bytes(packet))
            again.pts = again.dts = packet.pts + turn * length
            again.duration = packet.duration
            again.time_base = Fraction(unit.numerator, unit.denominator)
            yield again


def make(form: Format, path: Path, hours: float) -> None:
    """Write a recording of so many hours."""
    once = path.with_name("once." + path.name)
    encoded(form, once)
    with av.open(str(once)) as source, av.open(str(path), "w", format=form.container) as target:
        stream = source.streams.audio[0]
        packets = [packet for packet in source.demux(stream) if packet.size]
        copy = target.add_stream_from_template(stream)
        for packet in repeated(stream, packets, hours * 3600):
            packet.stream = copy
            target.mux_one(packet)
    once.unlink()


def cut(path: Path) -> None:
    """Cut a recording as the client does; what is made is given back at once."""
    for piece in pieces(probe(path), max_bytes=MAX_BYTES):
        piece.close()


def segmented(ffmpeg: str, path: Path, folder: Path) -> list[str]:
    """The command by which ffmpeg makes pieces as large."""
    recording = probe(path)
    seconds = recording.duration * MAX_BYTES / recording.content.size
    pattern = folder / f"%03d{path.suffix}"
    copying = ["-map", "0:a", "-c", "copy", "-f", "segment", "-segment_time", f"{seconds:.0f}"]
    return [ffmpeg, "-v", "error", "-y", "-i", str(path), *copying, str(pattern)]


def measured(command: list[str]) -> Figures:
    """What a process takes."""
    started = time.perf_counter()
    process = subprocess.Popen(command)  # noqa: S603  # our own command
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} failed on {command[-1]}.")
    memory = usage.ru_maxrss * KILOBYTE / MEGABYTE
    return Figures(wall, usage.ru_utime + usage.ru_stime, memory)


def median(command: list[str], runs: int) -> Figures:
    """The median run, by wall time."""
    found = sorted((measured(command) for _ in range(runs)), key=lambda figures: figures.wall)
    return found[statistics.median_low(range(runs))]


def row(name: str, path: Path, ffmpeg: str | None, runs: int) -> str:
    """One line of the table."""
    ours = median([sys.executable, __file__, "--cut", str(path)], runs)
    text = f"| {name} | {path.stat().st_size / MEGABYTE:.0f} | {ours.wall:.2f} | {ours.cpu:.2f} "
    text += f"| {ours.memory:.0f} "
    if ffmpeg is None:
        return f"{text}| - | - | - | - |"
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        theirs = median(segmented(ffmpeg, path, Path(folder)), runs)
    ratio = ours.wall / theirs.wall
    return f"{text}| {theirs.wall:.2f} | {theirs.cpu:.2f} | {theirs.memory:.0f} | {ratio:.2f} |"


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--hours", type=float, nargs="+", default=[1, 4])
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    parser.add_argument("--runs", type=int, default=3)
    # In processes of their own, whose memory is measured: a child begins with its parent's peak.
    parser.add_argument("--cut", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.cut:
        cut(asked.cut)
    elif asked.make:
        make(FORMATS[asked.formats[0]], asked.make, asked.hours[0])
    else:
        compare(asked.formats, asked.hours, asked.runs)


def compare(formats: list[str], hours: list[float], runs: int) -> None:
    """Print the table."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        print("The ffmpeg program is not installed, so there is nothing to compare with.\n")
    print("| recording | MB | s | CPU s | peak MB | ffmpeg s | CPU s | peak MB | ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, long in itertools.product(formats, hours):
            path = Path(folder) / f"{long:g}h.{name}"
            asked = ["--make", str(path), "--formats", name, "--hours", str(long)]
            measured([sys.executable, __file__, *asked])
            print(row(f"{long:g} h {name}", path, ffmpeg, runs), flush=True)
            path.unlink()


if __name__ == "__main__":
    main()
