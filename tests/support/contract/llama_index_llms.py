"""Tests of a chat model that calls tools and accepts audio, for any model of LlamaIndex.

They make the assertions that LlamaIndex's agents rely on, in addition to `ChatContract`.
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
    CHATS,
    PREDICTIONS,
    PROMPT,
    TOOL_CHATS,
    TOOL_PREDICTIONS,
    WEATHER,
    Method,
    Place,
    audio_message,
    make_tools,
    run_agent,
)
from support.contract.llama_index_chat import ChatContract


class ToolCallingContract(ChatContract):
    """Tests of a model that chats and calls tools."""

    @pytest.fixture
    @abstractmethod
    def llm(self) -> FunctionCallingLLM:
        """Return the model; `load_llm` has to know its class."""

    @pytest.fixture(params=TOOL_CHATS)
    def chat_with_tools(self, request: pytest.FixtureRequest) -> Method:
        """Return each of the four variants of ``chat_with_tools``."""
        return TOOL_CHATS[request.param]

    # --- tools

    def test_calls_tools(self, llm: FunctionCallingLLM) -> None:
        """Class and metadata show agents that the model calls tools."""
        assert FunctionCallingLLM.__name__ in {base.__name__ for base in type(llm).__mro__}
        assert llm.metadata.is_function_calling_model

    def test_calls(self, llm: FunctionCallingLLM, chat_with_tools: Method) -> None:
        """A tool is called with arguments, and the caller's history is not changed."""
        history = [ChatMessage(role="system", content="Be brief.")]
        response = chat_with_tools(llm, make_tools(), user_msg=WEATHER, chat_history=history)[-1]
        (call,) = llm.get_tool_calls_from_response(response)
        assert (call.tool_name, call.tool_kwargs) == ("get_weather", {"city": "Lisbon"})
        assert call.tool_id
        assert len(history) == 1

    def test_partial_calls(self, llm: FunctionCallingLLM, chat_with_tools: Method) -> None:
        """The calls of every chunk of a stream can be read, as agents do."""
        for response in chat_with_tools(llm, make_tools(), user_msg=WEATHER):
            for call in llm.get_tool_calls_from_response(response, error_on_no_tool_call=False):
                assert isinstance(call.tool_kwargs, dict)

    def test_no_call(self, llm: FunctionCallingLLM, chat_with_tools: Method) -> None:
        """Without a call, the caller gets an empty list, or an error by default."""
        response = chat_with_tools(llm, make_tools(), user_msg=PROMPT)[-1]
        assert llm.get_tool_calls_from_response(response, error_on_no_tool_call=False) == []
        with pytest.raises(ValueError, match=r"."):
            llm.get_tool_calls_from_response(response)

    def test_required_call(self, llm: FunctionCallingLLM, chat_with_tools: Method) -> None:
        """The caller can require a call, or the call of one tool."""
        required = chat_with_tools(llm, make_tools(), user_msg=PROMPT, tool_required=True)[-1]
        assert llm.get_tool_calls_from_response(required)
        chosen = chat_with_tools(llm, make_tools(), user_msg=WEATHER, tool_choice="set_alarm")[-1]
        (call,) = llm.get_tool_calls_from_response(chosen)
        assert call.tool_name == "set_alarm"

    @pytest.mark.parametrize("is_parallel", [True, False])
    def test_parallel_calls(
        self,
        llm: FunctionCallingLLM,
        chat_with_tools: Method,
        is_parallel: bool,  # noqa: FBT001
    ) -> None:
        """Several tools are called at once only if the caller allows it."""
        response = chat_with_tools(
            llm, make_tools(), user_msg=BOTH, allow_parallel_tool_calls=is_parallel
        )[-1]
        assert len(llm.get_tool_calls_from_response(response)) == (2 if is_parallel else 1)

    def test_results(self, llm: FunctionCallingLLM, chat_with_tools: Method) -> None:
        """The result of a tool reaches the next turn, also if the history was stored as JSON."""
        history = [ChatMessage(content=WEATHER)]
        calling = chat_with_tools(llm, make_tools(), chat_history=history)[-1]
        (call,) = llm.get_tool_calls_from_response(calling)
        result = ChatMessage(
            role="tool", content="Fog.", additional_kwargs={"tool_call_id": call.tool_id}
        )
        history += [calling.message, result]
        stored = [ChatMessage.model_validate_json(each.model_dump_json()) for each in history]
        answer = chat_with_tools(llm, make_tools(), chat_history=stored)[-1]
        assert "Fog" in (answer.message.content or "")

    @pytest.mark.parametrize("mode", TOOL_PREDICTIONS)
    def test_predict_and_call(self, llm: FunctionCallingLLM, mode: str) -> None:
        """The tool that the model calls is run."""
        (answer,) = TOOL_PREDICTIONS[mode](llm, make_tools(), user_msg=WEATHER)
        assert answer.response == "Fog in Lisbon."

    # --- structured output

    @pytest.mark.parametrize("method", PREDICTIONS)
    def test_structured_predict(self, llm: FunctionCallingLLM, method: str) -> None:
        """An object of a class is predicted, whole and streamed."""
        prompt = PromptTemplate("Which city is '{name}'?")
        objects = PREDICTIONS[method](llm, Place, prompt, name="Lisbon")
        assert objects[-1] == Place(city="Lisbon")

    @pytest.mark.filterwarnings("ignore:The `json` method is deprecated")
    @pytest.mark.parametrize("method", CHATS)
    def test_structured_llm(self, llm: FunctionCallingLLM, method: str) -> None:
        """A structured model answers chats with objects of a class."""
        messages = [ChatMessage(content="Which city is 'Lisbon'?")]
        response = CHATS[method](llm.as_structured_llm(Place), messages)[-1]
        assert response.raw == Place(city="Lisbon")
        assert json.loads(response.message.content) == {"city": "Lisbon"}

    # --- agents

    @pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
    @pytest.mark.parametrize("streaming", [True, False])
    @pytest.mark.parametrize("kind", [FunctionAgent, AgentWorkflow])
    def test_agents(self, llm: FunctionCallingLLM, kind: type, streaming: bool) -> None:  # noqa: FBT001
        """An agent calls a tool, reads its result and answers, alone and in a workflow."""
        agent: Any = FunctionAgent(tools=make_tools(), llm=llm, streaming=streaming)
        answer = run_agent(agent if kind is FunctionAgent else AgentWorkflow([agent]), WEATHER)
        assert "Fog in Lisbon" in (answer.response.content or "")


class AudioContract(ToolCallingContract):
    """Tests of a model that accepts audio, in addition to those of a model that calls tools.

    Attributes:
        SPOKEN: Words of the recording.
    """

    SPOKEN: str

    @pytest.fixture
    @abstractmethod
    def clip(self) -> Path:
        """Return the path of a recording."""

    @pytest.fixture(params=["bytes", "base64", "file"])
    def block(self, request: pytest.FixtureRequest, clip: Path) -> Iterator[AudioBlock]:
        """Yield the recording in each form that a block can hold, except for its path."""
        with clip.open("rb") as file:
            blocks: dict[str, dict[str, Any]] = {
                "bytes": {"audio": clip.read_bytes()},
                "base64": {"audio": base64.b64encode(clip.read_bytes())},
                "file": {"audio": file, "format": clip.suffix[1:]},
            }
            yield AudioBlock(**blocks[request.param])

    def test_audio(self, llm: FunctionCallingLLM, chat: Method, clip: Path) -> None:
        """All variants of ``chat`` understand a recording."""
        answer = chat(llm, [audio_message(AudioBlock(path=clip))])[-1]
        assert self.SPOKEN in (answer.message.content or "")

    def test_audio_blocks(self, llm: FunctionCallingLLM, block: AudioBlock) -> None:
        """A block of any form can be sent twice, and is not changed."""
        before = block.model_copy()
        for _ in range(2):
            assert self.SPOKEN in (llm.chat([audio_message(block)]).message.content or "")
        assert block == before

    @pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
    @pytest.mark.parametrize("streaming", [True, False])
    def test_audio_in_agents(self, llm: FunctionCallingLLM, clip: Path, streaming: bool) -> None:  # noqa: FBT001
        """An agent understands a recording."""
        agent = FunctionAgent(tools=make_tools(), llm=llm, streaming=streaming)
        answer = run_agent(agent, ChatMessage(role="user", blocks=[AudioBlock(path=clip)]))
        assert self.SPOKEN in (answer.response.content or "")

    def test_audio_in_structured_predict(self, llm: FunctionCallingLLM, clip: Path) -> None:
        """A prompt for an object can hold a recording."""
        message = audio_message(AudioBlock(path=clip), "Which city is '{name}'?")
        prompt: Any = ChatPromptTemplate(message_templates=[message])
        assert llm.structured_predict(Place, prompt, name="Lisbon") == Place(city="Lisbon")
