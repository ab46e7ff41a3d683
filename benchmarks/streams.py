"""Measure the CPU time of an upload of 25 MB and of 20 MB of speech, beside httpx alone.

The server is a process of its own. All contestants run in turn, in the process whose time is
measured. httpx alone sends chunks of 64 KB, as it reads files, and drops the speech that it
receives. With --tls the connections are encrypted, which needs the package trustme.

    python benchmarks/streams.py [--runs 9] [--tls] [--short]
"""

import argparse
import asyncio
import contextlib
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parent.parent / "src"))
from apertis_audio_tools import ApertisAudio, ModelRetirementWarning
from apertis_audio_tools.api.request import Request, RequestBody, Upload

SERVER = Path(__file__).with_name("streams_server.py")
CHUNK_BYTES = 64 * 1024
MILLISECONDS = 1000
SPEECH = {"model": "tts-1", "input": "Hello.", "voice": "alloy", "response_format": "wav"}
Contestant = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class Setting:
    """Base URL, the file that is uploaded, and how the server proves its identity."""

    base_url: str
    upload: Path
    verify: ssl.SSLContext | bool


@dataclass
class Figures:
    """CPU time and longest gap of the event loop of each run, in milliseconds."""

    cpu: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)


def read_chunks(path: Path) -> Iterator[bytes]:
    """Yield a file in chunks."""
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


async def aread_chunks(path: Path) -> AsyncIterator[bytes]:
    """Async version of `read_chunks`, which blocks as httpx would."""
    for chunk in read_chunks(path):
        yield chunk


def contestants(
    setting: Setting, stack: contextlib.ExitStack, astack: contextlib.AsyncExitStack
) -> dict[str, Contestant]:
    """Return the functions that are measured, by name; `ours` and `raw` alternate."""
    audio = stack.enter_context(
        ApertisAudio("sk-12345678", base_url=setting.base_url, verify=setting.verify)
    )
    client = stack.enter_context(httpx.Client(verify=setting.verify))
    aclient = httpx.AsyncClient(verify=setting.verify)
    astack.push_async_callback(aclient.aclose)
    size = setting.upload.stat().st_size
    upload = Upload("one.mp3", "audio/mpeg", size, lambda: setting.upload.open("rb"))
    request = Request("POST", "/audio/transcriptions", RequestBody("audio/mpeg", (upload,)))
    headers = {"content-length": str(size)}
    url, speech_url = setting.base_url + request.path, setting.base_url + "/audio/speech"
    saved = setting.upload.with_name("speech.wav")
    options = {"model": "tts-1", "overwrite": True}

    async def send_raw() -> object:
        return client.post(url, content=read_chunks(setting.upload), headers=headers)

    async def send() -> object:
        return audio._transport.send(request, 600)  # noqa: SLF001  # without the recording

    async def asend_raw() -> object:
        return await aclient.post(url, content=aread_chunks(setting.upload), headers=headers)

    async def asend() -> object:
        return await audio._transport.asend(request, 600)  # noqa: SLF001

    async def receive_raw() -> object:
        with client.stream("POST", speech_url, json=SPEECH) as response:
            return sum(map(len, response.iter_bytes()))

    async def save() -> object:
        return audio.save_speech("Hello.", saved, **options)

    async def asave() -> object:
        return await audio.asave_speech("Hello.", saved, **options)

    return {
        "raw upload": send_raw,
        "upload": send,
        "raw async upload": asend_raw,
        "async upload": asend,
        "raw speech": receive_raw,
        "speech saved": save,
        "speech saved, async": asave,
    }


ROWS = {
    "upload": ("raw upload", None),
    "async upload": ("raw async upload", 1.6),
    "speech saved": ("raw speech", 2.5),
    "speech saved, async": ("raw speech", 4.0),
}
"""The reference of each work of ours, and the aim: at most this multiple of its CPU time."""


async def measure(work: dict[str, Contestant], runs: int) -> dict[str, Figures]:
    """Run all contestants in turn, once without being measured."""
    figures = {name: Figures() for name in work}
    for run in range(runs + 1):
        for name, contestant in work.items():
            cpu, gap = await measure_once(contestant)
            if run:
                figures[name].cpu.append(cpu * MILLISECONDS)
                figures[name].gaps.append(gap * MILLISECONDS)
    return figures


async def measure_once(contestant: Contestant) -> tuple[float, float]:
    """Return the CPU time of a run, and the longest time that the event loop did nothing else."""
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.002)
            longest = max(longest, time.perf_counter() - began - 0.002)

    watcher = asyncio.create_task(watch())
    await asyncio.sleep(0)
    began = time.process_time()
    await contestant()
    cpu = time.process_time() - began
    watcher.cancel()
    return cpu, longest


async def compare(setting: Setting, runs: int) -> None:
    """Print the table."""
    with contextlib.ExitStack() as stack:
        async with contextlib.AsyncExitStack() as astack:
            figures = await measure(contestants(setting, stack, astack), runs)
    print("| work | CPU ms | httpx alone: CPU ms | ratio | aim | longest gap, ms |")
    print("|---|---|---|---|---|---|")
    for name, (reference, aim) in ROWS.items():
        ours, raw = (statistics.median(figures[each].cpu) for each in (name, reference))
        gap = statistics.median(figures[name].gaps) if "async" in name else None
        shown = "-" if gap is None else f"{gap:.1f}"
        print(f"| {name} | {ours:.1f} | {raw:.1f} | {ours / raw:.2f} | {aim or '-'} | {shown} |")


@contextlib.contextmanager
def serving(
    folder: Path, speech_bytes: int, *, tls: bool
) -> Iterator[tuple[str, ssl.SSLContext | bool]]:
    """Run the server; yield its base URL and how it proves its identity."""
    command, verify = [sys.executable, str(SERVER), "--speech-bytes", str(speech_bytes)], True
    if tls:
        import trustme

        authority = trustme.CA()
        authority.cert_pem.write_to_path(folder / "authority.pem")
        certificate = authority.issue_cert("127.0.0.1")
        certificate.private_key_pem.write_to_path(folder / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
        verify = ssl.create_default_context()
        authority.configure_trust(verify)
        command += ["--tls", str(folder / "certificate.pem"), str(folder / "key.pem")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        try:
            assert server.stdout  # noqa: S101
            scheme = "https" if tls else "http"
            yield f"{scheme}://127.0.0.1:{int(server.stdout.readline())}/v1", verify
        finally:
            server.kill()


def main() -> None:
    """Read the arguments and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--tls", action="store_true", help="encrypt the connections")
    parser.add_argument("--short", action="store_true", help="one run of 1 MB")
    arguments = parser.parse_args()
    sent, received = (1_000_000, 1_000_000) if arguments.short else (25_000_000, 20_000_000)
    warnings.simplefilter("ignore", ModelRetirementWarning)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        upload = folder / "upload"
        upload.write_bytes(os.urandom(sent))
        with serving(folder, received, tls=arguments.tls) as (base_url, verify):
            setting = Setting(base_url, upload, verify)
            asyncio.run(compare(setting, 1 if arguments.short else arguments.runs))


if __name__ == "__main__":
    main()
