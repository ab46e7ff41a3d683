"""What LlamaIndex, its programs and its agents expect of a model, as tests for any model.

There is no conformance suite to install; this one makes the assertions of LlamaIndex's own tests of
models, and those its callers rely on. A subclass names the model; the questions are such that any
model should answer them well. `HearingContract` adds what models that hear owe.
"""

import asyncio
import base64
import copy
import json
import logging
import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import AudioBlock, ChatMessage, ChatResponse
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.loading import load_llm
from llama_index.core.prompts import ChatPromptTemplate, PromptTemplate

from contract.llama_index_asking import (
    BOTH,
    CALLS,
    CHATS,
    COMPLETIONS,
    PREDICTIONS,
    PROMPT,
    TOOL_CHATS,
    WEATHER,
    Ask,
    Counting,
    Listening,
    Place,
    Spanning,
    asked,
    listening,
    played,
    tools,
)


class LLMContract(ABC):
    """A model that chats and calls tools.

    Attributes:
        SECRET: What the model knows and must never write down.
    """

    SECRET: str = ""

    @pytest.fixture
    @abstractmethod
    def llm(self) -> FunctionCallingLLM:
        """The model; `load_llm` knows its class."""

    @pytest.fixture
    @abstractmethod
    def broken(self) -> FunctionCallingLLM:
        """The same, whose service does not work."""

    @pytest.fixture(params=CHATS)
    def chat(self, request: pytest.FixtureRequest) -> Ask:
        """Chats, in each of the four ways."""
        return CHATS[request.param]

    @pytest.fixture(params=COMPLETIONS)
    def complete(self, request: pytest.FixtureRequest) -> Ask:
        """Completes, in each of the four ways."""
        return COMPLETIONS[request.param]

    @pytest.fixture(params=TOOL_CHATS)
    def chat_with_tools(self, request: pytest.FixtureRequest) -> Ask:
        """Chats with tools, in each of the four ways."""
        return TOOL_CHATS[request.param]

    @pytest.fixture
    def told(self) -> Iterator[tuple[Listening, Spanning]]:
        """What instrumentation hears, and what spans are given."""
        with listening() as told:
            yield told

    # --- what it is

    def test_class(self, llm: FunctionCallingLLM) -> None:
        """It descends from LlamaIndex's models, and has a name of its own."""
        assert {"LLM", "FunctionCallingLLM"} <= {base.__name__ for base in type(llm).__mro__}
        assert llm.class_name() not in {"base_component", "base_llm", "custom_llm"}

    def test_metadata(self, llm: FunctionCallingLLM) -> None:
        """Agents and programs take it for what it is; the numbers make sense."""
        assert llm.metadata.is_chat_model
        assert llm.metadata.is_function_calling_model
        assert llm.metadata.model_name not in {"", "unknown"}
        assert 0 < llm.metadata.num_output < llm.metadata.context_window

    def test_settings_can_be_written_down(self, llm: FunctionCallingLLM) -> None:
        """What is read back from a dictionary, from JSON or by its name has the same settings."""
        written = llm.to_dict()
        assert json.loads(llm.to_json()) == json.loads(json.dumps(written))
        assert written["class_name"] == llm.class_name()
        for again in (
            type(llm).from_dict(written),
            type(llm).from_json(llm.to_json()),
            load_llm(written),
        ):
            assert type(again) is type(llm)
            assert again.to_dict() == written

    def test_secrets_stay_secret(self, llm: FunctionCallingLLM) -> None:
        """Nothing that shows the model shows what it keeps to itself."""
        assert self.SECRET
        for shown in (repr(llm), str(llm), llm.to_json(), str(llm.model_dump())):
            assert self.SECRET not in shown

    def test_pickling(self, llm: FunctionCallingLLM, caplog: pytest.LogCaptureFixture) -> None:
        """A copy sent elsewhere answers, even of a model in use, and nothing is lost."""
        llm.complete(PROMPT)
        with caplog.at_level(logging.WARNING):
            sent = pickle.loads(pickle.dumps(llm))
        assert caplog.records == []
        assert sent.to_dict() == llm.to_dict()
        assert sent.complete(PROMPT).text

    # --- chatting and completing

    def test_chat(self, llm: FunctionCallingLLM, chat: Ask) -> None:
        """All four ways give words; the pieces of a stream join to them."""
        messages = [ChatMessage(role="system", content="Be brief."), ChatMessage(content=PROMPT)]
        before = copy.deepcopy(messages)
        found: list[ChatResponse] = chat(llm, messages)
        assert found[-1].message.role == "assistant"
        assert found[-1].message.content
        if len(found) > 1:
            assert "".join(each.delta or "" for each in found) == found[-1].message.content
        assert messages == before

    def test_replies_can_be_written_down(self, llm: FunctionCallingLLM, chat: Ask) -> None:
        """A reply survives JSON, as chat stores keep it; so does what is known of it."""
        found = chat(llm, [ChatMessage(content=PROMPT)])[-1]
        written = found.message.model_dump_json()
        assert ChatMessage.model_validate_json(written) == found.message
        found.model_dump_json()

    def test_complete(self, llm: FunctionCallingLLM, complete: Ask) -> None:
        """Likewise completions, with which a caller may say that the prompt is formatted."""
        found = complete(llm, PROMPT, formatted=True)
        assert found[-1].text
        if len(found) > 1:
            assert "".join(each.delta or "" for each in found) == found[-1].text

    def test_predict(self, llm: FunctionCallingLLM) -> None:
        """Prompts with places to fill are predicted, whole and in pieces, in both colours."""

        async def apredicted() -> tuple[str, str]:
            pieces = await llm.astream(prompt, what="hello")
            return await llm.apredict(prompt, what="hello"), "".join([p async for p in pieces])

        prompt = PromptTemplate("Say {what}.")
        assert llm.predict(prompt, what="hello")
        assert "".join(llm.stream(prompt, what="hello"))
        assert all(asyncio.run(apredicted()))

    def test_errors(self, broken: FunctionCallingLLM, chat: Ask, complete: Ask) -> None:
        """What goes wrong is raised, not answered."""
        with pytest.raises(Exception, match=r"."):
            chat(broken, [ChatMessage(content=PROMPT)])
        with pytest.raises(Exception, match=r"."):
            complete(broken, PROMPT)

    def test_several_loops(self, llm: FunctionCallingLLM) -> None:
        """A model outlives the event loop it was first used in."""
        for _ in range(2):
            assert asyncio.run(llm.acomplete(PROMPT)).text

    # --- tools

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

    # --- what is told of it

    def test_events(
        self, llm: FunctionCallingLLM, chat: Ask, complete: Ask, told: tuple[Listening, Spanning]
    ) -> None:
        """Instrumentation hears of the beginning and the end, once each, and never a secret."""
        chat(llm, [ChatMessage(content=PROMPT)])
        complete(llm, PROMPT)
        events, _ = told
        names = [name for name in events.names if "InProgress" not in name]
        assert names == [
            *("LLMChatStartEvent", "LLMChatEndEvent"),
            *("LLMCompletionStartEvent", "LLMCompletionEndEvent"),
        ]
        assert self.SECRET not in events.written()

    def test_callbacks(self, llm: FunctionCallingLLM, chat: Ask, complete: Ask) -> None:
        """Callbacks count the tokens the service has counted, once."""
        counter = TokenCountingHandler()
        llm.callback_manager = CallbackManager([counter])
        found = chat(llm, [ChatMessage(content=PROMPT)])[-1]
        assert len(counter.llm_token_counts) == 1
        kept = found.additional_kwargs
        assert counter.prompt_llm_token_count == kept["prompt_tokens"] > 0
        assert counter.completion_llm_token_count == kept["completion_tokens"] > 0
        complete(llm, PROMPT)
        assert len(counter.llm_token_counts) == 2

    def test_failures_are_told(
        self, broken: FunctionCallingLLM, chat: Ask, told: tuple[Listening, Spanning]
    ) -> None:
        """Instrumentation hears that an answer has failed."""
        events, _ = told
        with pytest.raises(Exception, match=r"."):
            chat(broken, [ChatMessage(content=PROMPT)])
        assert "LLMChatEndEvent" not in events.names
        assert {"SpanDropEvent", "ExceptionEvent"} & set(events.names)

    def test_rate_limiter(self, llm: FunctionCallingLLM, chat: Ask, complete: Ask) -> None:
        """A rate limiter is asked before each request, once."""
        llm.rate_limiter = limiter = Counting()
        chat(llm, [ChatMessage(content=PROMPT)])
        complete(llm, PROMPT)
        assert limiter.passed == 2

    def test_spans(self, llm: FunctionCallingLLM, told: tuple[Listening, Spanning]) -> None:
        """Each of the eight methods is one span with its own name."""
        _, spans = told
        for name, ask in CHATS.items():
            ask(llm, [ChatMessage(content=PROMPT)])
            assert spans._names.pop() == name
        for name, ask in COMPLETIONS.items():
            ask(llm, PROMPT)
            assert spans._names.pop() == name
        assert spans._names == []
        assert self.SECRET not in "".join(spans._seen)


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
