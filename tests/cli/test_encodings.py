"""The command with standard streams that are not UTF-8, as on Windows."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.text import Text

from apertis_audio_tools.models import MODELS
from support import scripted_responses
from support.loopback_server import Exchange, LoopbackServer

CLIP = Path(__file__).parents[1] / "clips" / "clip.mp3"
TEXT = "会议在明天 \N{STUDIO MICROPHONE} ů"
REPLY = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": TEXT}}


def respond(exchange: Exchange) -> None:
    """Respond with the text, as a transcript or a reply, or with audio."""
    if exchange.received.target.endswith("/speech"):
        scripted_responses.respond(body=CLIP.read_bytes(), media_type="audio/mpeg")(exchange)
    elif exchange.received.target.endswith("/completions"):
        scripted_responses.respond_json({"choices": [REPLY]})(exchange)
    else:
        scripted_responses.respond_json({"text": TEXT, "duration": 1.0})(exchange)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    """Yield a server whose text cp1252 cannot encode, for commands with cp1252 streams."""
    monkeypatch.setenv("PYTHONIOENCODING", "cp1252")
    monkeypatch.setenv("PYTHONUTF8", "0")
    with LoopbackServer([respond]) as server:
        monkeypatch.setenv("APERTIS_BASE_URL", server.url)
        monkeypatch.setenv("APERTIS_API_KEY", "key-of-a-test")
        yield server


def apertis(*args: object) -> list[str]:
    """Return the command line of the command."""
    return [sys.executable, "-m", "apertis_audio_tools", *map(str, args)]


def run(*args: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a process of its own."""
    return subprocess.run(apertis(*args), capture_output=True, check=False, **options)


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("form", ["passages", "json"])
def test_transcripts_in_a_pipe(form: str) -> None:
    """Transcripts are written to pipes in UTF-8."""
    ended = run("transcribe", CLIP, CLIP, "--format", form)
    assert ended.returncode == 0
    assert ended.stdout.decode().count(TEXT) >= 2


@pytest.mark.usefixtures("server")
def test_replies_in_a_pipe() -> None:
    """Replies are written to pipes in UTF-8."""
    ended = run("ask", "你好")
    assert (ended.returncode, ended.stdout.decode().strip()) == (0, TEXT)


@pytest.mark.usefixtures("server")
def test_file_names_in_a_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of files, in results and in errors, are written to pipes in UTF-8."""
    target = tmp_path / "日本.mp3"
    ended = run("speak", "Good morning.", "-o", target)
    assert (ended.returncode, target.is_file()) == (0, True)
    assert ended.stdout.decode().startswith(f"{target}: ")
    monkeypatch.setenv("TERMINAL_WIDTH", "400")
    missing = run("transcribe", tmp_path / "本.mp3")
    assert missing.returncode == 2
    assert f"'{tmp_path / '本.mp3'}' does not exist" in missing.stderr.decode()


@pytest.mark.skipif(os.name != "posix", reason="file names are bytes on POSIX only")
@pytest.mark.usefixtures("server")
def test_undecodable_file_names(tmp_path: Path) -> None:
    """File names that no encoding can represent are shown with escapes."""
    target = tmp_path / os.fsdecode(b"caf\xe9.mp3")
    ended = run("speak", "Good morning.", "-o", target)
    assert (ended.returncode, target.is_file()) == (0, True)
    assert rb"caf\udce9.mp3: " in ended.stdout


def shown_on(screen: int) -> bytes:
    """Return all that was written to a closed terminal; some systems report its end as an error."""
    parts = []
    with open(screen, "rb", buffering=0) as file, contextlib.suppress(OSError):
        while part := file.read(4096):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.skipif(os.name != "posix", reason="there are no pseudo-terminals")
@pytest.mark.usefixtures("server")
def test_terminal() -> None:
    """A terminal keeps its encoding; characters that it cannot show are escaped."""
    screen, terminal = os.openpty()
    ended = subprocess.run(apertis("ask", "你好"), stdout=terminal, check=False)
    os.close(terminal)
    assert ended.returncode == 0
    assert shown_on(screen).decode("cp1252").strip() == TEXT.encode(
        "cp1252", "backslashreplace"
    ).decode("cp1252")


@pytest.mark.skipif(os.name != "posix", reason="there are no pseudo-terminals")
def test_narrow_terminal(sandbox_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of models is complete on a narrow terminal."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("APERTIS_BASE_URL", sandbox_url)
    monkeypatch.setenv("APERTIS_API_KEY", "sk-anybody")
    screen, terminal = os.openpty()
    subprocess.run(apertis("models"), stdout=terminal, check=True)
    os.close(terminal)
    shown = Text.from_ansi(shown_on(screen).decode().replace("\r", "")).split()
    assert max(line.cell_len for line in shown) <= 40
    assert set(MODELS) <= {word for line in shown for word in line.plain.split()}


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_text_from_a_pipe(server: LoopbackServer, tmp_path: Path, bom: bytes) -> None:
    """Text from standard input is read as UTF-8."""
    ended = run(
        "speak",
        "-",
        "-o",
        tmp_path / "speech.mp3",
        "--model",
        "tts-1",
        input=bom + f"{TEXT}\r\n!".encode(),
    )
    assert ended.returncode == 0
    assert json.loads(server.requests[0].body)["input"] == f"{TEXT}\n!"


def test_invalid_text_from_a_pipe(server: LoopbackServer, tmp_path: Path) -> None:
    """Text that is not UTF-8 is refused with the position of the error."""
    ended = run(
        "speak",
        "-",
        "-o",
        tmp_path / "speech.mp3",
        "--model",
        "tts-1",
        input="naïve".encode("cp1252"),
    )
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert ended.stderr.strip() == b"error: Standard input is not UTF-8 text (byte 2)."
    assert server.requests == []


@pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
@pytest.mark.parametrize("args", [("speak", "-", "-o", "x.mp3"), ("transcribe", "-")])
def test_closed_input(args: tuple[str, ...], server: LoopbackServer) -> None:
    """Closed standard input is reported."""
    command = ["sh", "-c", '"$@" <&-', "sh", *apertis(*args)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "error: Standard input is closed; name a file instead of -.\n"
    assert server.requests == []


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("command", [("transcribe", CLIP), ("ask", "你好"), ("plugins",)])
def test_closed_output(command: tuple[object, ...]) -> None:
    """If the reader of a pipe has gone, the command ends without a message."""
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        apertis(*command), stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "error" not in ended.stderr.lower()
