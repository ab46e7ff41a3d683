"""Defaults that a developer sets for an agent's tools, and events while they work."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from apertis_audio_tools import ConfigurationError, FileAccess
from apertis_audio_tools.langchain import ApertisAudioToolkit, SpeakText, TranscribeAudio
from apertis_audio_tools.langchain.stream_events import stream_progress
from support.langchain_chat import Ask
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond, respond_json
from support.wav_files import write_silent_wav

MP3 = (Path(__file__).parent.parent / "clips" / "clip.mp3").read_bytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a recording that is sent in three pieces."""
    (tmp_path / "in").mkdir()
    write_silent_wav(tmp_path / "in" / "talk.wav", 32_000 * 3)
    return tmp_path


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """Yield a server that transcribes everything."""
    with LoopbackServer([respond_json({"text": "Hello.", "duration": 3.0})]) as server:
        yield server


def form(server: LoopbackServer) -> str:
    """Return the last form that was sent, as text."""
    return server.requests[-1].body.decode("latin-1")


class TestDefaults:
    """Tools can be given all that the API takes."""

    def test_transcription(self, server: LoopbackServer, folder: Path, invoke: Ask) -> None:
        """Prompt, language, temperature and model of a toolkit are sent; an agent's wins."""
        kit = ApertisAudioToolkit(
            inputs=folder / "in",
            api_key="sk-options",
            base_url=server.url,
            prompt="Apertis, Kubernetes",
            language="de",
            temperature=0.25,
            transcription_model="whisper-large-v3",
        )
        transcribe, translate, *_ = kit.get_tools()
        invoke(transcribe, {"path": "talk.wav"})
        for value in ("Apertis, Kubernetes", "de", "0.25", "whisper-large-v3"):
            assert f"\r\n\r\n{value}\r\n" in form(server)
        invoke(transcribe, {"path": "talk.wav", "language": "fr"})
        assert "\r\n\r\nfr\r\n" in form(server)
        invoke(translate, {"path": "talk.wav"})
        assert "\r\n\r\nApertis, Kubernetes\r\n" in form(server)
        assert 'name="language"' not in form(server)

    def test_track(self, server: LoopbackServer, folder: Path, invoke: Ask) -> None:
        """The track of a toolkit is the one that is read."""
        kit = ApertisAudioToolkit(
            inputs=folder / "in", api_key="sk-options", base_url=server.url, track=3
        )
        assert "track is 3, and can be only 0" in invoke(kit.get_tools()[0], {"path": "talk.wav"})
        assert server.requests == []

    def test_speech(self, folder: Path, invoke: Ask) -> None:
        """Speed, instructions, voice and format of a toolkit are sent."""
        with LoopbackServer([respond(200, MP3, "audio/mpeg")]) as server:
            kit = ApertisAudioToolkit(
                output=folder / "out",
                api_key="sk-options",
                base_url=server.url,
                speech_model="gpt-4o-mini-tts-2025-12-15",
                speed=1.5,
                instructions="Calm.",
                voice="nova",
            )
            (speak,) = kit.get_tools()
            assert isinstance(speak, SpeakText)
            invoke(speak, {"text": "Hello."})
            body = json.loads(server.requests[0].body)
        assert (body["speed"], body["instructions"], body["voice"]) == (1.5, "Calm.", "nova")

    def test_segments(self, server: LoopbackServer, folder: Path, invoke: Ask) -> None:
        """Segments are in the artifact on request only."""
        for segments in (False, True):
            tool = TranscribeAudio(
                access=FileAccess(folder / "in"),
                api_key="sk-options",
                base_url=server.url,
                segments=segments,
            )
            call = {"type": "tool_call", "id": "1", "name": tool.name, "args": {"path": "talk.wav"}}
            assert ("segments" in invoke(tool, call).artifact) == segments


class TestToolkit:
    """Which tools there are, and how they are called."""

    def make(self, folder: Path, **options: Any) -> ApertisAudioToolkit:
        """Return a toolkit with all tools."""
        return ApertisAudioToolkit(
            inputs=folder / "in", output=folder / "out", api_key="sk-options", **options
        )

    def test_selection(self, folder: Path) -> None:
        """Selected tools come in the order of the selection, with other names and descriptions."""
        kit = self.make(
            folder,
            selected_tools=["list_recordings", "transcribe_audio"],
            names={"transcribe_audio": "read_meeting"},
            descriptions={"transcribe_audio": "Read a meeting."},
            handle_tool_error=False,
        )
        listing, transcribe = kit.get_tools()
        assert (listing.name, transcribe.name) == ("list_recordings", "read_meeting")
        assert transcribe.description == "Read a meeting."
        assert (listing.handle_tool_error, transcribe.handle_tool_error) == (False, False)

    @pytest.mark.parametrize(
        "options",
        [
            {"selected_tools": ["transcribe"]},
            {"names": {"transcribe": "read"}},
            {"descriptions": {"read_meeting": "Read."}},
        ],
    )
    def test_unknown_tools(self, folder: Path, options: Any) -> None:
        """The name of a tool that does not exist is refused at once, with those that do."""
        with pytest.raises(ConfigurationError, match="there are: transcribe_audio, "):
            self.make(folder, **options)

    def test_names_that_are_taken(self, folder: Path) -> None:
        """Two tools cannot have the same name, whether it is given or a tool's own."""
        names = {"transcribe_audio": "read", "translate_audio": "read"}
        for given in (names, {"transcribe_audio": "translate_audio"}):
            with pytest.raises(ConfigurationError, match="the same name"):
                self.make(folder, names=given)
        self.make(folder, names=names, selected_tools=["translate_audio"])

    def test_tools_without_a_folder(self, folder: Path) -> None:
        """A selected tool that the folders do not allow is refused at once."""
        with pytest.raises(ConfigurationError, match="no tool 'speak_text'"):
            ApertisAudioToolkit(
                inputs=folder / "in", api_key="sk-options", selected_tools=["speak_text"]
            )


class _CallingModel(GenericFakeChatModel):
    def bind_tools(self, tools: Any, **options: Any) -> Any:  # noqa: ARG002
        """Return the model itself."""
        return self


class TestProgress:
    """An agent's stream tells how far a tool is."""

    def agent(self, server: LoopbackServer, folder: Path) -> Any:
        """Return an agent that transcribes, in three pieces, and then is done."""
        call = {"name": "transcribe_audio", "args": {"path": "talk.wav"}, "id": "1"}
        model = _CallingModel(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("Done.")]))
        kit = ApertisAudioToolkit(inputs=folder / "in", api_key="sk-options", base_url=server.url)
        return create_agent(model, kit.get_tools())

    def test_stream(self, server: LoopbackServer, folder: Path, stream: Ask) -> None:
        """There is an event when a recording is opened, and one when it is transcribed."""
        agent = self.agent(server, folder)
        events = stream(agent, {"messages": [("user", "What?")]}, stream_mode="custom")
        fixed = {"type": "audio_progress", "tool": "transcribe_audio", "path": "talk.wav"}
        assert events[0] == {**fixed, "seconds": 0.0, "duration": 3.0}
        assert events[-1] == {**fixed, "seconds": 3.0, "duration": 3.0}

    def test_outside_of_a_graph(self) -> None:
        """Outside of a graph there is nobody to tell."""
        stream_progress({"tool": "t", "path": "p", "seconds": 0.0, "duration": 1.0})
