"""A command that is told to end leaves no part of a file."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from support.loopback_server import Exchange, LoopbackServer
from support.timeouts import TIMEOUT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has other signals")

CLIPS = Path(__file__).parents[1] / "clips"
PROGRAM = """import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's job in the background, or one
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup, inherits that it ignores a signal
from apertis_audio_tools.__main__ import main
"""
NAMED_DRAFTS = "vars(os).pop('O_TMPFILE', None); main()"


class HalfSpeech:
    """Server behaviour that sends half a response and waits for the client to go."""

    def __init__(self) -> None:
        self.is_half_way = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        """Send half of a spoken text."""
        exchange.read_body()
        audio = (CLIPS / "clip.mp3").read_bytes()
        headers = {"content-type": "audio/mpeg", "content-length": str(2 * len(audio))}
        exchange.write_head(200, headers, audio)
        self.is_half_way.set()
        exchange.wait_for_disconnect()


def start(server: LoopbackServer, program: str, *arguments: object) -> subprocess.Popen[bytes]:
    environment = {"APERTIS_API_KEY": "sk-anybody", "APERTIS_BASE_URL": server.url}
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM + program, *map(str, arguments)],
        env=os.environ | environment,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("program", ["main()", NAMED_DRAFTS], ids=["unnamed", "named"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
@pytest.mark.parametrize("overwrite", [False, True])
def test_ended_while_speaking(
    tmp_path: Path, number: signal.Signals, program: str, *, overwrite: bool
) -> None:
    """A signal to end leaves the folder as it was, and the command says nothing odd."""
    output = tmp_path / "hello.mp3"
    if overwrite:
        output.write_bytes(b"old")
    half, options = HalfSpeech(), ["--overwrite"] if overwrite else []
    with LoopbackServer([half]) as server:
        process = start(server, program, "speak", "Hello.", "-o", output, *options)
        assert half.is_half_way.wait(TIMEOUT)
        process.send_signal(number)
        _, shown = process.communicate(timeout=TIMEOUT)
    assert process.returncode in {128 + number, -number}
    assert b"Traceback" not in shown
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == (
        {"hello.mp3": b"old"} if overwrite else {}
    )


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="files always have names here")
def test_killed_while_speaking(tmp_path: Path) -> None:
    """Even a kill leaves nothing where files need no name."""
    half = HalfSpeech()
    with LoopbackServer([half]) as server:
        process = start(server, "main()", "speak", "Hello.", "-o", tmp_path / "hello.mp3")
        assert half.is_half_way.wait(TIMEOUT)
        process.kill()
        process.communicate(timeout=TIMEOUT)
    assert [*tmp_path.iterdir()] == []


def test_ended_while_transcribing(tmp_path: Path) -> None:
    """A batch with several requests under way ends at once."""
    half = HalfSpeech()
    standup = Path(__file__).parents[2] / "examples" / "data" / "standup.ogg"
    with LoopbackServer([half]) as server:
        command = ["transcribe", standup, "--piece-seconds", 10, "--no-cache", "-o", tmp_path]
        process = start(server, NAMED_DRAFTS, *command)
        assert half.is_half_way.wait(TIMEOUT)
        process.terminate()
        _, shown = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 128 + signal.SIGTERM
    assert b"Traceback" not in shown
    assert [*tmp_path.iterdir()] == []


def test_ignored_signal(tmp_path: Path) -> None:
    """A signal that nohup ignores stays ignored."""
    ignore = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    half = HalfSpeech()
    with LoopbackServer([half]) as server:
        output = tmp_path / "hello.mp3"
        process = start(server, ignore + "main()", "speak", "Hello.", "-o", output)
        assert half.is_half_way.wait(TIMEOUT)
        process.send_signal(signal.SIGHUP)
        process.terminate()
        process.communicate(timeout=TIMEOUT)
    assert process.returncode == 128 + signal.SIGTERM
