"""The commands: output, files, errors and exit codes."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import jiwer
import pytest
from rich.console import Console
from rich.text import Text
from typer.testing import CliRunner, Result

from apertis_audio_tools import sandbox
from apertis_audio_tools.cli import app, progress_bar, session

CLIP = Path(__file__).parents[1] / "clips" / "clip.mp3"
EXAMPLES = Path(__file__).parents[2] / "examples" / "data"


def apertis(*args: object) -> Result:
    """Run the command with these arguments."""
    return CliRunner().invoke(app, [str(arg) for arg in args])


@pytest.fixture
def _sandbox(sandbox_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APERTIS_BASE_URL", sandbox_url)
    monkeypatch.setenv("APERTIS_API_KEY", "sk-anybody")


def assert_error_line(outcome: Result, *parts: str, exit_code: int = 1) -> None:
    """Assert that a failure is one line on standard error, and its exit code."""
    assert outcome.exit_code == exit_code
    assert outcome.stdout == ""
    (line,) = outcome.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert all(part in line for part in parts), line


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_demo() -> None:
    """The demo transcribes the stand-up with under 10 % of words wrong, and names the server."""
    outcome = apertis("transcribe", "--sandbox", EXAMPLES / "standup.ogg", "--format", "json")
    transcript = "".join(
        c if c.isalpha() else " " for c in json.loads(outcome.stdout)["text"].lower()
    )
    true = (EXAMPLES / "standup.txt").read_text(encoding="utf-8").lower()
    true = "".join(c if c.isalpha() else " " for c in true)
    assert jiwer.wer(" ".join(true.split()), " ".join(transcript.split())) < 0.1
    assert "the local sandbox, a stand-in for the service" in outcome.stderr


@pytest.mark.usefixtures("_sandbox")
@pytest.mark.parametrize("command", ["transcribe", "translate"])
def test_passages(command: str) -> None:
    """Standard output has the passages with timecodes, and nothing else."""
    outcome = apertis(command, CLIP)
    assert outcome.stdout == "[00:00:00] The meeting is tomorrow.\n"
    assert "\nAnswered by the local sandbox" in outcome.stderr


@pytest.mark.usefixtures("_sandbox")
@pytest.mark.parametrize(
    ("form", "start"),
    [("text", "The meeting"), ("srt", "1\n00:00:00,0"), ("vtt", "WEBVTT\n"), ("json", "{")],
)
def test_format(form: str, start: str) -> None:
    """Each form can be printed."""
    assert apertis("transcribe", CLIP, "--format", form).stdout.startswith(start)


@pytest.mark.usefixtures("_sandbox")
@pytest.mark.parametrize("form", ["srt", "vtt"])
@pytest.mark.parametrize("command", ["transcribe", "translate"])
def test_readable_subtitles(command: str, form: str) -> None:
    """Subtitles keep the limits that are given; a note counts those that cannot be read in time."""
    limits = ("--max-line", 12, "--max-lines", 3, "--max-cps", 5, "--min-seconds", 0.5)
    outcome = apertis(command, CLIP, "--format", form, *limits)
    texts = [text for text in outcome.stdout.splitlines() if " --> " not in text and text != form]
    assert 12 >= max(map(len, texts)) > 8
    assert re.search(r"clip.mp3: \d of \d subtitles are shown for less time", outcome.stderr)
    assert "shown for less time" not in apertis(command, CLIP, "--format", form).stderr


@pytest.mark.usefixtures("_sandbox")
def test_failure_among_several(tmp_path: Path) -> None:
    """An invalid file among several is reported, and the others are transcribed."""
    bad = tmp_path / "none.mp3"
    bad.touch()
    outcome = apertis("transcribe", CLIP, bad, CLIP.with_suffix(".ogg"))
    assert outcome.stdout.count("The meeting is tomorrow.") == 2
    assert "== clip.ogg" in outcome.stdout
    assert f"error: {bad}: none.mp3 is empty." in outcome.stderr
    assert outcome.exit_code == 1


@pytest.mark.usefixtures("_sandbox")
def test_several_failures(tmp_path: Path) -> None:
    """Each failure is reported on a line of its own, in order."""
    bad = [tmp_path / f"{number}.mp3" for number in range(12)]
    for path in bad:
        path.touch()
    outcome = apertis("transcribe", *bad)
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    lines = outcome.stderr.strip().splitlines()
    assert [f"error: {path}: {path.name} is empty." for path in bad] == lines


@pytest.mark.usefixtures("_sandbox")
def test_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, a progress bar counts recordings; results still go to standard output."""
    screen = io.StringIO()
    monkeypatch.setattr(
        progress_bar, "err_console", Console(file=screen, force_terminal=True, width=100)
    )
    outcome = apertis("transcribe", CLIP, CLIP.with_suffix(".ogg"))
    assert "2/2" in screen.getvalue()
    assert outcome.stdout.count("The meeting is tomorrow.") == 2
    assert "The meeting" not in screen.getvalue()


@pytest.mark.usefixtures("_sandbox")
def test_errors_beside_the_progress_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, an error is one line that the progress bar does not interrupt."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, soft_wrap=True)
    for module in (progress_bar, session):
        monkeypatch.setattr(module, "err_console", console)
    bad = tmp_path / "bad.mp3"
    bad.touch()
    apertis("transcribe", bad, CLIP)
    assert f"error: {bad}: bad.mp3 is empty.\n" in Text.from_ansi(screen.getvalue()).plain


@pytest.mark.usefixtures("_sandbox")
def test_same_file_twice(tmp_path: Path) -> None:
    """A file that is named twice has two results, or is refused with one output file."""
    assert apertis("transcribe", CLIP, CLIP).stdout.count("The meeting is tomorrow.") == 2
    assert_error_line(apertis("transcribe", CLIP, CLIP, "-o", tmp_path), "Two recordings")


@pytest.mark.usefixtures("_sandbox")
def test_output_folder(tmp_path: Path) -> None:
    """Files are written to a folder; existing files are kept without --overwrite."""
    folder = tmp_path / "made" / "here"
    assert apertis("transcribe", CLIP, "-o", folder, "--format", "srt").exit_code == 0
    (written,) = folder.iterdir()
    assert written.name == "clip.srt"
    written.write_text("mine")
    assert_error_line(
        apertis("transcribe", CLIP, "-o", folder, "--format", "srt"), "exists", "--overwrite"
    )
    assert written.read_text() == "mine"
    apertis("transcribe", CLIP, "-o", folder, "--format", "srt", "--overwrite")
    assert "tomorrow" in written.read_text()


@pytest.mark.usefixtures("_sandbox")
def test_folder_in_the_place_of_a_transcript(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that has the name of a transcript is refused before anything is sent."""
    monkeypatch.setenv("APERTIS_API_KEY", "refused-if-sent")
    (tmp_path / "clip.txt").mkdir()
    outcome = apertis("transcribe", CLIP, "-o", tmp_path, "--overwrite")
    assert_error_line(outcome, f"{tmp_path / 'clip.txt'} is a directory")


@pytest.mark.usefixtures("_sandbox")
def test_output_clash(tmp_path: Path) -> None:
    """Two recordings with one output file are refused before anything is sent."""
    outcome = apertis("transcribe", CLIP, CLIP.with_suffix(".ogg"), "-o", tmp_path)
    assert_error_line(outcome, "Two recordings")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_sandbox")
@pytest.mark.parametrize(
    "names", [("Talk.mp3", "talk.wav"), ("caf\u00e9.mp3", "cafe\u0301.wav")], ids=["case", "accent"]
)
def test_output_clash_on_other_disks(tmp_path: Path, names: tuple[str, str]) -> None:
    """Output files that differ only in case or Unicode form are refused."""
    for name in names:
        shutil.copy(CLIP, tmp_path / name)
    folder = tmp_path / "texts"
    outcome = apertis("transcribe", *(tmp_path / name for name in names), "-o", folder)
    assert_error_line(outcome, "Two recordings", *names)
    assert not folder.exists()


@pytest.mark.usefixtures("_sandbox")
def test_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cached transcripts are used until they are deleted, and not with --no-cache."""
    monkeypatch.setenv("APERTIS_AUDIO_CACHE", str(tmp_path))
    command = ["transcribe", EXAMPLES.parent.parent / "tests" / "clips" / "clip.wav"]
    transcript = apertis(*command).stdout
    monkeypatch.setenv("APERTIS_API_KEY", "wrong-key")
    assert apertis(*command).stdout == transcript
    assert_error_line(apertis(*command, "--no-cache"), "401")
    assert "Transcripts forgotten: 1." in apertis("cache", "--clear").stdout
    assert_error_line(apertis(*command), "401")


@pytest.mark.usefixtures("_sandbox")
def test_speak_and_ask(tmp_path: Path) -> None:
    """Speech can be written to a file, and questions about the file are answered."""
    target = tmp_path / "speech.wav"
    spoken = apertis("speak", "The meeting is tomorrow.", "-o", target, "--voice", "nova")
    assert f"{target}: " in spoken.stdout
    reply = apertis("ask", "Repeat what is said in this recording.", target)
    assert "tomorrow" in reply.stdout.lower()


@pytest.mark.usefixtures("_sandbox")
def test_speak_from_stdin(tmp_path: Path) -> None:
    """The text to speak can come from standard input."""
    arguments = ["speak", "-", "-o", str(tmp_path / "speech.mp3")]
    assert CliRunner().invoke(app, arguments, input="Good morning.").exit_code == 0
    assert (tmp_path / "speech.mp3").stat().st_size > 1000


@pytest.mark.usefixtures("_sandbox")
def test_speak_file(tmp_path: Path) -> None:
    """The text to speak can be a file; files that are missing or not UTF-8 are refused."""
    text, target = tmp_path / "speech.txt", tmp_path / "speech.opus"
    text.write_bytes(b"\xef\xbb\xbfGood morning.")
    assert f"{target}: " in apertis("speak", "--file", text, "-o", target).stdout
    text.write_bytes(b"\xff\xfe")
    for file, word in [(text, "UTF-8"), (tmp_path / "no.txt", "no.txt")]:
        outcome = apertis("speak", "--file", file, "-o", target)
        assert_error_line(outcome, word, exit_code=2)
    assert apertis("speak", "Yes.", "--file", text, "-o", target).exit_code == 2


@pytest.mark.usefixtures("_sandbox")
def test_models() -> None:
    """On a pipe, models are lines of tab-separated columns."""
    rows = dict(line.split("\t") for line in apertis("models").stdout.splitlines())
    assert rows["whisper-1"] == "transcribe, translate"


@pytest.mark.usefixtures("_sandbox")
def test_models_that_end() -> None:
    """The check lists models that end, whose default they are, when, and what to use."""
    rows = {line.split("\t")[0]: line for line in apertis("models", "--check").stdout.splitlines()}
    assert rows["tts-1"].split("\t") == [
        "tts-1",
        "speak",
        "2027-01-06",
        "in the list of this key",
        "gemini-3.8-flash-lite-tts",
    ]
    assert rows["gpt-audio"].endswith("none is announced")
    assert "whisper-large-v3" not in rows


@pytest.mark.usefixtures("_sandbox")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_text("hello " * 100), "not on the list of formats"),
    ],
    ids=["empty", "text"],
)
def test_bad_file(tmp_path: Path, make: Callable[[Path], object], words: str) -> None:
    """A file that is not a recording is reported as such."""
    path = tmp_path / "meeting.mp3"
    make(path)
    assert_error_line(apertis("transcribe", path), words, "meeting.mp3")


def test_no_key() -> None:
    """Without a key, the error says how to set one, and how to try the sandbox."""
    assert_error_line(apertis("transcribe", CLIP), "APERTIS_API_KEY", "sandbox", exit_code=2)


def test_wrong_key(sandbox_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong key is reported, and not shown."""
    monkeypatch.setenv("APERTIS_BASE_URL", sandbox_url)
    monkeypatch.setenv("APERTIS_API_KEY", "wrong-key")
    outcome = apertis("models")
    assert_error_line(outcome, "401", "APERTIS_API_KEY")
    assert "wrong-key" not in outcome.stderr


def test_existing_speech(tmp_path: Path, sandbox_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An existing audio file is kept."""
    monkeypatch.setenv("APERTIS_BASE_URL", sandbox_url)
    monkeypatch.setenv("APERTIS_API_KEY", "sk-anybody")
    target = tmp_path / "mine.mp3"
    target.write_bytes(b"mine")
    assert_error_line(apertis("speak", "Yes.", "-o", target), f"{target} exists; --overwrite")
    assert target.read_bytes() == b"mine"


def test_usage() -> None:
    """Wrong usage has the exit code 2 and no traceback."""
    outcome = apertis("transcribe", CLIP, "--format", "poem")
    assert outcome.exit_code == 2
    assert "Traceback" not in outcome.stderr


def test_without_the_extra() -> None:
    """Without the extra, the command says how to install it."""
    code = (
        "import sys; sys.modules['typer'] = None; "
        "from apertis_audio_tools.__main__ import main; main()"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 1
    assert 'pip install "apertis-audio-tools[cli]"' in outcome.stderr
    assert "Traceback" not in outcome.stderr


@pytest.mark.parametrize("engine", ["whisper", "beacon"])
def test_sandbox_command(engine: str) -> None:
    """The sandbox prints two variables that point the client to it."""
    sandbox = ["sandbox", "--port", "0", "--engine", engine]
    command = [sys.executable, "-m", "apertis_audio_tools", *sandbox]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            exported = process.stdout.readline().removeprefix("export ").split()
            variables = dict(pair.split("=", 1) for pair in exported)
            listed = subprocess.run(
                [sys.executable, "-m", "apertis_audio_tools", "models"],
                env=os.environ | variables,
                capture_output=True,
                text=True,
                check=True,
            )
        finally:
            process.terminate()
    assert "whisper-1" in listed.stdout


def test_sandbox_of_a_later_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox command takes a day and the status of retired models."""
    served: list[dict[str, object]] = []
    monkeypatch.setattr(sandbox, "serve", lambda *_, **options: served.append(options))
    assert apertis("sandbox", "--today", "2027-03-01", "--retired-status", "503").exit_code == 0
    assert (served[0]["today"], served[0]["retired_status"]) == (date(2027, 3, 1), 503)
    assert apertis("sandbox", "--today", "soon").exit_code == 2
