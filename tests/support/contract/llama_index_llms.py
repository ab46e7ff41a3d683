"""What LlamaIndex's agents expect of a model that calls tools and hears, as tests for any model.

What they expect of every model is in `ChattingContract`, which says more about the whole.
"""

import base64
import json
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import AudioBlock, ChatMessage
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.prompts import ChatPromptTemplate, PromptTemplate

from support.contract.llama_index_calls import (
    BOTH,
    CALLS,
    CHATS,
    PREDICTIONS,
    PROMPT,
    TOOL_CHATS,
    WEATHER,
    Ask,
    Place,
    asked,
    played,
    tools,
)
from support.contract.llama_index_chat import ChattingContract


class LLMContract(ChattingContract):
    """A model that chats and calls tools."""

    @pytest.fixture
    @abstractmethod
    def llm(self) -> FunctionCallingLLM:
        """The model; `load_llm` knows its class."""

    @pytest.fixture(params=TOOL_CHATS)
    def chat_with_tools(self, request: pytest.FixtureRequest) -> Ask:
        """Chats with tools, in each of the four ways."""
        return TOOL_CHATS[request.param]

    # --- tools

    def test_calls_tools(self, llm: FunctionCallingLLM) -> None:
        """Agents take it for one that calls tools, by its class and by what it says."""
        assert FunctionCallingLLM.__name__ in {base.__name__ for base in type(llm).__mro__}
        assert llm.metadata.is_function_calling_model

    def test_calls(self, llm: FunctionCallingLLM, chat_with_tools: Ask) -> None:
        """A tool is called with arguments, and the caller's history stays as it is."""
        history = [ChatMessage(role="system", content="Be brief.")]
        found = chat_with_tools(llm, tools(), user_msg=WEATHER, chat_history=history)
        (call,) = llm.get_tool_calls_from_response(found[-1])
        assert (call.tool_name, call.tool_kwargs) == ("get_weather", {"city": "Lisbon"})
        assert call.tool_id
        assert len(history) == 1

    def test_calls_so_far(self, llm: FunctionCallingLLM, chat_with_tools: Ask) -> None:
        """Agents read the calls of every piece of a stream."""
        for piece in chat_with_tools(llm, tools(), user_msg=WEATHER):
            for call in llm.get_tool_calls_from_response(piece, error_on_no_tool_call=False):
                assert isinstance(call.tool_kwargs, dict)

    def test_no_call(self, llm: FunctionCallingLLM, chat_with_tools: Ask) -> None:
        """Who has to have a call hears that there is none; others get an empty list."""
        found = chat_with_tools(llm, tools(), user_msg=PROMPT)[-1]
        assert llm.get_tool_calls_from_response(found, error_on_no_tool_call=False) == []
        with pytest.raises(ValueError, match=r"."):
            llm.get_tool_calls_from_response(found)

    def test_required_call(self, llm: FunctionCallingLLM, chat_with_tools: Ask) -> None:
        """A call can be required, or one of a certain tool."""
        required = chat_with_tools(llm, tools(), user_msg=PROMPT, tool_required=True)[-1]
        assert llm.get_tool_calls_from_response(required)
        chosen = chat_with_tools(llm, tools(), user_msg=WEATHER, tool_choice="set_alarm")[-1]
        (call,) = llm.get_tool_calls_from_response(chosen)
        assert call.tool_name == "set_alarm"

    def test_parallel_calls(self, llm: FunctionCallingLLM, chat_with_tools: Ask) -> None:
        """Several tools are called at once, if they may be."""
        both = chat_with_tools(llm, tools(), user_msg=BOTH, allow_parallel_tool_calls=True)[-1]
        assert len(llm.get_tool_calls_from_response(both)) == 2
        one = chat_with_tools(llm, tools(), user_msg=BOTH, allow_parallel_tool_calls=False)[-1]
        assert len(llm.get_tool_calls_from_response(one)) == 1

    def test_results(self, llm: FunctionCallingLLM, chat_with_tools: Ask) -> None:
        """What a tool answered reaches the next turn, also after the history was stored."""
        history = [ChatMessage(content=WEATHER)]
        called = chat_with_tools(llm, tools(), chat_history=history)[-1]
        (call,) = llm.get_tool_calls_from_response(called)
        result = ChatMessage(
            role="tool", content="Fog.", additional_kwargs={"tool_call_id": call.tool_id}
        )
        history += [called.message, result]
        stored = [ChatMessage.model_validate_json(each.model_dump_json()) for each in history]
        answer = chat_with_tools(llm, tools(), chat_history=stored)[-1]
        assert "Fog" in (answer.message.content or "")

    @pytest.mark.parametrize("colour", CALLS)
    def test_predict_and_call(self, llm: FunctionCallingLLM, colour: str) -> None:
        """The model calls, and the tool is run."""
        (answer,) = CALLS[colour](llm, tools(), user_msg=WEATHER)
        assert answer.response == "Fog in Lisbon."

    # --- objects

    @pytest.mark.parametrize("way", PREDICTIONS)
    def test_structured_predict(self, llm: FunctionCallingLLM, way: str) -> None:
        """An object of a class is predicted, whole and in pieces."""
        prompt = PromptTemplate("Which city is '{name}'?")
        found = PREDICTIONS[way](llm, Place, prompt, name="Lisbon")
        assert found[-1] == Place(city="Lisbon")

    @pytest.mark.filterwarnings("ignore:The `json` method is deprecated")
    @pytest.mark.parametrize("way", CHATS)
    def test_structured_llm(self, llm: FunctionCallingLLM, way: str) -> None:
        """So is one by a model that answers in such objects only."""
        messages = [ChatMessage(content="Which city is 'Lisbon'?")]
        found = CHATS[way](llm.as_structured_llm(Place), messages)[-1]
        assert found.raw == Place(city="Lisbon")
        assert json.loads(found.message.content) == {"city": "Lisbon"}

    # --- agents

    @pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
    @pytest.mark.parametrize("streaming", [True, False])
    @pytest.mark.parametrize("kind", [FunctionAgent, AgentWorkflow])
    def test_agents(self, llm: FunctionCallingLLM, kind: type, streaming: bool) -> None:  # noqa: FBT001
        """An agent calls a tool, reads its result and answers; streaming or not, alone or not."""
        agent: Any = FunctionAgent(tools=tools(), llm=llm, streaming=streaming)
        answer = asked(agent if kind is FunctionAgent else AgentWorkflow([agent]), WEATHER)
        assert "Fog in Lisbon" in (answer.response.content or "")


class HearingContract(LLMContract):
    """A model that hears as well.

    Attributes:
        SPOKEN: Words of the recording.
    """

    SPOKEN: str

    @pytest.fixture
    @abstractmethod
    def clip(self) -> Path:
        """A recording."""

    @pytest.fixture(params=["bytes", "base64", "file"])
    def block(self, request: pytest.FixtureRequest, clip: Path) -> Iterator[AudioBlock]:
        """The recording, in each of the ways but by its path that a block can have it."""
        with clip.open("rb") as file:
            blocks: dict[str, dict[str, Any]] = {
                "bytes": {"audio": clip.read_bytes()},
                "base64": {"audio": base64.b64encode(clip.read_bytes())},
                "file": {"audio": file, "format": clip.suffix[1:]},
            }
            yield AudioBlock(**blocks[request.param])

    def test_hears(self, llm: FunctionCallingLLM, chat: Ask, clip: Path) -> None:
        """A recording is heard, however the model is asked."""
        answer = chat(llm, [played(AudioBlock(path=clip))])[-1]
        assert self.SPOKEN in (answer.message.content or "")

    def test_hears_any_block(self, llm: FunctionCallingLLM, block: AudioBlock) -> None:
        """It is heard whatever the block has it in, again and again, and the block stays."""
        before = block.model_copy()
        for _ in range(2):
            assert self.SPOKEN in (llm.chat([played(block)]).message.content or "")
        assert block == before

    @pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
    @pytest.mark.parametrize("streaming", [True, False])
    def test_agents_hear(self, llm: FunctionCallingLLM, clip: Path, streaming: bool) -> None:  # noqa: FBT001
        """An agent can be spoken to."""
        agent = FunctionAgent(tools=tools(), llm=llm, streaming=streaming)
        answer = asked(agent, ChatMessage(role="user", blocks=[AudioBlock(path=clip)]))
        assert self.SPOKEN in (answer.response.content or "")

    def test_structured_predict_hears(self, llm: FunctionCallingLLM, clip: Path) -> None:
        """A prompt for an object can have a recording."""
        message = played(AudioBlock(path=clip), "Which city is '{name}'?")
        prompt: Any = ChatPromptTemplate(message_templates=[message])
        assert llm.structured_predict(Place, prompt, name="Lisbon") == Place(city="Lisbon")
