"""Host names that are unknown, slow or invalid, or have several addresses."""

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
from support.loopback_server import LoopbackServer, unused_port
from support.scripted_responses import respond_json
from support.sync_async import Run

MODELS = respond_json({"data": [{"id": "whisper-1"}]})
NAME = "service.example"
Resolver = Callable[[Callable[[], list[Any]]], None]


@pytest.fixture(name="resolve")
def _resolve(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """Return a function that sets what the system's resolver returns for one host."""
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
def _release_event() -> Iterator[threading.Event]:
    """Return an event that is set at the end, so that waiting threads end."""
    event = threading.Event()
    yield event
    event.set()


def entry(address: str, port: int) -> tuple[Any, ...]:
    """Return an entry of the system's resolver for one address."""
    return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))


def port_of(server: LoopbackServer) -> int:
    return int(server.address.rpartition(":")[2])


def test_unknown(run: Run, resolve: Resolver) -> None:
    """The lookup of an unknown host is retried, because the network may be the reason."""

    def unknown() -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    resolve(unknown)
    clock = FakeClock()
    with (
        LoopbackServer([]) as server,
        server.client(base_url=f"http://{NAME}/v1", clock=clock, max_retries=2) as audio,
        pytest.raises(APIConnectionError, match=f"{NAME}.*not known"),
    ):
        run(audio, "models")
    assert len(clock.sleeps) == 2


def test_impossible(run: Run) -> None:
    """An invalid host name is a connection error."""
    url = f"http://{'a' * 70}.example/v1"
    with (
        LoopbackServer([]) as server,
        server.client(base_url=url, max_retries=0) as audio,
        pytest.raises(APIConnectionError),
    ):
        run(audio, "models")


def test_several_addresses(run: Run, resolve: Resolver) -> None:
    """If the first address of a host does not accept connections, the next one is tried."""
    with unused_port() as dead, LoopbackServer([MODELS]) as server:
        resolve(lambda: [entry("127.0.0.1", dead), entry("127.0.0.1", port_of(server))])
        url = f"http://{NAME}:{port_of(server)}/v1"
        with server.client(base_url=url, max_retries=0) as audio:
            assert run(audio, "models") == ("whisper-1",)


def test_slow(resolve: Resolver, released: threading.Event) -> None:
    """A lookup that does not end is given up at the deadline."""
    resolve(lambda: [released.wait(60)])
    with (
        LoopbackServer([]) as server,
        server.client(base_url=f"http://{NAME}/v1", deadline=0.3, max_retries=0) as audio,
        pytest.raises(APITimeoutError),
    ):
        audio.models()


async def test_slow_for_a_task(resolve: Resolver, released: threading.Event) -> None:
    """On an event loop, a lookup that does not end is given up at the deadline."""
    resolve(lambda: [released.wait(60)])
    with LoopbackServer([]) as server:
        url = f"http://{NAME}/v1"
        async with server.client(base_url=url, deadline=0.3, max_retries=0) as audio:
            with pytest.raises(APITimeoutError):
                await audio.amodels()
    released.set()


def test_one_at_a_time(resolve: Resolver, released: threading.Event) -> None:
    """Calls for the same slow host share one lookup."""
    lookups = []

    def found() -> list[Any]:
        lookups.append(NAME)
        released.wait(60)
        return [entry("127.0.0.1", 80)]

    resolve(found)
    resolver = HostResolver()
    for _ in range(5):
        with pytest.raises(httpcore.ConnectTimeout):
            resolver.addresses(NAME, 80, 0.01)
    with ThreadPoolExecutor(1) as thread:
        late = thread.submit(resolver.addresses, NAME, 80, 60.0)
        released.set()
        assert late.result() == ["127.0.0.1"]
    assert len(lookups) <= 2, "The last one may come just after the answer."


def test_no_thread(resolve: Resolver, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the system allows no further thread, the call fails, and the next one tries again."""
    start = threading.Thread.start

    def start_none(thread: threading.Thread) -> None:
        if thread.name == "apertis-audio-lookup":
            raise RuntimeError("can't start new thread")
        start(thread)

    with LoopbackServer([MODELS]) as server:
        resolve(lambda: [entry("127.0.0.1", port_of(server))])
        url = f"http://{NAME}:{port_of(server)}/v1"
        with server.client(base_url=url, max_retries=0) as audio:
            with monkeypatch.context() as patched:
                patched.setattr(threading.Thread, "start", start_none)
                for _ in range(2):
                    with pytest.raises(APIConnectionError, match=f"{NAME}.*start new thread"):
                        audio.models()
            assert audio.models() == ("whisper-1",)
