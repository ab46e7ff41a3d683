"""The tool spec, its audio tools, and agents that use them."""

import asyncio
import inspect
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.agent.workflow import (
    AgentOutput,
    AgentWorkflow,
    FunctionAgent,
    ToolCallResult,
)
from llama_index.core.base.llms.types import AudioBlock, ChatMessage, TextBlock, ToolCallBlock
from llama_index.core.llms.mock import MockFunctionCallingLLM
from llama_index.core.tools import FunctionTool, ToolMetadata

from apertis_audio_tools import (
    AccessError,
    ApertisAudio,
    ConfigurationError,
    FileAccess,
    UnsupportedError,
)
from apertis_audio_tools.audio import probe
from apertis_audio_tools.llama_index import ApertisAudioToolSpec
from support.contract.llama_index_tools import ToolSpecContract

CLIP = Path(__file__).parents[1] / "clips" / "clip.ogg"


@pytest.fixture
def access(monday: Path, tmp_path: Path) -> FileAccess:
    (tmp_path / "in").mkdir()
    shutil.copy(monday, tmp_path / "in")
    shutil.copy(CLIP, tmp_path / "in")
    return FileAccess(tmp_path / "in", output=tmp_path / "out")


@pytest.fixture
def tool_spec(access: FileAccess, beacon_url: str) -> ApertisAudioToolSpec:
    return ApertisAudioToolSpec(access=access, api_key="sk-payg-1234", base_url=beacon_url)


def get_tool(tool_spec: ApertisAudioToolSpec, name: str) -> FunctionTool:
    tools = {tool.metadata.get_name(): tool for tool in tool_spec.to_tool_list()}
    return tools[name]


class TestContract(ToolSpecContract):
    WORKING = {  # noqa: RUF012  # a constant
        "transcribe_audio": {"path": "monday.mp3", "language": "en"},
        "translate_audio": {"path": "monday.mp3", "start": 20.0},
        "ask_about_audio": {"path": "clip.ogg", "question": "Who speaks?"},
        "speak_text": {"text": "Good morning."},
        "list_recordings": {},
    }
    FAILING = {  # noqa: RUF012  # a constant
        "transcribe_audio": {"path": "../../etc/passwd"},
        "translate_audio": {"path": "monday.mp3", "start": -1},
        "ask_about_audio": {"path": "clip.ogg"},
        "speak_text": {"text": ""},
        "list_recordings": {"start": -1},
    }

    @pytest.fixture
    def tool_spec(self, tool_spec: ApertisAudioToolSpec) -> ApertisAudioToolSpec:
        """Return a tool spec with all tools."""
        return tool_spec


MODES = pytest.mark.parametrize("mode", ["sync", "async"])


def call_tool(tool: FunctionTool, mode: str, **arguments: Any) -> Any:
    """Return the output of a tool, or raise its error as agents never do."""
    return tool.call(**arguments) if mode == "sync" else asyncio.run(tool.acall(**arguments))


@MODES
def test_ask_max_seconds(access: FileAccess, beacon_url: str, mode: str) -> None:
    """A question about a recording longer than the limit is an error."""
    tool_spec = ApertisAudioToolSpec(
        access=access, ask_max_seconds=20.0, api_key="sk-payg-1234", base_url=beacon_url
    )
    ask = get_tool(tool_spec, "ask_about_audio")
    with pytest.raises(UnsupportedError, match=r"lasts 40\.1 s; .* up to 20 s\."):
        call_tool(ask, mode, path="monday.mp3", question="Who speaks?")


@MODES
def test_transcribe(tool_spec: ApertisAudioToolSpec, mode: str) -> None:
    """A transcript is text with time codes, and facts for the program."""
    output = call_tool(get_tool(tool_spec, "transcribe_audio"), mode, path="monday.mp3")
    (block,) = output.blocks
    assert isinstance(block, TextBlock)
    assert block.text.startswith("[00:00:00] 00000 00001")
    assert output.raw_output["duration"] == pytest.approx(40, abs=0.1)


def test_arguments_by_position(tool_spec: ApertisAudioToolSpec) -> None:
    """Tools are called with arguments by position too; one too many is a sentence."""
    transcribe = get_tool(tool_spec, "transcribe_audio")
    assert transcribe("monday.mp3", "en", 30.0).content.startswith("[00:00:30]")
    with pytest.raises(UnsupportedError, match="accepts path, language, start, and no more"):
        transcribe("monday.mp3", "en", 20.0, "more")


def test_functions(tool_spec: ApertisAudioToolSpec) -> None:
    """The functions of the spec have typed signatures, and work without an agent."""
    parameters = inspect.signature(tool_spec.transcribe_audio).parameters
    assert list(parameters) == ["path", "language", "start"]
    sync_result = tool_spec.transcribe_audio("monday.mp3", start=30.0)
    async_result = asyncio.run(tool_spec.atranscribe_audio("monday.mp3", start=30.0))
    assert async_result.text == sync_result.text
    # The second one is read from memory, and costs nothing.
    assert async_result.artifact == {**sync_result.artifact, "cost": 0.0}
    assert sync_result.text.startswith("[00:00:30]")


@MODES
def test_speak(tool_spec: ApertisAudioToolSpec, access: FileAccess, mode: str) -> None:
    """Speech is text that any model can read; the path of the file is a fact for the program."""
    output = call_tool(get_tool(tool_spec, "speak_text"), mode, text="Good morning.")
    (text,) = output.blocks
    assert isinstance(text, TextBlock)
    path = Path(output.raw_output["path"])
    assert path.parent == access.output
    assert path.name in text.text
    assert probe(path).duration == pytest.approx(output.raw_output["duration"], abs=0.1)
    assert output.raw_output["media_type"] == "audio/mpeg"
    output.model_dump_json()


@MODES
def test_speak_with_audio_blocks(access: FileAccess, beacon_url: str, mode: str) -> None:
    """A program whose model hears can have an audio block with the path of the new file."""
    tool_spec = ApertisAudioToolSpec(
        access=access, audio_blocks=True, api_key="sk-payg-1234", base_url=beacon_url
    )
    output = call_tool(get_tool(tool_spec, "speak_text"), mode, text="Good morning.")
    text, audio = output.blocks
    assert isinstance(text, TextBlock)
    assert isinstance(audio, AudioBlock)
    assert audio.path is not None
    assert audio.path.parent == access.output
    assert (audio.format, audio.audio) == ("mp3", None)
    assert probe(audio.path).duration > 0.5
    assert audio.path.name in text.text


@MODES
def test_errors(tool_spec: ApertisAudioToolSpec, mode: str) -> None:
    """Tools raise their errors, which agents turn into results."""
    with pytest.raises(Exception, match=r"There is no file \'friday.mp3'. There are: 'clip.ogg'"):
        call_tool(get_tool(tool_spec, "transcribe_audio"), mode, path="friday.mp3")


@MODES
def test_names_of_files_in_folders_below(
    tool_spec: ApertisAudioToolSpec, access: FileAccess, mode: str
) -> None:
    """A name without its folder finds the only such file; of several, the error has the paths."""
    transcribe = get_tool(tool_spec, "transcribe_audio")
    for folder in ("team", "board"):
        (access.inputs[0] / folder).mkdir()
    shutil.copy(access.inputs[0] / "clip.ogg", access.inputs[0] / "team" / "LOUD.OGG")
    assert call_tool(transcribe, mode, path="LOUD.OGG").content
    shutil.copy(access.inputs[0] / "clip.ogg", access.inputs[0] / "board" / "LOUD.OGG")
    with pytest.raises(AccessError, match=r"Several .*: 'board/LOUD\.OGG', 'team/LOUD\.OGG'"):
        call_tool(transcribe, mode, path="LOUD.OGG")


@pytest.mark.parametrize("language", ["English", "en", "EN-us", "ga"])
def test_languages(tool_spec: ApertisAudioToolSpec, language: str) -> None:
    """A model may write the code or the English name of a language."""
    tool = get_tool(tool_spec, "transcribe_audio")
    assert tool.call(path="clip.ogg", language=language).content


@pytest.mark.parametrize("arguments", [{"language": "Englisch!"}, {"language": ""}])
def test_unknown_languages(tool_spec: ApertisAudioToolSpec, arguments: dict[str, str]) -> None:
    """Anything else is refused with a sentence that a model can act on."""
    tool = get_tool(tool_spec, "transcribe_audio")
    with pytest.raises(UnsupportedError, match="is no language; use a code such as 'en'"):
        tool.call(path="clip.ogg", **arguments)


def test_folders(tmp_path: Path, beacon_url: str) -> None:
    """Only tools whose folder is given are listed; without any folder, it is an error."""
    settings: dict[str, Any] = {"api_key": "sk-payg-1234", "base_url": beacon_url}
    reading_only = ApertisAudioToolSpec(tmp_path, **settings)
    assert [tool.metadata.name for tool in reading_only.to_tool_list()] == [
        *("transcribe_audio", "translate_audio", "ask_about_audio", "list_recordings")
    ]
    both = ApertisAudioToolSpec([tmp_path], tmp_path / "out", **settings)
    assert len(both.to_tool_list()) == 5
    with pytest.raises(ConfigurationError, match="Tools need a folder"):
        ApertisAudioToolSpec(**settings)
    with pytest.raises(ConfigurationError, match="not both"):
        ApertisAudioToolSpec(tmp_path, access=FileAccess(tmp_path), **settings)


def test_metadata_mapping(tool_spec: ApertisAudioToolSpec) -> None:
    """The caller can replace the metadata of a tool."""
    metadata = ToolMetadata(name="listen", description="Listen.")
    tools = tool_spec.to_tool_list(func_to_metadata_mapping={"transcribe_audio": metadata})
    assert tools[0].metadata.name == "listen"
    assert tools[1].metadata.name == "translate_audio"


def test_settings(access: FileAccess) -> None:
    """A client is accepted in place of settings; unknown settings and no key are errors."""
    with ApertisAudio("sk-payg-1234", base_url="http://127.0.0.1:9/v1") as client:
        assert ApertisAudioToolSpec(access=access, client=client).spec_functions
    with pytest.raises(ConfigurationError, match="There is no API key"):
        ApertisAudioToolSpec(access=access)
    with pytest.raises(ValueError, match="modle"):
        ApertisAudioToolSpec(access=access, modle="whisper-1")  # type: ignore[call-arg]


def test_no_plain_key_in_frames() -> None:
    """An error of the constructor leaves no plain key in the frames of this package."""
    key = "sk-very-secret"
    with pytest.raises(ConfigurationError) as caught:
        ApertisAudioToolSpec(api_key=key)
    frames = [each.frame for each in caught.traceback]
    ours = [f for f in frames if f.f_globals["__name__"].startswith("apertis_audio_tools")]
    assert ours
    assert key not in "".join(repr(frame.f_locals) for frame in ours)


class ScriptedModel:
    """A model that calls one tool of its script per turn, and then repeats the last result."""

    def __init__(self, *script: tuple[str, dict[str, Any]]) -> None:
        self._script = list(script)

    def __call__(self, messages: Sequence[ChatMessage], **_: Any) -> ChatMessage:
        """Return the next message of the model."""
        turn = sum(message.role == "tool" for message in messages)
        if turn == len(self._script):
            return ChatMessage(role="assistant", content=f"Result: {messages[-1].content}")
        name, arguments = self._script[turn]
        block = ToolCallBlock(tool_call_id=f"{turn}", tool_name=name, tool_kwargs=arguments)
        return ChatMessage(role="assistant", blocks=[block])


def run_agent(agent: Any) -> tuple[AgentOutput, list[ToolCallResult]]:
    """Return the answer of an agent and the results of its tools."""

    async def run() -> tuple[AgentOutput, list[ToolCallResult]]:
        handler = agent.run(user_msg="Go on.")
        results = [
            each async for each in handler.stream_events() if isinstance(each, ToolCallResult)
        ]
        answer = await handler
        json.dumps(handler.ctx.to_dict())
        return answer, results

    return asyncio.run(run())


def make_agent(
    tool_spec: ApertisAudioToolSpec, *script: tuple[str, dict[str, Any]]
) -> FunctionAgent:
    llm = MockFunctionCallingLLM(response_generator=ScriptedModel(*script), is_chat_model=True)
    tools: list[Any] = list(tool_spec.to_tool_list())
    return FunctionAgent(tools=tools, llm=llm, streaming=False)


# Workflows inspect all members of an agent, including the deprecated ones of pydantic.
@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
@pytest.mark.filterwarnings("ignore:Skipping serialization of known unserializable key")
class TestAgents:
    def test_function_agent(self, tool_spec: ApertisAudioToolSpec) -> None:
        """An agent calls a tool that speaks and one that transcribes."""
        agent = make_agent(
            tool_spec,
            ("speak_text", {"text": "Good morning."}),
            ("transcribe_audio", {"path": "monday.mp3"}),
        )
        answer, (speech, transcript) = run_agent(agent)
        assert Path(speech.tool_output.raw_output["path"]).exists()
        assert not transcript.tool_output.is_error
        assert "00000 00001" in (answer.response.content or "")

    def test_errors_reach_the_model(self, tool_spec: ApertisAudioToolSpec) -> None:
        """The model gets the error of a tool as a result, and the run continues."""
        agent = make_agent(tool_spec, ("transcribe_audio", {"path": "friday.mp3"}))
        answer, (result,) = run_agent(agent)
        assert result.tool_output.is_error
        assert "There is no file 'friday.mp3'" in (answer.response.content or "")

    def test_workflow(self, tool_spec: ApertisAudioToolSpec) -> None:
        """A workflow of agents calls a tool."""
        agent = make_agent(tool_spec, ("transcribe_audio", {"path": "monday.mp3"}))
        answer, _ = run_agent(AgentWorkflow(agents=[agent]))
        assert "00000 00001" in (answer.response.content or "")
