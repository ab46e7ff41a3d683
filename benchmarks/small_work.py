"""Measure the CPU time of small work and of whole files, beside the openai SDK and bare httpx.

All contestants run in turn in this process, against a service in another process that answers at
once; figures are medians of the CPU time of this process alone. Work that the openai SDK would do
is left out if it is not installed.

    python benchmarks/small_work.py [--files 2000] [--rounds 5] [--short]
"""

import argparse
import asyncio
import gc
import hashlib
import importlib
import importlib.util
import itertools
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import av
import httpx
import trustme

from apertis_audio_tools import ApertisAudio
from apertis_audio_tools.langchain import ApertisAudioLoader

OURS = "this package"
HAS_OPENAI = importlib.util.find_spec("openai") is not None
KEY = "sk-of-nobody"
MESSAGES = [{"role": "user", "content": "Hello"}]
MEGABYTE = 1_000_000
AT_ONCE = 200


@dataclass(frozen=True)
class Work:
    """Something that several contestants do; the first of them is the peer.

    Attributes:
        name: Name of the row.
        aim: Largest ratio to the peer that is aimed at.
        contestants: Functions that do it a number of times, by name.
        times: Number of times.
    """

    name: str
    aim: float
    contestants: dict[str, Callable[[int], object]]
    times: int


def times(function: Callable[[], object]) -> Callable[[int], object]:
    """Return a function that calls another a number of times."""

    def repeat(number: int) -> None:
        for _ in range(number):
            function()

    return repeat


def require(is_right: bool) -> None:  # noqa: FBT001  # as an assertion
    """Raise an error if a result is wrong, so that nothing is measured in vain."""
    if not is_right:
        raise RuntimeError("A document is missing.")


def encode(path: Path, container: str, codec: str, seconds: float, **options: Any) -> Path:
    """Write a recording of noise, of which five seconds are encoded, and repeated."""
    rate, layout = options.pop("rate", 16_000), options.pop("layout", "mono")
    with av.open(str(path), "w", format=container) as muxer:
        stream = muxer.add_stream(codec, rate=rate, layout=layout, **options)
        packets = [*stream.encode(noise(rate, layout, min(5, seconds))), *stream.encode(None)]
        stamp = packets[0].pts or 0
        if len(packets) > 1:
            packets.pop()  # it may be shorter than the others
        for packet in itertools.cycle(packets):
            if stamp * packet.time_base >= seconds:
                break
            repeated = av.Packet(bytes(packet))
            repeated.stream, repeated.time_base = stream, packet.time_base
            repeated.pts = repeated.dts = stamp
            repeated.duration = packet.duration
            muxer.mux(repeated)
            stamp += packet.duration
    return path


def noise(rate: int, layout: str, seconds: float) -> av.AudioFrame:
    """Return seconds of noise, which is the same each time."""
    frame = av.AudioFrame("s16", layout, round(seconds * rate))
    size = frame.planes[0].buffer_size
    digests = (
        hashlib.sha512(bytes([at % 256, at // 256])).digest() for at in range(size // 64 + 1)
    )
    frame.planes[0].update(b"".join(digests)[:size])
    frame.rate, frame.pts = rate, 0
    return frame


class Contest:
    """The clients of all contestants, and the recordings in a folder."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.ours = self.client()
        self.raw = httpx.Client()

    def client(self, **options: Any) -> ApertisAudio:
        """Return a client of this package without limits."""
        settings = {"cache": False, "requests_per_minute": None} | options
        return ApertisAudio(base_url=self.url, api_key=KEY, **settings)

    def upload(self, path: Path) -> Callable[[], object]:
        """Return a function that sends a file, and nothing else."""

        def send() -> None:
            with path.open("rb") as file:
                self.raw.post(
                    f"{self.url}/audio/transcriptions",
                    files={"file": (path.name, file, "audio/mpeg")},
                    data={"model": "whisper-1"},
                ).raise_for_status()

        return send

    def transcribe(self, path: Path) -> Callable[[], object]:
        """Return a function that transcribes a file with this package."""
        return lambda: self.ours.transcribe(path, model="whisper-1")

    def works(self, files: int, times_each: int) -> Iterator[Work]:
        """Yield all work on small recordings."""
        openai: Any = importlib.import_module("openai") if HAS_OPENAI else None
        peer = openai.OpenAI(base_url=self.url, api_key=KEY) if openai else None
        wav = encode(self.folder / "1s.wav", "wav", "pcm_s16le", 1)

        def theirs(path: Path) -> object:
            with path.open("rb") as file:
                return peer.audio.transcriptions.create(
                    model="whisper-1", file=file, response_format="verbose_json"
                )

        def contest(**contestants: Callable[[int], object]) -> dict[str, Callable[[int], object]]:
            named = {"openai": contestants["theirs"]} if peer else {}
            return named | {OURS: contestants["ours"]}

        yield Work(
            "transcribe 1 s wav",
            2.0,
            contest(theirs=times(lambda: theirs(wav)), ours=times(self.transcribe(wav))),
            times_each,
        )
        yield Work(
            "speak",
            1.0,
            contest(
                theirs=times(
                    lambda: peer.audio.speech.create(
                        model="tts-1", voice="alloy", input="Hi"
                    ).read()
                ),
                ours=times(lambda: self.ours.speak("Hi", model="tts-1", voice="alloy")),
            ),
            times_each,
        )
        yield Work(
            "chat",
            0.6,
            contest(
                theirs=times(
                    lambda: peer.chat.completions.create(model="gpt-audio", messages=MESSAGES)
                ),
                ours=times(lambda: self.ours.chat("Hello", model="gpt-audio")),
            ),
            times_each,
        )
        many = self.folder / "many"
        many.mkdir()
        mp3 = encode(self.folder / "5s.mp3", "mp3", "libmp3lame", 5, rate=44_100).read_bytes()
        for number in range(files):
            (many / f"{number:04}.mp3").write_bytes(mp3)
        paths = sorted(many.iterdir())

        def load(_: int) -> None:
            found = sum(
                1 for _ in ApertisAudioLoader(many, client=self.ours, model="whisper-1").lazy_load()
            )
            require(found == files)

        async def aload() -> None:
            async with self.client() as client:
                loader = ApertisAudioLoader(many, client=client, model="whisper-1")
                require(len([each async for each in loader.alazy_load()]) == files)

        async def atheirs(sent: list[Path], at_once: int) -> None:
            limit = asyncio.Semaphore(at_once)
            async with openai.AsyncOpenAI(base_url=self.url, api_key=KEY) as client:

                async def one(path: Path) -> None:
                    async with limit:
                        with path.open("rb") as file:
                            await client.audio.transcriptions.create(
                                model="whisper-1", file=file, response_format="verbose_json"
                            )

                await asyncio.gather(*map(one, sent))

        async def many_ours() -> None:
            async with self.client(max_concurrency=AT_ONCE) as client:
                await asyncio.gather(
                    *(client.atranscribe(wav, model="whisper-1") for _ in range(AT_ONCE))
                )

        yield Work(
            f"loader, {files} files of 5 s",
            1.3,
            contest(theirs=lambda _: [theirs(path) for path in paths], ours=load),
            files,
        )
        yield Work(
            f"async loader, {files} files of 5 s",
            1.3,
            contest(
                theirs=lambda _: asyncio.run(atheirs(paths, 8)), ours=lambda _: asyncio.run(aload())
            ),
            files,
        )
        yield Work(
            f"{AT_ONCE} transcribed at once",
            0.9,
            contest(
                theirs=lambda _: asyncio.run(atheirs([wav] * AT_ONCE, AT_ONCE)),
                ours=lambda _: asyncio.run(many_ours()),
            ),
            AT_ONCE,
        )

    def large_works(self, seconds: float) -> Iterator[Work]:
        """Yield the work on whole files, over TLS."""
        mp3 = encode(
            self.folder / "whole.mp3",
            "mp3",
            "libmp3lame",
            seconds,
            rate=44_100,
            layout="stereo",
            bit_rate=224_000,
        )
        m4a = encode(
            self.folder / "whole.m4a",
            "ipod",
            "aac",
            seconds,
            rate=44_100,
            layout="stereo",
            bit_rate=192_000,
        )
        for path in (mp3, m4a):
            size = path.stat().st_size / MEGABYTE
            yield Work(
                f"transcribe {size:.0f} MB {path.suffix[1:]}, TLS",
                2.5,
                {"httpx": times(self.upload(path)), OURS: times(self.transcribe(path))},
                1,
            )

    def thread_work(self, number: int) -> Work:
        """Return the work of opening small files in one and in eight threads."""
        path = encode(self.folder / "thread.mp3", "mp3", "libmp3lame", 5, rate=44_100)

        def in_threads(count: int) -> Callable[[int], object]:
            def run(number: int) -> None:
                with ThreadPoolExecutor(count) as pool:
                    list(
                        pool.map(
                            lambda _: self.ours.transcribe(path, model="whisper-1"), range(number)
                        )
                    )

            return run

        return Work(
            "5 s mp3, eight threads",
            1.2,
            {"one thread": in_threads(1), OURS: in_threads(8)},
            number,
        )

    def cache_works(self, hours: float) -> Iterator[Work]:
        """Yield the lookups of long recordings in the cache.

        WebM has no index to be cut by, and wav is a hundred megabytes an hour, so they are shorter.
        """
        client = self.client(cache=self.folder / "cache")
        for name, container, codec, longest in (
            ("mp3", "mp3", "libmp3lame", math.inf),
            ("m4a", "ipod", "aac", math.inf),
            ("ogg", "ogg", "libopus", math.inf),
            ("webm", "webm", "libopus", 1.0),
            ("wav", "wav", "pcm_s16le", 1.0),
        ):
            options = {"rate": 16_000} if name != "ogg" else {"rate": 48_000}
            length = min(hours, longest)
            path = encode(self.folder / f"long.{name}", container, codec, length * 3600, **options)
            client.transcribe(path, model="whisper-1")

            def look_up(path: Path = path) -> None:
                client.transcribe(path, model="whisper-1")

            def digest(path: Path = path) -> None:
                with path.open("rb") as file:
                    hashlib.file_digest(file, "sha256")

            yield Work(
                f"cache hit, {length:g} h {name}",
                1.2,
                {"hashing": times(digest), OURS: times(look_up)},
                1,
            )
            path.unlink()


@contextmanager
def service(speech: Path, *certificate: str) -> Iterator[str]:
    """Run the service in a process of its own, and yield its URL."""
    command = [sys.executable, str(Path(__file__).with_name("instant_service.py")), str(speech)]
    process = subprocess.Popen(  # noqa: S603  # our own command
        [*command, *certificate], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        port = int(cast("IO[str]", process.stdout).readline())
        yield f"http{'s' if certificate else ''}://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def cpu(function: Callable[[int], object], number: int) -> float:
    """Return the milliseconds of CPU time for each time that something is done."""
    gc.collect()
    started = time.process_time()
    function(number)
    return (time.process_time() - started) / number * 1_000


def print_row(work: Work, rounds: int) -> None:
    """Do a work in turn, and print its row of the table."""
    for function in work.contestants.values():
        function(max(work.times // 10, 1))
    measured = {name: list[float]() for name in work.contestants}
    for _ in range(rounds):
        for name, function in work.contestants.items():
            measured[name].append(cpu(function, work.times))
    figures = {name: statistics.median(each) for name, each in measured.items()}
    ours = figures.pop(OURS)
    peer, theirs = next(iter(figures.items()), ("-", None))
    ratio = f"{ours / theirs:.2f}" if theirs else "-"
    shown = f"{theirs:.2f}" if theirs else "-"
    print(f"| {work.name} | {peer} | {shown} | {ours:.2f} | {ratio} | {work.aim:g} |", flush=True)


def main() -> None:
    """Read the arguments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hours", type=float, default=10.0, help="length of cached recordings")
    parser.add_argument("--short", action="store_true", help="measure nothing, only run")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rounds, number, files, seconds, hours = (
        arguments.rounds,
        200,
        arguments.files,
        890.0,
        arguments.hours,
    )
    if arguments.short:
        rounds, number, files, seconds, hours = 1, 2, 8, 5.0, 5 / 3600
    print("| work | peer | peer ms | this package ms | ratio | aim |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        speech = encode(folder / "speech.mp3", "mp3", "libmp3lame", 3, rate=24_000)
        authority = trustme.CA()
        issued = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(folder / "authority.pem")
        issued.private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
        os.environ["SSL_CERT_FILE"] = str(folder / "authority.pem")
        with service(speech) as url:
            contest = Contest(folder, url)
            for work in contest.works(files, number):
                print_row(work, rounds)
            print_row(contest.thread_work(number), rounds)
            for work in contest.cache_works(hours):
                print_row(work, rounds)
        with service(speech, str(folder / "server.pem")) as url:
            for work in Contest(folder, url).large_works(seconds):
                print_row(work, rounds)


if __name__ == "__main__":
    main()
