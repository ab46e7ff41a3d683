"""Names of hosts: unknown, slow, impossible, with several addresses."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpcore
import pytest

from apertis_audio_tools import APIConnectionError, APITimeoutError
from apertis_audio_tools.transport.dns import HostResolver
from support.fake_clock import FakeClock
from support.loopback import Loopback, dead_port
from support.scripted_responses import json_answer
from support.sync_async import Run

MODELS = json_answer({"data": [{"id": "whisper-1"}]})
NAME = "service.example"
Resolver = Callable[[Callable[[], list[Any]]], None]


@pytest.fixture(name="resolve")
def _resolve(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """Puts a resolver of our own in the place of the system's, for one name."""
    system = socket.getaddrinfo

    def use(found: Callable[[], list[Any]]) -> None:
        def getaddrinfo(host: str | bytes | None, *args: Any, **options: Any) -> list[Any]:
            is_ours = host in {NAME, NAME.encode()}
            flags = options.get("flags", args[4] if len(args) > 4 else 0)
            if is_ours and not flags & socket.AI_NUMERICHOST:
                return found()
            return list(system(host, *args, **options))

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return use


@pytest.fixture(name="released")
def _released() -> Iterator[threading.Event]:
    """Set at the end, so that what still waits can go."""
    event = threading.Event()
    yield event
    event.set()


def entry(address: str, port: int) -> tuple[Any, ...]:
    """What the system's resolver says of one address."""
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))


def port_of(server: Loopback) -> int:
    return int(server.address.rpartition(":")[2])


def test_unknown(run: Run, resolve: Resolver) -> None:
    """A name nobody knows is looked up again, for it may be the network, and then told."""

    def unknown() -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    resolve(unknown)
    clock = FakeClock()
    with (
        Loopback([]) as server,
        server.client(base_url=f"http://{NAME}/v1", clock=clock, max_retries=2) as audio,
        pytest.raises(APIConnectionError, match=f"{NAME}.*not known"),
    ):
        run(audio, "models")
    assert len(clock.sleeps) == 2


def test_impossible(run: Run) -> None:
    """A name that no name can be is an error like any other."""
    url = f"http://{'a' * 70}.example/v1"
    with (
        Loopback([]) as server,
        server.client(base_url=url, max_retries=0) as audio,
        pytest.raises(APIConnectionError),
    ):
        run(audio, "models")


def test_several_addresses(run: Run, resolve: Resolver) -> None:
    """Where the first address of a name is dead, the next one is tried."""
    with dead_port() as dead, Loopback([MODELS]) as server:
        resolve(lambda: [entry("127.0.0.1", dead), entry("127.0.0.1", port_of(server))])
        url = f"http://{NAME}:{port_of(server)}/v1"
        with server.client(base_url=url, max_retries=0) as audio:
            assert run(audio, "models") == ("whisper-1",)


def test_slow(resolve: Resolver, released: threading.Event) -> None:
    """A lookup that does not end holds nobody up for longer than the deadline."""
    resolve(lambda: [released.wait(60)])
    with (
        Loopback([]) as server,
        server.client(base_url=f"http://{NAME}/v1", deadline=0.3, max_retries=0) as audio,
        pytest.raises(APITimeoutError),
    ):
        audio.models()


async def test_slow_for_a_task(resolve: Resolver, released: threading.Event) -> None:
    """The same on the event loop, whose end waits for the lookup, as asyncio has it."""
    resolve(lambda: [released.wait(60)])
    with Loopback([]) as server:
        url = f"http://{NAME}/v1"
        async with server.client(base_url=url, deadline=0.3, max_retries=0) as audio:
            with pytest.raises(APITimeoutError):
                await audio.amodels()
    released.set()


def test_one_at_a_time(resolve: Resolver, released: threading.Event) -> None:
    """However often a slow name is asked for, one lookup goes on, and serves who comes later."""
    asked = []

    def found() -> list[Any]:
        asked.append(NAME)
        released.wait(60)
        return [entry("127.0.0.1", 80)]

    resolve(found)
    lookups = HostResolver()
    for _ in range(5):
        with pytest.raises(httpcore.ConnectTimeout):
            lookups.addresses(NAME, 80, 0.01)
    with ThreadPoolExecutor(1) as thread:
        late = thread.submit(lookups.addresses, NAME, 80, 60.0)
        released.set()
        assert late.result() == ["127.0.0.1"]
    assert len(asked) <= 2, "The last one may come just after the answer."


def test_no_thread(resolve: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system allows no further thread the call fails, and the next one tries again."""
    start = threading.Thread.start

    def start_none(thread: threading.Thread) -> None:
        if thread.name == "apertis-audio-lookup":
            raise RuntimeError("can't start new thread")
        start(thread)

    with Loopback([MODELS]) as server:
        resolve(lambda: [entry("127.0.0.1", port_of(server))])
        url = f"http://{NAME}:{port_of(server)}/v1"
        with server.client(base_url=url, max_retries=0) as audio:
            with monkeypatch.context() as patched:
                patched.setattr(threading.Thread, "start", start_none)
                for _ in range(2):
                    with pytest.raises(APIConnectionError, match=f"{NAME}.*start new thread"):
                        audio.models()
            assert audio.models() == ("whisper-1",)
