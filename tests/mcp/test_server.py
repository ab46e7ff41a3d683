"""The tools and resources of the MCP server."""

import base64
import logging
import os
import shutil
import sys
import threading
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from apertis_audio_tools.adapters.tools import TOOLS
from apertis_audio_tools.mcp import progress_messages, resources
from support.loopback_server import Exchange, LoopbackServer
from support.mcp_connections import Granted, ProgressLog, text_of
from support.piece_recogniser import STANDUP, ExpectedPieces, PieceRecogniser
from support.scripted_responses import respond, respond_error, respond_json
from support.timeouts import TIMEOUT
from support.tiny_recordings import NameRecogniser
from support.wav_files import silent_wav

CLIPS = Path(__file__).parents[1] / "clips"
SPOKEN = "speech-%s23456789abc"
NOWHERE = "http://127.0.0.1:9/v1"
READING = ["transcribe_audio", "translate_audio", "ask_about_audio", "list_recordings"]
ARGUMENTS = {"path": "clip.wav", "question": "Who speaks?", "text": "Good morning."}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "clip.wav").write_bytes(silent_wav(3200))
    return tmp_path / "in"


async def test_tools_are_those_that_are_declared(folder: Path) -> None:
    """Names, descriptions and schemas are those of the tools; only one of them writes."""
    granted = Granted(NOWHERE, folder, folder / "out")
    async with Client(granted.make_server()) as client:
        tools = (await client.list_tools()).tools
    assert [(each.name, each.description, each.input_schema) for each in tools] == [
        (tool.name, tool.description, tool.arguments.model_json_schema()) for tool in TOOLS
    ]
    writing = [each.name for each in tools if not (each.annotations or each).read_only_hint]  # type: ignore[union-attr]
    assert writing == ["speak_text"]


@pytest.mark.parametrize(("is_reading", "is_writing"), [(True, False), (False, True)])
async def test_tools_that_cannot_work(folder: Path, *, is_reading: bool, is_writing: bool) -> None:
    """Without a folder to read or to write to, the tools that need it are not offered."""
    granted = Granted(NOWHERE, folder if is_reading else None, folder if is_writing else None)
    async with Client(granted.make_server()) as client:
        names = {each.name for each in (await client.list_tools()).tools}
    assert names == {*(READING if is_reading else ()), *(["speak_text"] if is_writing else ())}


async def test_without_folders(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With neither folder nor output nothing can be read, and each tool says so."""
    monkeypatch.chdir(folder)
    async with Client(Granted(NOWHERE).make_server()) as client:
        assert len((await client.list_tools()).tools) == len(TOOLS)
        for tool in TOOLS:
            names = tool.arguments.model_fields.keys() & ARGUMENTS.keys()
            arguments = {name: ARGUMENTS[name] for name in names}
            result = await client.call_tool(tool.name, arguments)
            assert result.is_error
            assert text_of(result).startswith("This tool has no folder to ")
        assert (await client.list_resources()).resources == []
        with pytest.raises(MCPError, match="no folder to read from"):
            await client.read_resource("recording:///clip.wav")


async def test_refused_calls(folder: Path) -> None:
    """Wrong arguments are a result for the model, an unknown tool is an error for the host."""
    async with Client(Granted(NOWHERE, folder).make_server()) as client:
        for arguments in ({}, {"self": 1}, {"path": "clip.wav", "language": "Elvish"}):
            result = await client.call_tool("transcribe_audio", arguments)
            assert result.is_error
            assert text_of(result).startswith("transcribe_audio, ")
        with pytest.raises(MCPError, match="There is no such tool; there are: transcribe_audio"):
            await client.call_tool("delete_audio", {})


async def test_mistake_of_the_program(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A mistake in a tool is a sentence without details; the details are logged."""

    def fail(**_: object) -> None:
        raise ZeroDivisionError("details")

    monkeypatch.setattr(TOOLS[0], "arun", fail)
    async with Client(Granted(NOWHERE, folder).make_server()) as client:
        result = await client.call_tool("transcribe_audio", {"path": "clip.wav"})
    assert result.is_error
    assert "details" not in text_of(result)
    assert caplog.records[-1].levelno == logging.ERROR


async def test_progress_while_nothing_happens(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the service thinks, the host is told every few seconds that the tool is at work."""
    monkeypatch.setattr(progress_messages, "HEARTBEAT_SECONDS", 0.01)
    is_told = threading.Event()
    log = ProgressLog(then=lambda log: is_told.set() if len(log.values) == 5 else None)

    def wait(_name: str, _exchange: Exchange) -> None:
        assert is_told.wait(TIMEOUT)

    with LoopbackServer([NameRecogniser(wait)]) as service:
        async with Client(Granted(service.url, folder).make_server()) as client:
            await client.call_tool("transcribe_audio", {"path": "clip.wav"}, progress_callback=log)
    assert len(log.values) >= 5
    assert log.values == sorted(set(log.values))


@pytest.mark.skipif(sys.platform != "linux", reason="needs names that are no text")
async def test_names_that_are_no_text(folder: Path) -> None:
    """A name of bytes that are no text is neither listed nor a resource."""
    shutil.copy(folder / "clip.wav", folder / os.fsdecode(b"\xff.wav"))
    async with Client(Granted(NOWHERE, folder).make_server()) as client:
        listed = text_of(await client.call_tool("list_recordings", {}))
        names = [each.name for each in (await client.list_resources()).resources]
    assert listed == "clip.wav (00:00:00)"
    assert names == ["clip.wav"]


async def test_half_a_character(folder: Path) -> None:
    """Half a character in a response of the service cannot break the connection."""
    with LoopbackServer([respond_json({"text": "Hello \ud800."})]) as service:
        granted = Granted(service.url, folder)
        async with Client(granted.make_server(), mode="legacy") as client:
            result = await client.call_tool("transcribe_audio", {"path": "clip.wav"})
    assert text_of(result) == "[00:00:00] Hello \ufffd."


def result_file(folder: Path) -> Path:
    """Return the only file that was spoken."""
    (file,) = (folder / "out").iterdir()
    return file


class TestSpeech:
    """Files that are spoken: a link, and the audio itself on request."""

    async def speak(self, folder: Path, size: int, **options: Any) -> list[Any]:
        """Return the content of a result, and what the link leads to."""
        audio = (CLIPS / "clip.mp3").read_bytes()
        with LoopbackServer([respond(body=audio, media_type="audio/mpeg")]) as service:
            server = Granted(service.url, None, folder / "out").make_server(**options)
            async with Client(server) as client:
                result = await client.call_tool("speak_text", {"text": "Good morning."})
                text, link, *rest = result.content
                assert isinstance(text, TextContent)
                assert isinstance(link, ResourceLink)
                os.truncate(result_file(folder), size)
                return [link, *rest, await client.read_resource(link.uri)]

    async def test_link(self, folder: Path) -> None:
        """The link leads to the new file, which hosts may open or read as a resource."""
        audio = (CLIPS / "clip.mp3").read_bytes()
        link, read = await self.speak(folder, len(audio))
        assert (link.mime_type, link.size) == ("audio/mpeg", len(audio))
        (contents,) = read.contents
        assert isinstance(contents, BlobResourceContents)
        assert base64.b64decode(contents.blob) == audio
        assert contents.mime_type == "audio/mpeg"

    async def test_audio_on_request(self, folder: Path) -> None:
        """With the option, the audio is part of the result as well."""
        audio = (CLIPS / "clip.mp3").read_bytes()
        _, content, _ = await self.speak(folder, len(audio), audio_content=True)
        assert isinstance(content, AudioContent)
        assert base64.b64decode(content.data) == audio

    async def test_only_spoken_files(self, folder: Path) -> None:
        """Nothing else in the output folder is a resource, and no link in the place of a file."""
        out = folder / "out"
        out.mkdir()
        other, spoken, link = (out / f"{name}.mp3" for name in ("clip", SPOKEN % "a", SPOKEN % "b"))
        for path in (other, spoken):
            shutil.copy(CLIPS / "clip.mp3", path)
        link.symlink_to(folder / "clip.wav")
        wrong = [other.as_uri(), link.as_uri(), f"{spoken.as_uri()}?", spoken.name]
        async with Client(Granted(NOWHERE, None, out).make_server()) as client:
            assert (await client.read_resource(spoken.as_uri())).contents
            for address in (*wrong, f"file:///{spoken.name}", f"http://localhost{spoken}"):
                with pytest.raises(MCPError, match=r"only resources|outside|There is no file"):
                    await client.read_resource(address)

    async def test_large_file(self, folder: Path) -> None:
        """A large file is not sent in a message."""
        with pytest.RaisesGroup(  # of the client
            pytest.RaisesGroup(
                pytest.RaisesExc(MCPError, match="too large to be sent; open speech-")
            )
        ):
            await self.speak(folder, 600_000)


class TestTranscripts:
    """Resources are transcripts that exist already."""

    async def test_what_was_transcribed(self, tmp_path: Path) -> None:
        """A transcript of another run is read from the cache; one that is not whole is refused."""
        folder = tmp_path / "in"
        folder.mkdir()
        shutil.copy(STANDUP, folder)
        pieces = ExpectedPieces.cut(STANDUP, 40)
        granted = {"folder": folder, "piece_seconds": 40, "cache": tmp_path / "cache"}
        is_failing = True

        def refuse_one(number: int, exchange: Exchange) -> bool:
            if number == 1 and is_failing:
                respond_error(400, "invalid_request")(exchange)
            return number == 1 and is_failing

        with LoopbackServer([PieceRecogniser(pieces, refuse_one)]) as service:
            uri, call = "recording:///standup.ogg", {"path": "standup.ogg"}
            async with Client(Granted(service.url, **granted).make_server()) as client:  # type: ignore[arg-type]
                assert (await client.call_tool("transcribe_audio", call)).is_error
                with pytest.raises(MCPError, match="no transcript of it yet; call transcribe_aud"):
                    await client.read_resource(uri)
                is_failing = False
                await client.call_tool("transcribe_audio", call)
            sent = len(service.requests)
            async with Client(Granted(service.url, **granted).make_server()) as client:  # type: ignore[arg-type]
                (contents,) = (await client.read_resource(uri)).contents
                for query in ("task=translate", "language=de"):
                    with pytest.raises(MCPError, match="no transcript of it yet"):
                        await client.read_resource(f"{uri}?{query}")
            assert len(service.requests) == sent
        assert isinstance(contents, TextResourceContents)
        assert all(text in contents.text for text in pieces.texts)

    async def test_short_recording(self, folder: Path, tmp_path: Path) -> None:
        """A recording that is sent whole is found as well, and in memory if nothing is cached."""
        (folder / "a b").mkdir()
        shutil.copy(folder / "clip.wav", folder / "a b" / "ü?#%.wav")
        with LoopbackServer([respond_json({"text": "Hello."})]) as service:
            for cache in (None, tmp_path / "cache", tmp_path / "cache"):
                server = Granted(service.url, folder, cache=cache).make_server()
                async with Client(server) as client:
                    if len(service.requests) < 2:
                        await client.call_tool("transcribe_audio", {"path": "ü?#%.wav"})
                    (_, listed) = (await client.list_resources()).resources[::-1]
                    (contents,) = (await client.read_resource(listed.uri)).contents
                assert isinstance(contents, TextResourceContents)
                assert contents.text == "[00:00:00] Hello."
            assert len(service.requests) == 2

    async def test_pages(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The list comes in pages and has an end; nothing is opened for it."""
        monkeypatch.setattr(resources, "PAGE_SIZE", 3)
        monkeypatch.setattr(resources, "MAX_LISTED", 6)
        for number in range(9):
            (folder / f"{number}.mp3").write_bytes(b"no audio")
        async with Client(Granted(NOWHERE, folder).make_server()) as client:
            first = await client.list_resources()
            second = await client.list_resources(cursor=first.next_cursor)
            for cursor in ("-1", "6", "x", ""):
                with pytest.raises(MCPError, match="cursor"):
                    await client.list_resources(cursor=cursor)
            templates = (await client.list_resource_templates()).resource_templates
        names = [each.name for page in (first, second) for each in page.resources]
        assert names == [f"{number}.mp3" for number in range(6)]
        assert second.next_cursor is None
        assert [each.uri_template for each in templates] == ["recording:///{+path}{?language,task}"]


def test_without_the_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the SDK, a sentence says what to install."""
    for name in [name for name in sys.modules if name.startswith("apertis_audio_tools.mcp")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    with pytest.raises(ImportError, match=r'pip install "apertis-audio-tools\[mcp\]"\.$'):
        import_module("apertis_audio_tools.mcp")
