"""The LangChain tools, used as an agent uses them."""

import asyncio
import base64
import json
import pickle
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, ToolException
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ValidationError

from apertis_audio_tools import AccessError, ConfigurationError, FileAccess
from apertis_audio_tools.langchain import (
    ApertisAudioToolkit,
    AskAboutAudio,
    SpeakText,
    TranscribeAudio,
    TranslateAudio,
)
from support.digest_recogniser import recognise_by_digest
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_error

CLIPS = Path(__file__).parent.parent / "clips"
Use = Callable[..., Any]
READING = ["transcribe_audio", "translate_audio", "ask_about_audio"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    shutil.copy(CLIPS / "clip.ogg", tmp_path / "in")
    return tmp_path


@pytest.fixture
def access(folder: Path) -> FileAccess:
    return FileAccess(folder / "in", output=folder / "out")


@pytest.fixture
def settings(sandbox_url: str) -> dict[str, Any]:
    return {"api_key": "sk-tools", "base_url": sandbox_url}


@pytest.fixture(params=["sync", "async"])
def use(request: pytest.FixtureRequest) -> Use:
    """Return a function that calls a tool, sync or async, and returns the message for the model."""

    def call_tool(tool: BaseTool, **arguments: Any) -> ToolMessage:
        call = {"type": "tool_call", "id": "call-1", "name": tool.name, "args": arguments}
        message = tool.invoke(call) if request.param == "sync" else asyncio.run(tool.ainvoke(call))
        assert isinstance(message, ToolMessage)
        return message

    return call_tool


class TestResults:
    """Content for the model, and artifacts for the program."""

    def test_transcribe(self, use: Use, access: FileAccess, settings: dict[str, Any]) -> None:
        """The model gets words with times; the program gets the whole transcript."""
        message = use(TranscribeAudio(access=access, **settings), path="clip.ogg", language="en")
        assert message.content == "[00:00:00] The meeting is tomorrow."
        assert message.status == "success"
        assert message.artifact["transcript"] == "The meeting is tomorrow."
        assert message.artifact["duration"] == pytest.approx(1.24)

    def test_speak(self, use: Use, access: FileAccess, settings: dict[str, Any]) -> None:
        """The model gets the name of the file, the program its path; neither gets the audio."""
        message = use(SpeakText(access=access, voice="nova", **settings), text="Thursday.")
        spoken = Path(message.artifact["path"])
        assert spoken.name in message.content
        assert spoken.parent == access.output
        assert base64.b64encode(spoken.read_bytes())[:40].decode() not in message.model_dump_json()

    def test_ask_about_a_spoken_file(
        self, use: Use, access: FileAccess, settings: dict[str, Any]
    ) -> None:
        """A file written by one tool can be read by another."""
        spoken = use(SpeakText(access=access, audio_format="wav", **settings), text="Good morning.")
        name = Path(spoken.artifact["path"]).name
        tool = AskAboutAudio(access=access, **settings)
        assert "morning" in use(tool, path=name, question="What is said?").content

    def test_translate(self, use: Use, access: FileAccess, settings: dict[str, Any]) -> None:
        """A translation has the task in its artifact."""
        message = use(TranslateAudio(access=access, **settings), path="clip.ogg")
        assert message.artifact["task"] == "translate"

    def test_without_a_tool_call(self, access: FileAccess, settings: dict[str, Any]) -> None:
        """Invoked with arguments or a string, a tool returns a string."""
        tool = TranscribeAudio(access=access, **settings)
        expected = "[00:00:00] The meeting is tomorrow."
        assert tool.invoke({"path": "clip.ogg"}) == tool.invoke("clip.ogg") == expected

    def test_artifacts_are_json(
        self, use: Use, access: FileAccess, settings: dict[str, Any]
    ) -> None:
        """Artifacts are JSON-safe."""
        message = use(AskAboutAudio(access=access, **settings), path="clip.ogg", question="Who?")
        assert json.loads(json.dumps(message.artifact)) == message.artifact
        assert message.artifact["usage"]["input_tokens"] > 0


class TestFailures:
    """Failures are one sentence for the model, and the agent goes on."""

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ({"path": "../secret.ogg"}, "outside of the folders this tool may read"),
            ({"path": "other.ogg"}, "There is no file 'other.ogg'. There are: 'clip.ogg'."),
            ({}, "transcribe_audio, path: Field required."),
            ({"path": "clip.ogg", "loud": True}, "transcribe_audio, loud: Extra inputs are not"),
            ({"path": "clip.ogg", "language": "Elvish"}, "transcribe_audio, language: 'Elvish'"),
        ],
    )
    def test_invalid_arguments(
        self,
        use: Use,
        access: FileAccess,
        settings: dict[str, Any],
        arguments: dict[str, Any],
        sentence: str,
    ) -> None:
        """An invalid path or argument is answered with the reason."""
        message = use(TranscribeAudio(access=access, **settings), **arguments)
        assert message.status == "error"
        assert sentence in message.content
        assert "\n" not in message.content

    def test_ask_about_a_long_recording(
        self, use: Use, access: FileAccess, settings: dict[str, Any]
    ) -> None:
        """A recording that is too long is answered with the tool to use instead."""
        tool = AskAboutAudio(access=access, max_seconds=1.0, **settings)
        message = use(tool, path="clip.ogg", question="Who speaks?")
        assert message.status == "error"
        assert "up to 1 s. To read what is said in it, use transcribe_audio." in message.content

    def test_refusal_of_the_service(self, use: Use, access: FileAccess) -> None:
        """A refusal of the service is a sentence without the key."""
        with LoopbackServer([respond_error(402)]) as server:
            tool = TranscribeAudio(access=access, api_key="sk-tools", base_url=server.url)
            message = use(tool, path="clip.ogg")
        assert message.status == "error"
        assert "sk-tools" not in message.content

    def test_raising(self, access: FileAccess, settings: dict[str, Any]) -> None:
        """With ``handle_tool_error=False`` failures are raised."""
        tool = TranscribeAudio(access=access, handle_tool_error=False, **settings)
        with pytest.raises(ToolException, match="There is no file"):
            tool.invoke({"path": "other.ogg"})


class TestDeclarations:
    """Schemas and names of the tools."""

    def test_schemas(self, access: FileAccess, settings: dict[str, Any]) -> None:
        """Every tool and every argument has a description."""
        toolkit = ApertisAudioToolkit(access=access, **settings)
        for tool in toolkit.get_tools():
            schema = convert_to_openai_tool(tool)["function"]
            assert len(schema["description"]) > 40
            properties = schema["parameters"]["properties"]
            assert properties
            assert all(each["description"] for each in properties.values())

    def test_custom_name(self, access: FileAccess, settings: dict[str, Any]) -> None:
        """Names and descriptions can be replaced."""
        tool = TranscribeAudio(access=access, name="listen", description="Listen.", **settings)
        assert convert_to_openai_tool(tool)["function"]["name"] == "listen"


class TestSettings:
    """Invalid settings are refused when a tool is made."""

    def test_no_key(self, access: FileAccess) -> None:
        """A missing key is refused at once."""
        with pytest.raises(ConfigurationError, match="There is no API key"):
            TranscribeAudio(access=access)

    def test_misspelt(self, access: FileAccess) -> None:
        """An unknown argument is refused, without showing any value."""
        misspelt: Any = {"api_key": "sk-never-shown", "modle": "whisper-1"}
        with pytest.raises(ValidationError, match="modle") as refused:
            TranscribeAudio(access=access, **misspelt)
        assert "sk-never-shown" not in str(refused.value)

    def test_client_and_settings(self, access: FileAccess) -> None:
        """Settings next to a client are refused."""
        with (
            LoopbackServer([recognise_by_digest()]) as server,
            server.client() as client,
            pytest.raises(ConfigurationError, match="its own timeout"),
        ):
            TranscribeAudio(access=access, client=client, timeout=1.0)

    def test_client_and_environment(
        self, use: Use, access: FileAccess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A shared client is used, whatever is in the environment."""
        monkeypatch.setenv("APERTIS_BASE_URL", "http://127.0.0.1:9/v1")
        with LoopbackServer([recognise_by_digest()]) as server, server.client() as client:
            use(TranscribeAudio(access=access, client=client), path="clip.ogg")
            assert len(server.requests) == 1

    def test_settings_are_frozen(self, access: FileAccess, settings: dict[str, Any]) -> None:
        """Settings of a tool cannot be changed."""
        tool = TranscribeAudio(access=access, **settings)
        with pytest.raises(ValidationError, match="frozen"):
            tool.model = "gpt-4o-transcribe"

    def test_key_is_not_shown(self, access: FileAccess) -> None:
        """No representation of a tool or toolkit contains the key."""
        settings: dict[str, Any] = {
            "api_key": "sk-never-shown",
            "base_url": "http://127.0.0.1:9/v1",
        }
        tool = TranscribeAudio(access=access, **settings)
        toolkit = ApertisAudioToolkit(access=access, **settings)
        shown = [repr(tool), str(tool.model_dump()), repr(toolkit), str(toolkit.model_dump())]
        assert "sk-never-shown" not in "".join(shown)


class TestToolkit:
    """The toolkit."""

    @pytest.mark.parametrize(
        ("folders", "expected"),
        [
            ({"inputs": "in", "output": "out"}, [*READING, "speak_text", "list_recordings"]),
            ({"inputs": "in"}, [*READING, "list_recordings"]),
            ({"output": "out"}, ["speak_text"]),
        ],
    )
    def test_tools(
        self, folder: Path, settings: dict[str, Any], folders: dict[str, str], expected: list[str]
    ) -> None:
        """The toolkit has exactly the tools that the folders allow."""
        paths: dict[str, Any] = {name: folder / path for name, path in folders.items()}
        toolkit = ApertisAudioToolkit(**paths, **settings)
        assert [tool.name for tool in toolkit.get_tools()] == expected

    @pytest.mark.skipif(sys.platform == "win32", reason="makes links")
    def test_folders_are_resolved_once(self, folder: Path, settings: dict[str, Any]) -> None:
        """A link that changes after the toolkit was made has no effect on its tools."""
        (folder / "link").symlink_to(folder / "in")
        toolkit = ApertisAudioToolkit(inputs=folder / "link", output=folder / "out", **settings)
        (folder / "link").unlink()
        (folder / "link").symlink_to("/")
        (folder / "out").symlink_to("/")
        for made in (toolkit, toolkit.model_copy(), pickle.loads(pickle.dumps(toolkit))):
            tool = made.get_tools()[0]
            assert isinstance(tool, TranscribeAudio)
            assert tool.access.inputs == (folder / "in",)
            assert tool.access.output == folder / "out"
        (folder / "out").unlink()
        tool = toolkit.model_copy(update={"inputs": folder}).get_tools()[0]
        assert isinstance(tool, TranscribeAudio)
        assert tool.access.inputs == (folder,)

    def test_options_reach_the_tools(self, access: FileAccess, settings: dict[str, Any]) -> None:
        """The tools have the models, voice and format of the toolkit, and share a client."""
        toolkit = ApertisAudioToolkit(
            access=access,
            transcription_model="gpt-4o-transcribe",
            speech_model="tts-1-hd",
            chat_model="gpt-audio",
            voice="nova",
            audio_format="wav",
            ask_max_seconds=60.0,
            **settings,
        )
        transcribe, translate, ask, speak, _ = toolkit.get_tools()
        assert isinstance(speak, SpeakText)
        assert isinstance(transcribe, TranscribeAudio)
        assert isinstance(translate, TranslateAudio)
        assert isinstance(ask, AskAboutAudio)
        assert (transcribe.model, translate.model) == ("gpt-4o-transcribe", "gpt-4o-transcribe")
        assert (speak.model, speak.voice, speak.audio_format) == ("tts-1-hd", "nova", "wav")
        assert (ask.model, ask.max_seconds) == ("gpt-audio", 60.0)
        assert len({id(tool.client) for tool in (transcribe, translate, ask, speak)}) == 1

    def test_no_folders(self, settings: dict[str, Any]) -> None:
        """A toolkit without a folder, or with a missing one, is refused."""
        with pytest.raises(ConfigurationError, match="a folder to read from"):
            ApertisAudioToolkit(**settings)
        with pytest.raises(AccessError, match="There is no folder"):
            ApertisAudioToolkit(inputs="nowhere", **settings)

    def test_access_and_folders(self, access: FileAccess, settings: dict[str, Any]) -> None:
        """Folders next to a file access are refused."""
        with pytest.raises(ConfigurationError, match="not both"):
            ApertisAudioToolkit(access=access, output="out", **settings)


def test_connections_are_closed(access: FileAccess) -> None:
    """A tool that is no longer referenced has closed its connections."""
    with LoopbackServer([recognise_by_digest()]) as server:
        TranscribeAudio(access=access, api_key="sk-tools", base_url=server.url).invoke("clip.ogg")
        server.wait_until_disconnected()
