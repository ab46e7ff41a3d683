"""Measure the memory that transcribing 25 MB of stereo mp3 adds, beside the upload by httpx alone.

Each contestant runs in a process of its own, which has transcribed three seconds before, so that
nothing is imported any more. Its figure is the highest memory during the upload, less that before
it; the system has to be Linux. With --tls the connections are encrypted, which needs trustme.

    python benchmarks/upload_memory.py [--runs 5] [--tls] [--short]
"""

import argparse
import asyncio
import io
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))
AIM = 2.0
MEGABYTE = 1_000_000
RATE = 44_100
CONTESTANTS = "httpx", "transcribe", "atranscribe"


def write_mp3(path: Path, size: int) -> Path:
    """Write the frames of ten seconds of stereo noise as often as they fit into a size."""
    import av

    file = io.BytesIO()
    options = {"write_xing": "0", "id3v2_version": "0"}
    with av.open(file, "w", format="mp3", options=options) as muxer:
        stream = muxer.add_stream("libmp3lame", rate=RATE, layout="stereo", bit_rate=224_000)
        frame = av.AudioFrame("s16", "stereo", RATE * 10)
        frame.planes[0].update(os.urandom(frame.planes[0].buffer_size))
        frame.sample_rate = RATE
        muxer.mux(stream.encode(frame))
        muxer.mux(stream.encode(None))
    frames = file.getvalue()
    path.write_bytes(frames * max(size // len(frames), 1))
    return path


def measure(name: str, base_url: str, *paths: Path) -> None:
    """Send several recordings, and print the bytes that the last adds to the memory."""
    import httpx

    from apertis_audio_tools import ApertisAudio

    audio = ApertisAudio("sk-12345678", base_url=base_url, cache=False, requests_per_minute=None)
    client = httpx.Client()

    def upload(path: Path) -> None:
        with path.open("rb") as file:
            files, data = {"file": (path.name, file, "audio/mpeg")}, {"model": "whisper-1"}
            client.post(f"{base_url}/audio/transcriptions", files=files, data=data)

    contestants: dict[str, Callable[[Path], object]] = {
        "httpx": upload,
        "transcribe": lambda path: audio.transcribe(path, model="whisper-1"),
        "atranscribe": lambda path: asyncio.run(audio.atranscribe(path, model="whisper-1")),
    }
    *first, last = paths
    for contestant in contestants.values():
        for path in first:
            contestant(path)
    Path("/proc/self/clear_refs").write_text("5")
    before = read_status("VmRSS")
    contestants[name](last)
    print(read_status("VmHWM") - before)


def read_status(name: str) -> int:
    """Return a number of bytes that Linux knows about this process."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024


def run(name: str, base_url: str, *paths: Path) -> int:
    """Return what `measure` prints in a process of its own."""
    command = [sys.executable, __file__, "--measure", name, base_url, *map(str, paths)]
    return int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)  # noqa: S603


def main() -> None:
    """Read the arguments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tls", action="store_true", help="encrypt the connections")
    parser.add_argument("--short", action="store_true", help="one run of 1 MB")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        name, base_url, *paths = arguments.measure
        measure(name, base_url, *map(Path, paths))
        return
    from streams import serving

    runs, size = (1, MEGABYTE) if arguments.short else (arguments.runs, 25 * MEGABYTE)
    with tempfile.TemporaryDirectory() as folder:
        small, large = (write_mp3(Path(folder) / f"{each}.mp3", each) for each in (0, size))
        with serving(Path(folder), 0, tls=arguments.tls) as (base_url, _):
            if arguments.tls:
                os.environ["SSL_CERT_FILE"] = str(Path(folder) / "authority.pem")
            sent = small, small, large
            figures = {
                name: [run(name, base_url, *sent) / MEGABYTE for _ in range(runs)]
                for name in CONTESTANTS
            }
    medians = {name: statistics.median(each) for name, each in figures.items()}
    raw = medians.pop("httpx")
    print("| work | adds MB | httpx adds MB | difference | aim |\n|---|---|---|---|---|")
    for name, ours in medians.items():
        work = f"{name} {size // MEGABYTE} MB"
        print(f"| {work} | {ours:.2f} | {raw:.2f} | {ours - raw:.2f} | {AIM} |")


if __name__ == "__main__":
    main()
