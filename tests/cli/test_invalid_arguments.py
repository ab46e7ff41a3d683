"""Arguments that the command refuses before anything is sent or paid for."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from apertis_audio_tools.cli import app
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json

CLIP = Path(__file__).parents[1] / "clips" / "clip.mp3"


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackServer]:
    """Yield a server that must not receive a request."""
    monkeypatch.setenv("APERTIS_API_KEY", "sk-anybody")
    with LoopbackServer([respond_json({"text": "Once."})]) as server:
        monkeypatch.setenv("APERTIS_BASE_URL", server.url)
        yield server
        assert server.requests == []


def refused(*args: object, stdin: bytes = b"") -> str:
    """Return the error of a command that refuses its arguments."""
    wide = {"COLUMNS": "400", "TERMINAL_WIDTH": "400", "NO_COLOR": "1"}
    outcome: Result = CliRunner().invoke(app, [str(arg) for arg in args], input=stdin, env=wide)
    assert (outcome.exit_code, outcome.stdout) == (2, ""), outcome.stderr
    return outcome.stderr


@pytest.mark.parametrize("command", [("transcribe",), ("translate",), ("ask", "What is it?")])
def test_files(command: tuple[str, ...], tmp_path: Path) -> None:
    """A missing file or a folder among the files is refused."""
    missing = tmp_path / "none.mp3"
    assert f"'{missing}' does not exist" in refused(*command, CLIP, missing)
    assert f"'{tmp_path}' is a directory" in refused(*command, CLIP, tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="there are no named pipes")
def test_named_pipe(tmp_path: Path) -> None:
    """A named pipe is refused; the error says how to use standard input."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    message = refused("transcribe", pipe)
    assert f"'{pipe}' is not a regular file" in message
    assert "name it -" in message


@pytest.mark.parametrize("command", ["transcribe", "translate"])
def test_standard_input_twice(command: str) -> None:
    """Standard input named twice is refused."""
    assert "only once" in refused(command, "-", CLIP, "-", stdin=CLIP.read_bytes())


@pytest.mark.parametrize("name", ["m.srt", "m.VTT", "m.txt", "m.json"])
def test_a_file_for_a_folder(name: str, tmp_path: Path) -> None:
    """An output folder that looks like the file of a transcript is refused."""
    path = tmp_path / name
    assert f"> {path}" in refused("transcribe", CLIP, "-o", path)
    assert not path.exists()
    path.write_text("mine")
    assert f"> {path}" in refused("translate", CLIP, "-o", path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("option", ["--max-line", "--max-lines", "--max-cps", "--min-seconds"])
@pytest.mark.parametrize("command", ["transcribe", "translate"])
def test_limits_without_subtitles(command: str, option: str) -> None:
    """Limits of subtitles are refused for other formats, and if nothing fits within them."""
    assert "--format srt" in refused(command, CLIP, option, "20", "--format", "text")
    assert option in refused(command, CLIP, option, "-1", "--format", "srt")


@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_several_subtitles(form: str) -> None:
    """Subtitles of several recordings are refused without an output folder."""
    assert "-o" in refused("transcribe", CLIP, CLIP.with_suffix(".ogg"), "--format", form)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["transcribe", CLIP, "--temperature", 3], "temperature"),
        (["transcribe", CLIP, "--model", "tts-1"], "tts-1 cannot transcribe"),
        (["translate", CLIP, "--model", "gpt-4o-transcribe"], "cannot translate"),
        (["speak", "Yes.", "-o", "p.mp3", "--speed", 9], "speed"),
        (["speak", "Yes.", "-o", "p.xyz"], ".mp3"),
        (["speak", "Yes.", "--file", CLIP, "-o", "p.mp3"], "- for standard input"),
        (["speak", "-o", "p.mp3"], "- for standard input"),
        (["speak", "--file", "none.txt", "-o", "p.mp3"], "none.txt"),
        (["ask", "What is it?", "--model", "whisper-1"], "whisper-1 cannot chat"),
    ],
)
def test_options(
    command: list[object], words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Invalid options are refused; the error names the option or the remedy."""
    monkeypatch.chdir(tmp_path)
    message = refused(*command)
    assert words in message
    assert "response_format" not in message


@pytest.mark.parametrize("variable", ["APERTIS_API_KEY", "APERTIS_BASE_URL"])
def test_settings(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Invalid settings are refused."""
    monkeypatch.setenv(variable, "")
    refused("transcribe", CLIP)


def test_unknown_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder in an unknown home is refused."""
    monkeypatch.setenv("APERTIS_AUDIO_CACHE", "~nobody-of-that-name/cache")
    assert "~nobody-of-that-name" in refused("cache")


@pytest.mark.parametrize("command", ["transcribe", "translate"])
@pytest.mark.parametrize("track", ["first", "-1", "1.5"])
def test_track(command: str, track: str) -> None:
    """A track is an index, all or default."""
    assert "it is default, all, or the index" in refused(command, CLIP, f"--track={track}")
