"""Control characters of strangers are escaped on a terminal, and kept elsewhere."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.loopback_server import Exchange, LoopbackServer
from support.scripted_responses import respond, respond_json

CLIP = Path(__file__).parents[1] / "clips" / "clip.mp3"
HOSTILE = "\x1b]0;title\x07\x1b[2J\x9b31m\u202ehi\u2069\rover\tthere"
SHOWN = r"\x1b]0;title\x07\x1b[2J\x9b31m\u202ehi\u2069\rover".replace(r"\r", r"\x0d")
BALANCED = "\u2067\u05e9\u05dc\u05d0\u2069 \u202babc\u202c"

pty = pytest.importorskip("pty", reason="Windows has no pseudo-terminals.")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    message = {"role": "assistant", "content": HOSTILE}
    body = {
        "text": HOSTILE,
        "choices": [{"message": message, "finish_reason": "stop"}],
        "data": [{"id": name} for name in (HOSTILE, "whisper-large-v3", "gpt-4.1-mini")],
    }
    with LoopbackServer([respond_json(body, server="x\x9b31m")]) as server:
        monkeypatch.setenv("APERTIS_API_KEY", "key-of-a-test")
        monkeypatch.setenv("APERTIS_BASE_URL", server.url)
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv("COLUMNS", "500")
        yield server


def command(*args: object) -> list[str]:
    return [sys.executable, "-m", "apertis_audio_tools", *map(str, args)]


def shown_on_terminal(*args: object) -> str:
    """Return what the command writes to a terminal."""
    master, slave = pty.openpty()
    with subprocess.Popen(command(*args), stdin=slave, stdout=slave, stderr=slave):
        os.close(slave)
        shown = b""
        with contextlib.suppress(OSError):  # Linux reports the end as an error
            while more := os.read(master, 65_536):
                shown += more
    os.close(master)
    return shown.decode()


def assert_harmless(shown: str) -> None:
    for code in ("\x1b]0;", "\x1b[2J", "\x9b", "\x07", "\u202e", "hi\u2069", "\rover"):
        assert code not in shown


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(
    "args", [("transcribe", CLIP), ("transcribe", CLIP, CLIP), ("ask", "Hello?"), ("models",)]
)
def test_results_on_a_terminal(args: tuple[object, ...]) -> None:
    """Control characters of a result are shown as escapes."""
    shown = shown_on_terminal(*args)
    assert SHOWN.split("[2J")[0] in shown
    assert_harmless(shown)


@pytest.mark.usefixtures("service")
def test_names_on_a_terminal(tmp_path: Path) -> None:
    """So are those of the name of a file, in errors and in notes."""
    file = tmp_path / f"talk{HOSTILE}.wav"
    file.write_bytes(b"no sound")
    shown = shown_on_terminal("transcribe", file)
    assert r"talk\x1b]0;title" in shown
    assert_harmless(shown)
    file.write_bytes(CLIP.read_bytes())
    shown = shown_on_terminal("transcribe", file, "-o", tmp_path / "texts")
    assert r"talk\x1b]0;title" in shown
    assert_harmless(shown)
    for wrong in (f"--x{HOSTILE}", f"{file}.none", f"-o{file}.txt"):
        assert_harmless(shown_on_terminal("transcribe", wrong, file))


@pytest.mark.usefixtures("service")
def test_results_elsewhere() -> None:
    """Pipes get the text exactly."""
    ended = subprocess.run(command("ask", "Hello?"), capture_output=True, check=True)
    assert ended.stdout.decode() == f"{HOSTILE}\n"
    ended = subprocess.run(
        command("transcribe", CLIP, "--format", "json"), capture_output=True, check=True
    )
    assert json.loads(ended.stdout)["text"] == HOSTILE


def test_balanced_text(service: LoopbackServer) -> None:
    """Text from right to left is shown as it is, if its controls end in its line."""
    service.script[:] = [respond_json({"text": f"{BALANCED}\n\u202e\n"})]
    shown = shown_on_terminal("transcribe", CLIP, "--format", "text")
    assert BALANCED in shown
    assert "\\u202e" in shown


@pytest.mark.parametrize("args", [("transcribe", CLIP), ("ask", "Hello?"), ("models",)])
def test_closed_output(service: LoopbackServer, args: tuple[object, ...]) -> None:
    """A closed standard output is refused with a sentence, before anything is paid for."""
    ended = subprocess.run(
        ["sh", "-c", '"$0" "$@" >&-', *command(*args)], stderr=subprocess.PIPE, check=False
    )
    assert (ended.returncode, b"Traceback" in ended.stderr) == (1, False)
    assert b"error: Standard output is closed" in ended.stderr
    assert service.requests == []


def test_files_with_closed_output(service: LoopbackServer, tmp_path: Path) -> None:
    """Files are written without a standard output."""
    service.script[:] = [respond(body=CLIP.read_bytes(), media_type="audio/mpeg")]
    args = command("speak", "Hi.", "-o", tmp_path / "hi.mp3")
    subprocess.run(["sh", "-c", '"$0" "$@" >&-', *args], check=True)
    assert (tmp_path / "hi.mp3").stat().st_size > 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Only Linux has /dev/full.")
@pytest.mark.usefixtures("service")
def test_full_disk() -> None:
    """A full disk behind standard output is reported in one sentence."""
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            command("ask", "Hello?"), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert ended.returncode == 1
    assert b"error: Standard output cannot be written: No space left" in ended.stderr
    assert b"Errno" not in ended.stderr


@pytest.mark.parametrize("number", ["SIGTERM", "SIGHUP"])
def test_signals(service: LoopbackServer, tmp_path: Path, number: str) -> None:
    """A signal that ends the command leaves no draft of a file."""
    if signal.getsignal(getattr(signal, number)) == signal.SIG_IGN:
        pytest.skip("The tests were started by nohup, and the command ignores the signal, too.")
    process: list[subprocess.Popen[Any]] = []

    def stall(exchange: Exchange) -> None:
        exchange.read_body()
        audio = CLIP.read_bytes()
        exchange.write_head(
            200, {"content-type": "audio/mpeg", "content-length": "10000000"}, audio
        )
        process[0].send_signal(getattr(signal, number))
        exchange.wait_for_disconnect()

    service.script[:] = [stall]
    process.append(subprocess.Popen(command("speak", "Hi.", "-o", tmp_path / "hi.mp3")))
    assert process[0].wait() == 128 + getattr(signal, number)
    assert list(tmp_path.iterdir()) == []
