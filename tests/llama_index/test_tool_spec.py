"""The tool spec: LlamaIndex's contract, what is particular to sound, and an agent that uses it."""

import asyncio
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

from apertis_audio_tools import ApertisAudio, ConfigurationError, FileAccess, UnsupportedError
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
    return ApertisAudioToolSpec(access=access, api_key="sk-payg", base_url=beacon_url)


def tool_of(tool_spec: ApertisAudioToolSpec, name: str) -> FunctionTool:
    found = {tool.metadata.get_name(): tool for tool in tool_spec.to_tool_list()}
    return found[name]


class TestContract(ToolSpecContract):
    WORKING = {  # noqa: RUF012  # a constant
        "transcribe_audio": {"path": "monday.mp3", "language": "en"},
        "translate_audio": {"path": "monday.mp3", "start": 20.0},
        "ask_about_audio": {"path": "clip.ogg", "question": "Who speaks?"},
        "speak_text": {"text": "Good morning."},
    }
    FAILING = {  # noqa: RUF012  # a constant
        "transcribe_audio": {"path": "../../etc/passwd"},
        "translate_audio": {"path": "monday.mp3", "start": -1},
        "ask_about_audio": {"path": "clip.ogg"},
        "speak_text": {"text": ""},
    }

    @pytest.fixture
    def tool_spec(self, tool_spec: ApertisAudioToolSpec) -> ApertisAudioToolSpec:
        """All four tools."""
        return tool_spec


COLOURS = pytest.mark.parametrize("colour", ["sync", "async"])


def used(tool: FunctionTool, colour: str, **arguments: Any) -> Any:
    """What a tool gives, without an agent that would catch its errors."""
    return tool.call(**arguments) if colour == "sync" else asyncio.run(tool.acall(**arguments))


@COLOURS
def test_too_long_to_ask_about(access: FileAccess, beacon_url: str, colour: str) -> None:
    """A recording that would cost too much to listen to is refused; the limit can be set."""
    tool_spec = ApertisAudioToolSpec(
        access=access, ask_max_seconds=20.0, api_key="sk-payg", base_url=beacon_url
    )
    ask = tool_of(tool_spec, "ask_about_audio")
    with pytest.raises(UnsupportedError, match=r"lasts 40 s; .* up to 20 s\."):
        used(ask, colour, path="monday.mp3", question="Who speaks?")


@COLOURS
def test_transcribing(tool_spec: ApertisAudioToolSpec, colour: str) -> None:
    """A transcript is text with times."""
    output = used(tool_of(tool_spec, "transcribe_audio"), colour, path="monday.mp3")
    (block,) = output.blocks
    assert isinstance(block, TextBlock)
    assert block.text.startswith("[00:00:00] 00000 00001")


@COLOURS
def test_speaking(tool_spec: ApertisAudioToolSpec, access: FileAccess, colour: str) -> None:
    """Speech is told of in text, and is a file that the block points to."""
    output = used(tool_of(tool_spec, "speak_text"), colour, text="Good morning.")
    told, spoken = output.blocks
    assert isinstance(told, TextBlock)
    assert isinstance(spoken, AudioBlock)
    assert spoken.path is not None
    assert spoken.path.parent == access.output
    assert (spoken.format, spoken.audio) == ("mp3", None)
    assert probe(spoken.path).duration > 0.5
    assert spoken.path.name in told.text


@COLOURS
def test_refusing(tool_spec: ApertisAudioToolSpec, colour: str) -> None:
    """What goes wrong is an error of ours, which agents turn into a result."""
    with pytest.raises(Exception, match=r"There is no file \'friday.mp3'. There are: 'clip.ogg'"):
        used(tool_of(tool_spec, "transcribe_audio"), colour, path="friday.mp3")


def test_only_what_the_folders_allow(tmp_path: Path, beacon_url: str) -> None:
    """Without a folder to write to nothing is spoken; without any, there is nothing to do."""
    settings: dict[str, Any] = {"api_key": "sk-payg", "base_url": beacon_url}
    reading = ApertisAudioToolSpec(tmp_path, **settings)
    assert [tool.metadata.name for tool in reading.to_tool_list()] == [
        *("transcribe_audio", "translate_audio", "ask_about_audio")
    ]
    both = ApertisAudioToolSpec([tmp_path], tmp_path / "out", **settings)
    assert len(both.to_tool_list()) == 4
    with pytest.raises(ConfigurationError, match="Tools need a folder"):
        ApertisAudioToolSpec(**settings)
    with pytest.raises(ConfigurationError, match="not both"):
        ApertisAudioToolSpec(tmp_path, access=FileAccess(tmp_path), **settings)


def test_other_metadata(tool_spec: ApertisAudioToolSpec) -> None:
    """A program may describe a tool in its own words."""
    mine = ToolMetadata(name="listen", description="Listen.")
    tools = tool_spec.to_tool_list(func_to_metadata_mapping={"transcribe_audio": mine})
    assert tools[0].metadata.name == "listen"
    assert tools[1].metadata.name == "translate_audio"


def test_settings(access: FileAccess) -> None:
    """A client of the caller's will do; settings are checked, and a key is needed."""
    with ApertisAudio("sk-payg", base_url="http://127.0.0.1:9/v1") as client:
        assert ApertisAudioToolSpec(access=access, client=client).spec_functions
    with pytest.raises(ConfigurationError, match="There is no API key"):
        ApertisAudioToolSpec(access=access)
    with pytest.raises(ValueError, match="modle"):
        ApertisAudioToolSpec(access=access, modle="whisper-1")  # type: ignore[call-arg]


class Conductor:
    """A model that calls the tools of its script, one each turn, and then says what it heard."""

    def __init__(self, *script: tuple[str, dict[str, Any]]) -> None:
        self._script = list(script)

    def __call__(self, messages: Sequence[ChatMessage], **_: Any) -> ChatMessage:
        """Its turn."""
        turn = sum(message.role == "tool" for message in messages)
        if turn == len(self._script):
            return ChatMessage(role="assistant", content=f"I heard: {messages[-1].content}")
        name, arguments = self._script[turn]
        block = ToolCallBlock(tool_call_id=f"{turn}", tool_name=name, tool_kwargs=arguments)
        return ChatMessage(role="assistant", blocks=[block])


def asked(agent: Any) -> tuple[AgentOutput, list[ToolCallResult]]:
    """An agent's answer, and the results of its tools."""

    async def run() -> tuple[AgentOutput, list[ToolCallResult]]:
        handler = agent.run(user_msg="Go on.")
        results = [
            each async for each in handler.stream_events() if isinstance(each, ToolCallResult)
        ]
        answer = await handler
        json.dumps(handler.ctx.to_dict())
        return answer, results

    return asyncio.run(run())


def agent_of(tool_spec: ApertisAudioToolSpec, *script: tuple[str, dict[str, Any]]) -> FunctionAgent:
    llm = MockFunctionCallingLLM(response_generator=Conductor(*script), is_chat_model=True)
    tools: list[Any] = list(tool_spec.to_tool_list())
    return FunctionAgent(tools=tools, llm=llm, streaming=False)


# Workflows look at all members of an agent, the deprecated ones of pydantic too.
@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
@pytest.mark.filterwarnings("ignore:Skipping serialization of known unserializable key")
class TestAgents:
    def test_function_agent(self, tool_spec: ApertisAudioToolSpec) -> None:
        """An agent has something said, and reads what was said before."""
        agent = agent_of(
            tool_spec,
            ("speak_text", {"text": "Good morning."}),
            ("transcribe_audio", {"path": "monday.mp3"}),
        )
        answer, (spoken, heard) = asked(agent)
        assert isinstance(spoken.tool_output.blocks[1], AudioBlock)
        assert not heard.tool_output.is_error
        assert "00000 00001" in (answer.response.content or "")

    def test_errors_reach_the_model(self, tool_spec: ApertisAudioToolSpec) -> None:
        """A refusal is a result that the model reads, and the run goes on."""
        agent = agent_of(tool_spec, ("transcribe_audio", {"path": "friday.mp3"}))
        answer, (refused,) = asked(agent)
        assert refused.tool_output.is_error
        assert "There is no file 'friday.mp3'" in (answer.response.content or "")

    def test_workflow(self, tool_spec: ApertisAudioToolSpec) -> None:
        """So it is in a workflow of agents."""
        agent = agent_of(tool_spec, ("transcribe_audio", {"path": "monday.mp3"}))
        answer, _ = asked(AgentWorkflow(agents=[agent]))
        assert "00000 00001" in (answer.response.content or "")
