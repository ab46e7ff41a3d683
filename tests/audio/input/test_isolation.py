"""A recording is opened in a child process first, which may be ended by limits."""

import asyncio
import gzip
import io
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from apertis_audio_tools import ApertisAudio, APIConnectionError, FileAccess, RecordingError
from apertis_audio_tools.adapters.tools import AskTool, AudioTool, TranscribeTool
from apertis_audio_tools.audio import probe
from apertis_audio_tools.audio.input import isolation
from support.hostile.claims import CLAIMS
from support.hostile.samples import samples
from support.loopback_server import LoopbackServer
from support.sync_async import Run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the limits are those of Linux")
TOOLS: dict[type[AudioTool], dict[str, object]] = {
    TranscribeTool: {"path": "talk.m4a"},
    AskTool: {"path": "talk.m4a", "question": "Who speaks?"},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a sparse file, whose index fits its size and takes 600 MB."""
    path = tmp_path / "talk.m4a"
    counts = struct.pack(">I", 25_000_000), struct.pack(">I", 17_000_000)
    path.write_bytes(CLAIMS["mp4 index"]().replace(*counts))
    os.truncate(path, 220 << 20)
    return tmp_path


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """Return the environments of the children that are started."""
    environments: list[dict[str, str]] = []
    run = subprocess.run

    def record(*args: object, **options: object) -> object:
        environments.append(options["env"])  # type: ignore[arg-type]
        return run(*args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "run", record)
    return environments


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_tools(tool: type[AudioTool], is_async: object, folder: Path) -> None:
    """A tool refuses a recording whose index would take 600 MB, and sends no request."""
    with LoopbackServer([]) as server, server.client() as client:
        made, arguments = tool(client, FileAccess(folder)), TOOLS[tool]
        with pytest.raises(
            RecordingError, match=r"^talk\.m4a is refused, because opening it takes"
        ):
            asyncio.run(made.arun(**arguments)) if is_async else made.run(**arguments)
    assert not server.requests


@pytest.mark.parametrize("verb", ["transcribe", "chat"])
def test_clients(verb: str, folder: Path, run: Run) -> None:
    """A client with the setting refuses it likewise."""
    path = folder / "talk.m4a"
    arguments = ("Who speaks?", path) if verb == "chat" else (path,)
    with (
        ApertisAudio("sk-isolated", base_url="http://127.0.0.1:9/v1", isolate_probe=True) as client,
        pytest.raises(RecordingError, match="is refused"),
    ):
        run(client, verb, *arguments)


def test_processor_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording that takes longer to open than its size allows is refused."""
    monkeypatch.setattr(isolation, "cpu_limit", lambda _: 0)
    with pytest.raises(RecordingError, match="too much memory or time"):
        probe(samples()["mp3"] * 2_000, isolate=True)


@pytest.mark.parametrize("is_default", [True, False], ids=["default", "off"])
def test_who_isolates(tmp_path: Path, is_default: object, children: list[dict[str, str]]) -> None:
    """Tools isolate unless told otherwise, and clients only if told."""
    (tmp_path / "talk.ogg").write_bytes(samples()["ogg"])
    with ApertisAudio("sk-isolated", base_url="http://127.0.0.1:9/v1", max_retries=0) as client:
        access = FileAccess(tmp_path) if is_default else FileAccess(tmp_path, isolate_probe=False)
        tool = TranscribeTool(client, access)
        for call in (
            lambda: client.transcribe(tmp_path / "talk.ogg"),
            lambda: tool.run(path="talk.ogg"),
        ):
            with pytest.raises(APIConnectionError):
                call()
    assert len(children) == bool(is_default)


def test_environment(monkeypatch: pytest.MonkeyPatch, children: list[dict[str, str]]) -> None:
    """The child does not know the key."""
    monkeypatch.setenv("APERTIS_API_KEY", "sk-isolated")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nowhere")
    probe(samples()["ogg"], isolate=True)
    assert children == [{"LD_LIBRARY_PATH": "/nowhere"}]


@pytest.mark.parametrize("executable", ["", "/nowhere/python", "/bin/false"])
def test_no_child(executable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The recording is not opened if no child can be started."""
    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(RecordingError, match="no process could be started to check it first"):
        probe(samples()["ogg"], isolate=True)


@pytest.mark.parametrize("kind", ["bytes", "file", "prefixed", "gzip", "memory", "pipe"])
def test_sources(kind: str, tmp_path: Path) -> None:
    """Every kind of source is opened as without a child, and keeps its position."""
    data = samples()["mp3"]
    expected = probe(data).duration
    path = tmp_path / "talk.mp3"
    if kind == "bytes":
        assert probe(data, isolate=True).duration == expected
    elif kind == "memory":
        assert probe(io.BytesIO(data), isolate=True).duration == expected
    elif kind == "gzip":
        path.write_bytes(gzip.compress(data))
        with gzip.open(path) as stream:
            source = "talk.mp3", cast("BinaryIO", stream)
            assert probe(source, isolate=True).duration == expected
    elif kind == "pipe":
        with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            assert process.stdin
            assert process.stdout
            process.stdin.write(data)
            process.stdin.close()
            assert probe(cast("BinaryIO", process.stdout), isolate=True).duration == expected
    else:
        prefix = b"prefix" if kind == "prefixed" else b""
        path.write_bytes(prefix + data)
        with path.open("rb") as stream:
            stream.seek(len(prefix))
            assert probe(stream, isolate=True).duration == expected
            assert stream.tell() == len(prefix)


def test_refusals_are_the_same() -> None:
    """A file that is no recording is refused with the sentence that says so."""
    with pytest.raises(RecordingError, match=r"^talk\.mp3 is damaged, or not on the list"):
        probe(("talk.mp3", b"no audio" * 100), isolate=True)
