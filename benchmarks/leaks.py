"""Call an unreliable service thousands of times, and measure what the process holds afterwards.

    python benchmarks/leaks.py --number 4000

One request of eight fails: 429, 503, a reset connection, or a response that is broken off or not as
documented. The verbs are mixed, sync and async. It exits with an error if the process holds more
open descriptors or threads afterwards, or if its objects or memory grow in the second half.
"""

import argparse
import asyncio
import contextlib
import gc
import random
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from load_client import memory_megabytes  # found through the path of this script

from apertis_audio_tools import ApertisAudio, ApertisError
from support.faults.endpoints import CHAT, SPEAK, STREAM_CHAT, TRANSCRIBE, Endpoint
from support.loopback_server import Exchange, LoopbackServer
from support.scripted_responses import reset_connection, respond, respond_error, respond_truncated
from support.wav_files import silent_wav

SHARE = 0.12
"""Share of the requests that fail."""
CONCURRENCY = 32
MAX_OBJECTS, MAX_MEGABYTES = 500, 5.0
"""Growth in the second half that counts as none."""
_ENDPOINTS: dict[str, Endpoint] = {
    "/v1/audio/transcriptions": TRANSCRIBE,
    "/v1/audio/translations": TRANSCRIBE,
    "/v1/audio/speech": SPEAK,
}
_FAULTS = (
    respond_error(429, "rate_limit_exceeded", retry_after="0"),
    respond_error(503, "service_unavailable"),
    respond_error(400, "invalid_request"),
    reset_connection(),
    respond_truncated(b'{"text": "a"}'),
    respond(200, b"<html>", "text/html"),
)
_CLIP = ("talk.wav", silent_wav(3200))
VERBS: dict[str, list[Any]] = {
    "transcribe": [_CLIP],
    "translate": [_CLIP],
    "chat": ["Hello?"],
    "stream_chat": ["Hello?"],
    "speak": ["Hello."],
    "stream_speech": ["Hello."],
    "save_speech": ["Hello."],
}
"""Arguments of each verb; `save_speech` gets a path as well."""


@dataclass(frozen=True, slots=True)
class Held:
    """Resources that a process holds."""

    descriptors: int
    threads: int
    objects: int
    megabytes: float


def measure() -> Held:
    """Return what this process holds after a collection of garbage."""
    gc.collect()
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    return Held(descriptors, threading.active_count(), len(gc.get_objects()), memory_megabytes())


def respond_or_fail(exchange: Exchange) -> None:
    """Respond correctly, or with a fault."""
    dice = random.Random(exchange.received.number)  # noqa: S311  # no secret
    if dice.random() < SHARE:
        dice.choice(_FAULTS)(exchange)
        return
    chat = STREAM_CHAT if exchange.received.headers["accept"] == "text/event-stream" else CHAT
    _ENDPOINTS.get(exchange.received.target, chat).success(exchange)


def serve() -> None:
    """Print a base URL, and serve until standard input ends."""
    with LoopbackServer([respond_or_fail]) as server:
        print(server.url, flush=True)
        sys.stdin.read()


@contextlib.contextmanager
def service() -> Iterator[str]:
    """Serve in another process, and yield its base URL."""
    command = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(  # noqa: S603  # our own command
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None  # noqa: S101  # both are pipes
        assert process.stdout is not None  # noqa: S101
        yield process.stdout.readline().strip()
        process.stdin.close()


def arguments(number: int, folder: Path) -> tuple[str, list[Any]]:
    """Return the verb of a call, and its arguments."""
    verb = [*VERBS][number % len(VERBS)]
    return verb, [*VERBS[verb], *([folder / f"{number}.mp3"] if verb == "save_speech" else [])]


def call(audio: ApertisAudio, number: int, folder: Path) -> str:
    """Make a call, and return the name of its verb or of its error."""
    verb, values = arguments(number, folder)
    try:
        result = getattr(audio, verb)(*values)
        for _ in result if verb.startswith("stream_") else ():
            pass
    except ApertisError as error:
        return type(error).__name__
    return "results"


async def acall(audio: ApertisAudio, number: int, folder: Path) -> str:
    """Async version of `call`."""
    verb, values = arguments(number, folder)
    try:
        result = getattr(audio, f"a{verb}")(*values)
        if verb.startswith("stream_"):
            async for _ in result:
                pass
        else:
            await result
    except ApertisError as error:
        return type(error).__name__
    return "results"


def run_sync(url: str, numbers: range, folder: Path) -> Counter[str]:
    """Make all calls in threads, and return what became of them."""
    with client(url) as audio, ThreadPoolExecutor(CONCURRENCY) as threads:
        return Counter(threads.map(lambda number: call(audio, number, folder), numbers))


def run_async(url: str, numbers: range, folder: Path) -> Counter[str]:
    """Make all calls on an event loop, and return what became of them."""

    async def worker(audio: ApertisAudio, queue: Iterator[int]) -> Counter[str]:
        return Counter([await acall(audio, number, folder) for number in queue])

    async def workers() -> Counter[str]:
        async with client(url) as audio:
            queue = iter(numbers)
            counted = await asyncio.gather(*(worker(audio, queue) for _ in range(CONCURRENCY)))
            return sum(counted, Counter())

    return asyncio.run(workers())


def client(url: str) -> ApertisAudio:
    """Return a client that retries once, without a pause to speak of."""
    return ApertisAudio("key-of-a-benchmark", base_url=url, max_retries=1, requests_per_minute=None)


def run(mode: str, url: str, number: int) -> bool:
    """Print what the process holds before, half-way and after; return whether it does not grow."""
    make_calls = run_sync if mode == "sync" else run_async
    warm_up, half = len(VERBS) * 4, number // 2
    numbers = [range(warm_up), range(half), range(half, number)]
    outcomes, held = Counter[str](), []
    for each in numbers:
        with tempfile.TemporaryDirectory() as name:
            made = make_calls(url, each, Path(name))
        outcomes += made if held else Counter()
        held.append(measure())
    before, middle, after = held
    print(f"{mode}: {number} calls, {dict(outcomes.most_common())}")
    for when, each in zip(("before", "half-way", "after"), held, strict=True):
        print(
            f"  {when}: {each.descriptors} descriptors, {each.threads} threads, "
            f"{each.objects} objects, {each.megabytes:.1f} MB"
        )
    return (
        (after.descriptors, after.threads) == (before.descriptors, before.threads)
        and after.objects - middle.objects < MAX_OBJECTS
        and after.megabytes - middle.megabytes < MAX_MEGABYTES
    )


def main() -> None:
    """Run both modes, and exit with an error if a process holds more and more."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=4000, help="number of calls in each mode")
    parser.add_argument("--serve", action="store_true", help="only serve")
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    with service() as url:
        fine = [run(mode, url, options.number) for mode in ("sync", "async")]
    sys.exit(0 if all(fine) else "The process holds more than before.")


if __name__ == "__main__":
    main()
