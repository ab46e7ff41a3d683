"""The command in a C locale, whose encoding has no characters beyond ASCII."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.loopback_server import Exchange, LoopbackServer
from support.scripted_responses import respond, respond_json

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Arguments are bytes on POSIX only.")

CLIP = Path(__file__).parents[1] / "clips" / "clip.mp3"
TEXT = "会议在明天 ů"
MESSAGE = {"role": "assistant", "content": TEXT}
REPLY = {"index": 0, "finish_reason": "stop", "message": MESSAGE}
LOCALES = {
    "c": {"LC_ALL": "C"},
    "c-no-utf8": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ascii-streams": {"PYTHONIOENCODING": "ascii:strict"},
}


def answer(exchange: Exchange) -> None:
    """Respond with the text, or with audio."""
    if exchange.received.target.endswith("/speech"):
        respond(body=CLIP.read_bytes(), media_type="audio/mpeg")(exchange)
    else:
        respond_json({"text": TEXT, "duration": 1.0, "choices": [REPLY]})(exchange)


@pytest.fixture(name="server", params=LOCALES)
def _server(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LoopbackServer]:
    """Yield a server for commands in a locale."""
    for name in ("LC_ALL", "LC_CTYPE", "LANG", "PYTHONUTF8", "PYTHONIOENCODING"):
        monkeypatch.delenv(name, raising=False)
    for name, value in LOCALES[request.param].items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setenv("TERMINAL_WIDTH", "400")
    with LoopbackServer([answer]) as server:
        monkeypatch.setenv("APERTIS_BASE_URL", server.url)
        monkeypatch.setenv("APERTIS_API_KEY", "key-of-a-test")
        yield server


def run(*args: bytes | str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run the command with arguments as bytes, as a terminal with UTF-8 passes them."""
    passed = [arg if isinstance(arg, bytes) else str(arg).encode() for arg in args]
    command = [os.fsencode(sys.executable), b"-m", b"apertis_audio_tools", *passed]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert b"Traceback" not in ended.stderr
    return ended


def test_text_arguments(server: LoopbackServer, tmp_path: Path) -> None:
    """Texts in arguments are sent as they were typed."""
    asked = run("ask", TEXT, "--model", "gpt-4.1-mini")
    assert (asked.returncode, asked.stdout.decode().strip()) == (0, TEXT)
    assert json.dumps(TEXT) in json.dumps(json.loads(server.requests[0].body))
    model = ("--model", "gpt-4o-mini-tts-2025-12-15", "--instructions", "très lent")
    spoken = run("speak", TEXT, "-o", tmp_path / "a.mp3", *model)
    assert spoken.returncode == 0
    sent = json.loads(server.requests[1].body)
    assert (sent["input"], sent["instructions"]) == (TEXT, "très lent")
    assert run("transcribe", CLIP, "--prompt", "Zoë", "--model", "whisper-1").returncode == 0
    assert "Zoë".encode() in server.requests[2].body


def test_invalid_text_arguments(server: LoopbackServer) -> None:
    """A text that is not UTF-8 is refused with what to do."""
    refused = run("ask", b"na\xefve")
    assert (refused.returncode, refused.stdout, server.requests) == (2, b"", [])
    assert b"such as LC_ALL=C.UTF-8" in refused.stderr


@pytest.mark.usefixtures("server")
def test_names_of_files(tmp_path: Path) -> None:
    """Recordings and outputs with any name are read and written, and transcripts are whole."""
    recording, folder = tmp_path / "日本é.mp3", tmp_path / "ö"
    recording.write_bytes(CLIP.read_bytes())
    shown = run("transcribe", recording, "--format", "json")
    assert (shown.returncode, json.loads(shown.stdout)["text"]) == (0, TEXT)
    assert run("transcribe", recording, "--format", "passages", "-o", folder).returncode == 0
    (written,) = folder.iterdir()
    assert written.stem == "日本é"
    assert TEXT in written.read_text("utf-8")
