"""The tools of an agent, without a framework."""

import asyncio
import contextlib
import json
import os
import shutil
import threading
import wave
from collections.abc import Callable, Iterator
from math import inf, nan
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from apertis_audio_tools import (
    AccessError,
    ApertisAudio,
    ApertisError,
    ConfigurationError,
    FileAccess,
    RecordingError,
    UnsupportedError,
)
from apertis_audio_tools.adapters.tools import (
    TOOLS,
    AskTool,
    AudioTool,
    ListTool,
    SpeakTool,
    ToolResult,
    TranscribeTool,
    TranslateTool,
)
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json
from support.timeouts import TIMEOUT
from support.wav_files import silent_wav

CLIPS = Path(__file__).parents[1] / "clips"
Use = Callable[..., ToolResult]


@pytest.fixture(params=["run", "arun"])
def use(request: pytest.FixtureRequest) -> Use:
    """Return a function that runs a tool, sync or async."""

    def run_tool(tool: AudioTool, **arguments: Any) -> ToolResult:
        if request.param == "run":
            return tool.run(**arguments)
        return asyncio.run(tool.arun(**arguments))

    return run_tool


@pytest.fixture
def access(tmp_path: Path) -> FileAccess:
    (tmp_path / "in").mkdir()
    for suffix in ("ogg", "mp3"):
        shutil.copy(CLIPS / f"clip.{suffix}", tmp_path / "in")
    (tmp_path / "in" / "notes.txt").write_text("no sound")
    return FileAccess(tmp_path / "in", output=tmp_path / "out")


@pytest.fixture
def client(sandbox_url: str) -> Iterator[ApertisAudio]:
    with ApertisAudio("sk-tools", base_url=sandbox_url) as client:
        yield client


def test_speak_and_ask(client: ApertisAudio, access: FileAccess, use: Use) -> None:
    """A spoken text becomes a file in the output folder, and questions about it are answered."""
    spoken = use(SpeakTool(client, access), text="The release is on Thursday.")
    path = Path(spoken.artifact["path"])
    assert path.parent == access.output
    assert path.read_bytes()
    assert spoken.text.startswith(f"Spoken into the file {path.name} (")
    assert spoken.artifact["media_type"] == "audio/mpeg"
    answer = use(AskTool(client, access), path=path.name, question="When is the release?")
    assert answer.text == answer.artifact["answer"] != ""


def test_transcribe(client: ApertisAudio, access: FileAccess, use: Use) -> None:
    """The model gets passages with timecodes; the program gets times and facts."""
    tool = TranscribeTool(client, access, segments=True)
    result = use(tool, path="clip.ogg", language="en")
    assert result.text.startswith("[00:00:00] ")
    assert result.artifact["path"] == "clip.ogg"
    assert result.artifact["segments"][0]["end"] <= result.artifact["duration"]
    assert 0.0 <= result.artifact["start"] < result.artifact["end"]
    assert json.loads(json.dumps(result.artifact)) == result.artifact
    slim = use(TranscribeTool(client, access), path="clip.ogg", language="en").artifact
    assert slim == {key: value for key, value in result.artifact.items() if key != "segments"}


def test_translate(client: ApertisAudio, access: FileAccess, use: Use) -> None:
    """A translation has the task in its artifact."""
    assert use(TranslateTool(client, access), path="clip.mp3").artifact["task"] == "translate"


@pytest.mark.parametrize(
    ("tool", "arguments", "sentence"),
    [
        (TranscribeTool, {"path": "clip.ogg", "model": "whisper-9"}, "model: Extra inputs"),
        (TranscribeTool, {"path": 7}, "path: Input should be a valid string"),
        (TranscribeTool, {}, "path: Field required"),
        (TranscribeTool, {"path": "clip.ogg", "start": -1}, "start: "),
        (TranscribeTool, {"path": "clip.ogg", "start": float("nan")}, "start: "),
        (TranscribeTool, {"path": "clip.ogg", "language": "Elvish"}, "language: "),
        (SpeakTool, {"text": ""}, "text: "),
        (SpeakTool, {"text": "a" * 40_001}, "text: "),
        (SpeakTool, {"text": "Hello.", "path": "/etc/passwd"}, "path: Extra inputs"),
        (SpeakTool, {"text": "Hello.", "voice": "../../nova"}, "voice: "),
        (AskTool, {"path": "clip.ogg"}, "question: Field required"),
    ],
)
def test_invalid_arguments(
    tool: type[AudioTool], arguments: dict[str, Any], sentence: str, access: FileAccess, use: Use
) -> None:
    """Invalid arguments are refused in a sentence, before anything is read or sent."""
    with (
        ApertisAudio("sk-tools", base_url="http://127.0.0.1:9") as nobody,
        pytest.raises(UnsupportedError, match=sentence),
    ):
        use(tool(nobody, access), **arguments)


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("../in/../../etc/passwd", AccessError),
        ("gone.mp3", AccessError),
        ("notes.txt", RecordingError),
    ],
)
def test_invalid_paths(
    client: ApertisAudio, access: FileAccess, use: Use, path: str, error: type[ApertisError]
) -> None:
    """A path that may not be read, does not exist or is no recording raises a typed error."""
    for tool in (TranscribeTool(client, access), TranslateTool(client, access)):
        with pytest.raises(error):
            use(tool, path=path)
    with pytest.raises(error):
        use(AskTool(client, access), path=path, question="What is it?")


@pytest.fixture
def long_clip(access: FileAccess) -> str:
    """Write a recording of eleven minutes, and return its name."""
    with wave.open(str(access.inputs[0] / "long.wav"), "wb") as wav:
        wav.setparams((1, 1, 8000, 0, "NONE", ""))
        wav.writeframes(bytes(8000 * 660))
    return "long.wav"


def test_ask_about_a_long_recording(access: FileAccess, use: Use, long_clip: str) -> None:
    """A long recording is refused before it is sent, and the error names another tool."""
    refused = r"^long\.wav lasts 660 s; ask_about_audio accepts up to 600 s\. .* transcribe_audio"
    with LoopbackServer([respond_json({})]) as server, server.client() as client:
        with pytest.raises(UnsupportedError, match=refused):
            use(AskTool(client, access), path=long_clip, question="Who speaks?")
        with pytest.raises(UnsupportedError, match=r"lasts 1\.2 s; .* up to 1 s\."):
            use(AskTool(client, access, max_seconds=1.0), path="clip.ogg", question="Who?")
        assert server.requests == []


def test_ask_without_a_limit(access: FileAccess, use: Use, long_clip: str) -> None:
    """With a higher limit, the whole recording is sent from its beginning."""
    reply = {"choices": [{"message": {"content": "Nobody."}, "finish_reason": "stop"}]}
    with LoopbackServer([respond_json(reply)]) as server, server.client() as client:
        tool = AskTool(client, access, max_seconds=inf)
        assert use(tool, path=long_clip, question="Who speaks?").text == "Nobody."
        assert server.requests[0].size > 8000 * 660


@pytest.mark.parametrize("wrong", [0, -1.0, nan])
def test_invalid_max_seconds(client: ApertisAudio, access: FileAccess, wrong: float) -> None:
    """A limit that no clip could meet is refused when the tool is made."""
    with pytest.raises(ConfigurationError, match=r"max_seconds is .* more than 0"):
        AskTool(client, access, max_seconds=wrong)


def test_speak_without_an_output_folder(client: ApertisAudio, use: Use, tmp_path: Path) -> None:
    """Without an output folder nothing is sent."""
    with pytest.raises(AccessError, match="no folder to write to"):
        use(SpeakTool(client, FileAccess(tmp_path)), text="Hello.")


def long_transcript(count: int) -> dict[str, Any]:
    """Return a response whose segments of a quarter of a minute are passages of their own."""
    segments = [
        {"id": n, "start": 15.0 * n, "end": 15.0 * n + 14.0, "text": f"Number {n}. {'bla ' * 200}"}
        for n in range(count)
    ]
    text = " ".join(str(segment["text"]) for segment in segments)
    return {"task": "transcribe", "duration": 15.0 * count, "text": text, "segments": segments}


def test_long_transcripts(access: FileAccess, use: Use) -> None:
    """A long transcript is read in several calls, completely, and requested once."""
    (access.inputs[0] / "clip.ogg").write_bytes(silent_wav(1_800_000, rate=1000))
    with LoopbackServer([respond_json(long_transcript(60))]) as server, server.client() as client:
        tool = TranscribeTool(client, access)
        first = use(tool, path="clip.ogg")
        assert first.text.splitlines()[-1] == (
            "[36 more passages follow: call again with start=360.0 to read on.]"
        )
        second = use(tool, path="clip.ogg", start=360.0)
        assert second.text.startswith("[00:06:00] Number 24.")
        assert (second.artifact["start"], second.artifact["end"]) == (360.0, 719.0)
        assert second.artifact["transcript"].startswith("Number 24.")
        assert len(second.artifact["transcript"]) <= 20_000
        third = use(tool, path="clip.ogg", start=720.0)
        assert third.text.splitlines()[-1].startswith("[00:14:45] Number 59.")
        assert use(tool, path="clip.ogg", start=9999.0).text.endswith("900 s long after 9999 s.")
        assert len(server.requests) == 1


def test_changed_recording(access: FileAccess, use: Use) -> None:
    """A recording that was replaced is transcribed again."""
    with LoopbackServer([respond_json(long_transcript(1))]) as server, server.client() as client:
        tool = TranscribeTool(client, access)
        use(tool, path="clip.ogg")
        (access.inputs[0] / "clip.ogg").write_bytes((CLIPS / "clip.mp3").read_bytes())
        use(tool, path="clip.ogg")
        use(tool, path="clip.ogg", language="de")
        assert len(server.requests) == 3


def test_silence(access: FileAccess, use: Use) -> None:
    """A recording without speech has a text that says so."""
    silent = {"task": "transcribe", "duration": 12.0, "text": "", "segments": []}
    with LoopbackServer([respond_json(silent)]) as server, server.client() as client:
        result = use(TranscribeTool(client, access), path="clip.ogg")
    assert result.text == "Nothing is said in this recording, which is 1 s long."


def list_all(tool: ListTool, use: Use, total: int) -> list[str]:
    """Return all lines of a listing, page by page."""
    lines: list[str] = []
    while len(lines) < total:
        shown = use(tool, start=len(lines)).text.splitlines()
        lines += [line for line in shown if not line.startswith("[")]
    return lines


def test_listing(client: ApertisAudio, access: FileAccess, use: Use) -> None:
    """Recordings are listed with their lengths, and those that cannot be read with a word."""
    (access.inputs[0] / "team").mkdir()
    (access.inputs[0] / "team" / "clip.mp3").write_bytes((CLIPS / "clip.mp3").read_bytes())
    (access.inputs[0] / "note.mp3").write_text("no sound")
    for name in (".hidden.mp3", "forged\nname.mp3", os.fsdecode(b"caf\xe9.mp3")):
        with contextlib.suppress(OSError):  # not every system has such names
            (access.inputs[0] / name).write_text("no sound")
    (access.inputs[0] / "at 3.15\u202fPM.mp3").write_text("no sound")
    result = use(ListTool(client, access))
    assert "at 3.15\u202fPM.mp3 (cannot be read)" in result.text.splitlines()
    assert "clip.ogg (00:00:01)" in result.text.splitlines()
    assert "team/clip.mp3 (00:00:01)" in result.text.splitlines()
    assert "note.mp3 (cannot be read)" in result.text.splitlines()
    assert not any(part in result.text for part in (".hidden", "forged", "caf"))
    by_path = {each["path"]: each["duration"] for each in result.artifact["recordings"]}
    assert by_path["team/clip.mp3"] == pytest.approx(1.2, abs=0.2)
    assert by_path["note.mp3"] is None
    assert result.artifact["total"] == len(by_path)
    assert use(TranscribeTool(client, access), path="team/clip.mp3").text


def test_long_listing(client: ApertisAudio, tmp_path: Path, use: Use) -> None:
    """A long list is read in pages, in order and completely."""
    for number in range(50):
        (tmp_path / f"{number:03}.wav").write_bytes(silent_wav(3200))
    tool = ListTool(client, FileAccess(tmp_path, isolate_probe=False))
    first = use(tool)
    assert first.text.splitlines()[-1] == "[30 more follow: call again with start=20.]"
    assert list_all(tool, use, 50) == [f"{number:03}.wav (00:00:00)" for number in range(50)]
    assert use(tool, start=50).text == "There are no recordings."


def test_files_of_one_name(client: ApertisAudio, tmp_path: Path, use: Use) -> None:
    """Recordings of one name in two folders are listed by their whole paths."""
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "standup.wav").write_bytes(silent_wav(3200))
    access = FileAccess([tmp_path / "a", tmp_path / "b"])
    names = [each["path"] for each in use(ListTool(client, access)).artifact["recordings"]]
    assert names == [(tmp_path / folder / "standup.wav").as_posix() for folder in ("a", "b")]
    assert use(TranscribeTool(client, access), path=names[1]).text


def test_declarations() -> None:
    """Every argument is described, and descriptions are short enough for all providers."""
    for tool in TOOLS:
        schema = tool.arguments.model_json_schema()
        assert schema["additionalProperties"] is False
        assert all(field["description"] for field in schema["properties"].values())
        assert len(tool.description) < 1024
    assert [tool.name for tool in TOOLS] == [
        *("transcribe_audio", "translate_audio", "speak_text", "ask_about_audio"),
        "list_recordings",
    ]


def test_error_of_the_system(
    client: ApertisAudio, access: FileAccess, use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of the system becomes a sentence for the model."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(5, "Input/output error", "/private/path")

    for name in ("save_speech_with", "asave_speech_with"):
        monkeypatch.setattr(ApertisAudio, name, fail)
    with pytest.raises(AccessError, match=r"^The tool has failed: Input/output error\.$"):
        use(SpeakTool(client, access), text="Hello.")


class SlowAccess(FileAccess):
    """Access whose files are open before the caller has them, until `released` is set."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, isolate_probe=False)
        self.opened, self.released = threading.Event(), threading.Event()
        self.files: list[BinaryIO] = []

    @contextlib.contextmanager
    def reading(self, path: str) -> Iterator[tuple[str, BinaryIO]]:
        """Open a file, and wait."""
        with super().reading(path) as source:
            self.files.append(source[1])
            self.opened.set()
            assert self.released.wait(TIMEOUT)
            yield source


def test_cancelled_while_a_file_is_opened(client: ApertisAudio, tmp_path: Path) -> None:
    """A call that is cancelled while a thread opens its file closes the file."""
    (tmp_path / "clip.wav").write_bytes(silent_wav(3200))
    access = SlowAccess(tmp_path)

    async def cancel() -> None:
        call = asyncio.create_task(TranscribeTool(client, access).arun(path="clip.wav"))
        await asyncio.to_thread(access.opened.wait, TIMEOUT)
        call.cancel()
        asyncio.get_running_loop().call_soon(access.released.set)
        with pytest.raises(asyncio.CancelledError):
            await call
        assert [file.closed for file in access.files] == [True]

    asyncio.run(cancel())
