"""Starting and stopping the sandbox."""

import contextlib
import importlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from apertis_audio_tools import sandbox
from apertis_audio_tools.sandbox import PocketSphinx, Sandbox, SpeechSegment
from support import timeouts

HEADERS = {"Authorization": "Bearer sk-1"}


class Deaf:
    """An engine that hears nothing."""

    def recognise(self, _: bytes) -> Iterable[SpeechSegment]:
        """Give no segments."""
        return []


def test_one_object_serves_again_and_again() -> None:
    """A sandbox may be entered again after it was left, and leaves no thread behind."""
    before = set(threading.enumerate())
    again = Sandbox()
    urls = []
    for _ in range(3):
        with again as url:
            urls.append(url)
            assert timeouts.get(f"{url}/models", headers=HEADERS).status_code == 200
        with pytest.raises(httpx.ConnectError):
            timeouts.get(f"{url}/models", headers=HEADERS)
    assert {thread for thread in threading.enumerate() if "AnyIO" not in thread.name} <= before


def other_end(connection: socket.socket) -> socket.socket:
    """That of a connection of this process to itself."""
    for number in Path("/dev/fd").iterdir():
        with (
            contextlib.suppress(OSError),
            socket.socket(fileno=os.dup(int(number.name))) as found,
        ):
            if found.getpeername() == connection.getsockname():
                return found.dup()
    raise AssertionError("It is of another process.")


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="open sockets are not listed there")
def test_no_part_of_an_answer_waits_for_another() -> None:
    """The body of an answer goes out although its head is not acknowledged yet."""
    with (
        Sandbox(recogniser=Deaf()) as url,
        socket.create_connection((urlsplit(url).hostname or "", urlsplit(url).port or 0)) as ours,
    ):
        ours.sendall(b"GET /v1/models HTTP/1.1\r\nhost: sandbox\r\n\r\n")
        ours.recv(1)
        with other_end(ours) as theirs:
            assert theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_two_at_once() -> None:
    """Two sandboxes serve side by side."""
    with Sandbox() as one, Sandbox() as other:
        assert one != other
        for url in (one, other):
            assert url.startswith("http://127.0.0.1:")
            assert timeouts.get(f"{url}/models", headers=HEADERS).status_code == 200


def test_a_port_of_choice() -> None:
    """A chosen port is used, and one that is taken is refused in a sentence."""
    with Sandbox() as url:
        port = httpx.URL(url).port
        assert port is not None
        with pytest.raises(OSError, match=f"^Port {port} of 127.0.0.1 is not free"):
            Sandbox(port).__enter__()
    with Sandbox(port) as same:
        assert same == url


def test_leaving_by_an_exception() -> None:
    """The server stops when the block fails, and the failure is not hidden."""
    with pytest.raises(ZeroDivisionError), Sandbox() as url:
        _ = 1 / 0
    with pytest.raises(httpx.ConnectError):
        timeouts.get(f"{url}/models", headers=HEADERS)


def test_an_open_connection_does_not_hinder_leaving() -> None:
    """A client that keeps its connection open, or half a request, cannot hold the server up."""
    with contextlib.ExitStack() as still_open:
        with Sandbox() as url:
            client = still_open.enter_context(timeouts.Client())
            client.get(f"{url}/models", headers=HEADERS)
            address = ("127.0.0.1", httpx.URL(url).port)
            half = still_open.enter_context(socket.create_connection(address))
            half.sendall(b"POST /v1/audio/speech HTTP/1.1\r\nHost:")
        with pytest.raises(httpx.TransportError):
            client.get(f"{url}/models", headers=HEADERS)


def test_serve_in_the_foreground() -> None:
    """The blocking entry tells its URL when it is ready, and ends quietly when interrupted."""
    script = (
        "from apertis_audio_tools.sandbox import serve\n"
        "serve(port=0, on_ready=lambda url: print(url, flush=True))\n"
        "print('ended')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert timeouts.get(f"{url}/models", headers=HEADERS).status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == ("ended\n", "")
        assert process.returncode == 0


def test_the_extra_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the import says how to install it."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ImportError, match=r'pip install "apertis-audio-tools\[sandbox\]"'):
        importlib.reload(sandbox)


@pytest.mark.parametrize(
    ("version", "sentence"), [((3, 13), "pip install"), ((3, 14), "no wheel for Python 3.14")]
)
def test_there_is_no_pocketsphinx(
    monkeypatch: pytest.MonkeyPatch, version: tuple[int, int], sentence: str
) -> None:
    """Without pocketsphinx, the engine says why; the sandbox runs with another engine."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(ImportError, match=sentence):
        PocketSphinx()
    with Sandbox(recogniser=Deaf()) as url:
        assert timeouts.get(f"{url}/models", headers=HEADERS).status_code == 200
