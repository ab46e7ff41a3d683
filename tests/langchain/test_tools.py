"""The tools of LangChain, used as an agent uses them."""

import asyncio
import base64
import json
import shutil
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
from support.digest_recogniser import hears
from support.loopback import Loopback
from support.scripted_responses import error

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
    """Calls a tool as a model does, in either colour, and gives the message for the model."""

    def used(tool: BaseTool, **arguments: Any) -> ToolMessage:
        call = {"type": "tool_call", "id": "call-1", "name": tool.name, "args": arguments}
        message = tool.invoke(call) if request.param == "sync" else asyncio.run(tool.ainvoke(call))
        assert isinstance(message, ToolMessage)
        return message

    return used


class TestOutcomes:
    """What a tool gives to the model, and what to the program."""

    def test_transcribing(self, use: Use, access: FileAccess, settings: dict[str, Any]) -> None:
        """The model reads words with times; the program gets the whole transcript."""
        message = use(TranscribeAudio(access=access, **settings), path="clip.ogg", language="en")
        assert message.content == "[00:00:00] The meeting is tomorrow."
        assert message.status == "success"
        assert message.artifact["transcript"] == "The meeting is tomorrow."
        assert message.artifact["duration"] == pytest.approx(1.24)

    def test_speaking(self, use: Use, access: FileAccess, settings: dict[str, Any]) -> None:
        """The model reads a file's name; the program gets where it is; no sound is in either."""
        message = use(SpeakText(access=access, voice="nova", **settings), text="Thursday.")
        spoken = Path(message.artifact["path"])
        assert spoken.name in message.content
        assert spoken.parent == access.output
        assert base64.b64encode(spoken.read_bytes())[:40].decode() not in message.model_dump_json()

    def test_what_was_spoken_can_be_heard(
        self, use: Use, access: FileAccess, settings: dict[str, Any]
    ) -> None:
        """One tool's file is another tool's recording."""
        spoken = use(SpeakText(access=access, audio_format="wav", **settings), text="Good morning.")
        name = Path(spoken.artifact["path"]).name
        asking = AskAboutAudio(access=access, **settings)
        assert "morning" in use(asking, path=name, question="What is said?").content

    def test_translating(self, use: Use, access: FileAccess, settings: dict[str, Any]) -> None:
        """A translation is asked for as such."""
        message = use(TranslateAudio(access=access, **settings), path="clip.ogg")
        assert message.artifact["task"] == "translate"

    def test_without_a_call_it_is_a_text(
        self, access: FileAccess, settings: dict[str, Any]
    ) -> None:
        """Given arguments, or a mere string, a tool gives a mere string."""
        tool = TranscribeAudio(access=access, **settings)
        expected = "[00:00:00] The meeting is tomorrow."
        assert tool.invoke({"path": "clip.ogg"}) == tool.invoke("clip.ogg") == expected

    def test_artifacts_are_json(
        self, use: Use, access: FileAccess, settings: dict[str, Any]
    ) -> None:
        """Artifacts can be written down."""
        message = use(AskAboutAudio(access=access, **settings), path="clip.ogg", question="Who?")
        assert json.loads(json.dumps(message.artifact)) == message.artifact
        assert message.artifact["usage"]["input_tokens"] > 0


class TestFailures:
    """A model gets one sentence it can act on, and the agent goes on."""

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ({"path": "../secret.ogg"}, "outside of the folders this tool may read"),
            ({"path": "other.ogg"}, "There is no file 'other.ogg'. There are: 'clip.ogg'."),
            ({}, "transcribe_audio, path: Field required."),
            ({"path": "clip.ogg", "loud": True}, "transcribe_audio, loud: Extra inputs are not"),
            ({"path": "clip.ogg", "language": "Welsh"}, "transcribe_audio, language: String"),
        ],
    )
    def test_mistakes(
        self,
        use: Use,
        access: FileAccess,
        settings: dict[str, Any],
        arguments: dict[str, Any],
        said: str,
    ) -> None:
        """A wrong path or argument is answered with what is wrong."""
        message = use(TranscribeAudio(access=access, **settings), **arguments)
        assert message.status == "error"
        assert said in message.content
        assert "\n" not in message.content

    def test_too_long_to_ask_about(
        self, use: Use, access: FileAccess, settings: dict[str, Any]
    ) -> None:
        """A recording that would cost too much to listen to is answered with what to use."""
        tool = AskAboutAudio(access=access, max_seconds=1.0, **settings)
        message = use(tool, path="clip.ogg", question="Who speaks?")
        assert message.status == "error"
        assert "up to 1 s. To read what is said in it, use transcribe_audio." in message.content

    def test_the_services_part(self, use: Use, access: FileAccess) -> None:
        """A refusal of the service is a sentence as well."""
        with Loopback([error(402)]) as server:
            tool = TranscribeAudio(access=access, api_key="sk-tools", base_url=server.url)
            message = use(tool, path="clip.ogg")
        assert message.status == "error"
        assert "sk-tools" not in message.content

    def test_on_request_they_are_raised(self, access: FileAccess, settings: dict[str, Any]) -> None:
        """Who wants exceptions gets them."""
        tool = TranscribeAudio(access=access, handle_tool_error=False, **settings)
        with pytest.raises(ToolException, match="There is no file"):
            tool.invoke({"path": "other.ogg"})


class TestDeclarations:
    """What a model reads of a tool before it calls it."""

    def test_schemas(self, access: FileAccess, settings: dict[str, Any]) -> None:
        """Every argument is described, and nothing else may be passed."""
        toolkit = ApertisAudioToolkit(access=access, **settings)
        for tool in toolkit.get_tools():
            declared = convert_to_openai_tool(tool)["function"]
            assert len(declared["description"]) > 40
            properties = declared["parameters"]["properties"]
            assert properties
            assert all(each["description"] for each in properties.values())

    def test_another_name(self, access: FileAccess, settings: dict[str, Any]) -> None:
        """Names and descriptions can be the user's own."""
        tool = TranscribeAudio(access=access, name="listen", description="Listen.", **settings)
        assert convert_to_openai_tool(tool)["function"]["name"] == "listen"


class TestSettings:
    """What cannot be is refused when a tool is made."""

    def test_no_key(self, access: FileAccess) -> None:
        """Without a key it is said at once."""
        with pytest.raises(ConfigurationError, match="There is no API key"):
            TranscribeAudio(access=access)

    def test_misspelt(self, access: FileAccess) -> None:
        """An argument that there is not is refused, without showing any."""
        misspelt: Any = {"api_key": "sk-never-shown", "modle": "whisper-1"}
        with pytest.raises(ValidationError, match="modle") as refused:
            TranscribeAudio(access=access, **misspelt)
        assert "sk-never-shown" not in str(refused.value)

    def test_client_and_settings(self, access: FileAccess) -> None:
        """A client has settings of its own; the environment's are not in its way."""
        with (
            Loopback([hears()]) as server,
            server.client() as client,
            pytest.raises(ConfigurationError, match="its own timeout"),
        ):
            TranscribeAudio(access=access, client=client, timeout=1.0)

    def test_a_shared_client_and_the_environment(
        self, use: Use, access: FileAccess, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A client that was given is asked, whatever the environment says."""
        monkeypatch.setenv("APERTIS_BASE_URL", "http://127.0.0.1:9/v1")
        with Loopback([hears()]) as server, server.client() as client:
            use(TranscribeAudio(access=access, client=client), path="clip.ogg")
            assert len(server.requests) == 1

    def test_settings_stay(self, access: FileAccess, settings: dict[str, Any]) -> None:
        """A setting that would not be used any more cannot be changed."""
        tool = TranscribeAudio(access=access, **settings)
        with pytest.raises(ValidationError, match="frozen"):
            tool.model = "gpt-4o-transcribe"

    def test_the_key_is_never_shown(self, access: FileAccess) -> None:
        """No printout of a tool or toolkit has the key."""
        settings: dict[str, Any] = {
            "api_key": "sk-never-shown",
            "base_url": "http://127.0.0.1:9/v1",
        }
        tool = TranscribeAudio(access=access, **settings)
        toolkit = ApertisAudioToolkit(access=access, **settings)
        shown = [repr(tool), str(tool.model_dump()), repr(toolkit), str(toolkit.model_dump())]
        assert "sk-never-shown" not in "".join(shown)


class TestToolkit:
    """All tools at once."""

    @pytest.mark.parametrize(
        ("places", "expected"),
        [
            ({"inputs": "in", "output": "out"}, [*READING, "speak_text"]),
            ({"inputs": "in"}, READING),
            ({"output": "out"}, ["speak_text"]),
        ],
    )
    def test_tools(
        self, folder: Path, settings: dict[str, Any], places: dict[str, str], expected: list[str]
    ) -> None:
        """A model is offered what the folders allow, and nothing else."""
        there: dict[str, Any] = {name: folder / place for name, place in places.items()}
        toolkit = ApertisAudioToolkit(**there, **settings)
        assert [tool.name for tool in toolkit.get_tools()] == expected

    def test_options_reach_the_tools(self, access: FileAccess, settings: dict[str, Any]) -> None:
        """Models, voice and format are those of the toolkit, on one client."""
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
        transcribe, translate, ask, speak = toolkit.get_tools()
        assert isinstance(speak, SpeakText)
        assert isinstance(transcribe, TranscribeAudio)
        assert isinstance(translate, TranslateAudio)
        assert isinstance(ask, AskAboutAudio)
        assert (transcribe.model, translate.model) == ("gpt-4o-transcribe", "gpt-4o-transcribe")
        assert (speak.model, speak.voice, speak.audio_format) == ("tts-1-hd", "nova", "wav")
        assert (ask.model, ask.max_seconds) == ("gpt-audio", 60.0)
        assert len({id(tool.client) for tool in (transcribe, translate, ask, speak)}) == 1

    def test_no_folders(self, settings: dict[str, Any]) -> None:
        """Tools without a folder are refused, and so is a folder that is not there."""
        with pytest.raises(ConfigurationError, match="a folder to read from"):
            ApertisAudioToolkit(**settings)
        with pytest.raises(AccessError, match="There is no folder"):
            ApertisAudioToolkit(inputs="nowhere", **settings)

    def test_access_or_folders(self, access: FileAccess, settings: dict[str, Any]) -> None:
        """Folders are given once."""
        with pytest.raises(ConfigurationError, match="not both"):
            ApertisAudioToolkit(access=access, output="out", **settings)


def test_connections_of_forgotten_tools_are_closed(access: FileAccess) -> None:
    """A tool that nobody holds any more has hung up."""
    with Loopback([hears()]) as server:
        TranscribeAudio(access=access, api_key="sk-tools", base_url=server.url).invoke("clip.ogg")
        server.wait_until_disconnected()
