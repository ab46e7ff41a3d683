"""Fixtures for the tests of the cassette tools: a local server, and a folder to record it into."""

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio._backends._asyncio  # noqa: F401  # else a run within a test would unload it again
import pytest
from vcr import VCR  # type: ignore[import-untyped]
from vcr.cassette import Cassette  # type: ignore[import-untyped]

from support import timeouts
from support.cassettes.audit import MAX_CASSETTE_BYTES, SANDBOX_SERVER
from support.cassettes.peers import record_peers
from support.cassettes.persister import Persister
from support.cassettes.plugin import VCR_OPTIONS
from support.cassettes.storage import read_manifest, write_manifest

CASSETTE = "sandbox/area/test_it.yaml"
FORGED_KEY = "sk-live_0123456789"
CONFTEST = """
import os
import pytest
pytest_plugins = ("support.cassettes.plugin",)

@pytest.fixture(scope="session")
def recorder_url():
    return os.environ["SANDBOX_URL"]
"""
BODIES_OF_ALL_KINDS = {
    "compact": '{"text":"Grüezi 👋","n":[1,2.50]}'.encode(),
    "spaced": b'{"text": "hello", "n": 1}',
    "indented": b'{\n  "text": "hello"\n}\n',
    "subtitles": b"1\r\n00:00:00,000 --> 00:00:01,000\r\n trailing \r\n\r\n",
    "events": b'data: {"a":1}\n\ndata: [DONE]\n\n',
    "number": b"12",
    "empty": b"",
    "short-binary": b"\xff\xfb\x90\x00",
    "long-binary": bytes(range(256)) * 20,
    "separators": "a\u2028b\u0085c\x00d\ufeff".encode(),
}


class _LocalHandler(BaseHTTPRequestHandler):
    """A handler that responds with the digest of a request's body, or with one of the bodies."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = SANDBOX_SERVER, ""

    def version_string(self) -> str:
        return self.server_version

    def do_GET(self) -> None:
        if self.path == "/v1/key":
            self._respond(self.headers["Authorization"].partition(" ")[2].encode())
        elif self.path == "/v1/large":
            self._respond(b"la " * MAX_CASSETTE_BYTES)
        else:
            self._respond(BODIES_OF_ALL_KINDS[self.path.rpartition("/")[2]])

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._respond(json.dumps({"received": hashlib.sha256(body).hexdigest()}).encode())

    def _respond(self, body: bytes) -> None:
        self.send_response(200)
        for name, value in {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(len(body)),
            "X-Request-Id": "req_1",
            "X-RateLimit-Remaining": "499",
            "Set-Cookie": "session=secret",
            "OpenAI-Organization": "somebody",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name in http.server
        """Log nothing."""


@pytest.fixture(scope="session")
def loopback_url() -> Iterator[str]:
    """Yield the base URL of the local server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _LocalHandler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()
        thread.join()


@dataclass
class CassetteFolder:
    """A folder of cassettes that is written and read as in a test run."""

    root: Path
    recording: bool = True
    secret: str | None = None

    @contextlib.contextmanager
    def cassette(self, mode: str) -> Iterator[Cassette]:
        """Use a cassette in a `with` block."""
        vcr = VCR(record_mode=mode)
        persister = Persister(self.root, self.recording and mode != "none", self.secret)
        vcr.register_persister(persister)
        with vcr.use_cassette(str(self.root / CASSETTE), **VCR_OPTIONS) as cassette:
            yield cassette
        persister.require_saved()

    def record(self, send: Callable[[], object]) -> None:
        """Record the requests of a function anew."""
        with record_peers(), self.cassette("new_episodes"):
            send()

    def forge(self, old: str, new: str, **row: object) -> None:
        """Change a cassette and its row in the manifest, so that the digests still match."""
        text = (self.root / CASSETTE).read_text("utf-8")
        assert old in text
        content = text.replace(old, new, 1).encode()
        (self.root / CASSETTE).write_bytes(content)
        rows = read_manifest(self.root)
        digest = {"sha256": hashlib.sha256(content).hexdigest()}
        rows[CASSETTE] = rows[CASSETTE].model_copy(update=digest | row)
        write_manifest(self.root, rows)


@pytest.fixture
def cassette_folder(tmp_path: Path, loopback_url: str) -> CassetteFolder:
    """Return a folder with a valid cassette that has a body in a separate file."""
    folder = CassetteFolder(tmp_path / "cassettes")

    def send() -> None:
        with timeouts.Client(headers={"Authorization": f"Bearer {FORGED_KEY}"}) as client:
            for kind in ("spaced", "long-binary"):
                client.get(f"{loopback_url}/{kind}")

    folder.record(send)
    return folder


@pytest.fixture
def recording_project(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, loopback_url: str
) -> pytest.Pytester:
    """Return a project without tests, whose recordings come from the local server."""
    for name in ("APERTIS_API_KEY", "APERTIS_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SANDBOX_URL", loopback_url)
    # Loading all plugins would take seconds per run.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini(
        "[pytest]\ntestpaths = .\n"
        f"pythonpath = {Path(__file__).parents[2].as_posix()}\n"
        "addopts = --import-mode=importlib --block-network\n"
        "    -p pytest_recording.plugin -p no:cacheprovider"
    )
    pytester.makeconftest(CONFTEST)
    return pytester
