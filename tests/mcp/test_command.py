"""The command `apertis-audio mcp`, and who may use it over HTTP."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from apertis_audio_tools import ConfigurationError
from apertis_audio_tools.cli import app
from apertis_audio_tools.mcp import keep_token, make_token
from support import timeouts
from support.loopback_server import LoopbackServer
from support.mcp_connections import KEY, TOKEN, Granted, connect_url, serving
from support.scripted_responses import stay_silent
from support.timeouts import TIMEOUT
from support.wav_files import silent_wav

NOWHERE = "http://127.0.0.1:9/v1"
COMMAND = [sys.executable, "-m", "apertis_audio_tools", "mcp"]
AUTHORIZATION = {"authorization": f"Bearer {TOKEN}"}
HEADERS = {"accept": "application/json, text/event-stream"} | AUTHORIZATION
OPENING = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
CALLING: list[dict[str, object]] = [
    OPENING,
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {
        "jsonrpc": "2.0",
        "id": 2,
        "method": "tools/call",
        "params": {"name": "transcribe_audio", "arguments": {"path": "clip.wav"}},
    },
]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(Granted(NOWHERE).make_server()) as url:
        yield url


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://localhost:{port}"}, 200),
        ({"authorization": ""}, 401),
        ({"authorization": TOKEN}, 401),
        ({"authorization": f"Bearer {TOKEN[:-1]}"}, 401),
        ({"authorization": f"Bearer {TOKEN}x"}, 401),
        ({"authorization": "Bearer \xff"}, 401),
        ({"host": "evil.example"}, 421),
        ({"host": "evil.example:{port}"}, 421),
        ({"host": "127.0.0.1:{port}.evil.example"}, 421),
        ({"host": "127.0.0.1:1"}, 421),
        ({"host": "127.0.0.1"}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "http://localhost:1"}, 403),
        ({"origin": "https://127.0.0.1:{port}"}, 403),
        ({"origin": "null"}, 403),
    ],
)
def test_who_may_use_it(url: str, headers: dict[str, str], status: int) -> None:
    """A wrong token, Host or Origin is refused, with either protocol and each method."""
    port = url.split(":")[2].partition("/")[0]
    given = HEADERS | {name: value.replace("{port}", port) for name, value in headers.items()}
    raw = {name.encode(): value.encode("latin-1") for name, value in given.items()}
    assert timeouts.post(url, json=OPENING, headers=raw).status_code == status
    if status != 200:
        for version in ("2025-11-25", "2026-07-28"):
            again = raw | {b"mcp-protocol-version": version.encode()}
            assert timeouts.post(url, json=OPENING, headers=again).status_code == status
    if status == 401:
        assert timeouts.get(url, headers=raw).status_code == status


def test_token_file(tmp_path: Path) -> None:
    """A token is made once, in a file that only its owner can read."""
    path = tmp_path / "token"
    token = keep_token(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert keep_token(path) == token == path.read_text()
    assert len({token, make_token(), make_token()}) == 3


@pytest.mark.parametrize("kind", ["public", "link", "folder", "fifo", "short", "other", "nowhere"])
def test_refused_token_files(tmp_path: Path, kind: str) -> None:
    """A token in a place that others can read or change, or that is none, is refused."""
    path, other = tmp_path / "token", tmp_path / "other"
    keep_token(other)
    match kind:
        case "public":
            other.rename(path).chmod(0o640)
        case "link":
            path.symlink_to(other)
        case "folder":
            path.mkdir(0o700)
        case "fifo":
            os.mkfifo(path, 0o600)
        case "short" | "other":
            path.touch(0o600)
            path.write_bytes(b"1234" if kind == "short" else b"\xff" * 40)
        case _:
            path = tmp_path / "nowhere" / "token"
    with pytest.raises(ConfigurationError, match=str(path)):
        keep_token(path)


def test_http_command(tmp_path: Path) -> None:
    """The command prints its address and not the token in its file, and ends when told to."""
    token_file = tmp_path / "token"
    arguments = ["--http", "--port", "0", "--token-file", str(token_file)]
    variables = os.environ | {"APERTIS_API_KEY": KEY, "APERTIS_BASE_URL": NOWHERE}
    with subprocess.Popen(
        [*COMMAND, *arguments], env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline().decode()
        url = next(word for word in line.split() if word.startswith("http"))
        names = asyncio.run(_names(url, token_file.read_text()))
        process.terminate()
        output, shown = process.communicate(timeout=TIMEOUT)
    assert "transcribe_audio" in names
    assert token_file.read_text().encode() not in shown
    assert (process.returncode, output) == (128 + signal.SIGTERM, b"")
    assert b"Traceback" not in shown


async def _names(url: str, token: str) -> list[str]:
    async with connect_url(url, token) as client:
        return [tool.name for tool in (await client.list_tools()).tools]


def test_port_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that is not free ends the command with a sentence."""
    monkeypatch.setenv("APERTIS_API_KEY", KEY)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        result = CliRunner().invoke(app, ["mcp", "--http", "--port", str(port)])
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"Port {port} of 127.0.0.1 is not free" in result.stderr


@pytest.mark.parametrize("is_signalled", [True, False])
def test_ended_while_it_works(tmp_path: Path, *, is_signalled: bool) -> None:
    """A signal, or a host that has gone, ends the server and its requests, without a traceback."""
    (tmp_path / "clip.wav").write_bytes(silent_wav(3200))
    with LoopbackServer([stay_silent()]) as service:
        variables = os.environ | {"APERTIS_API_KEY": KEY, "APERTIS_BASE_URL": service.url}
        command = [*COMMAND, "--folder", str(tmp_path), "--no-cache"]
        with subprocess.Popen(
            command,
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdin.write(b"".join(json.dumps(each).encode() + b"\n" for each in CALLING))
            process.stdin.flush()
            service.wait_for_requests(1)
            if is_signalled:
                process.send_signal(signal.SIGINT)
            else:
                process.stdout.close()
                process.stdin.close()
            service.wait_until_disconnected()
            assert process.wait(TIMEOUT) == (128 + signal.SIGINT if is_signalled else 0)
            assert process.stderr.read() == b""
        assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--folder", "nowhere"], 1, "There is no folder 'nowhere'"),
        ([], 2, "There is no API key"),
    ],
)
def test_refused_arguments(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, sentence: str
) -> None:
    """A folder that does not exist, or a missing key, ends the command with a sentence."""
    if arguments:
        monkeypatch.setenv("APERTIS_API_KEY", KEY)
    result = CliRunner().invoke(app, ["mcp", *arguments])
    assert (result.exit_code, result.stdout) == (code, "")
    assert sentence in result.stderr
