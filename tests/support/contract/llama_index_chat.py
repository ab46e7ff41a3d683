"""What LlamaIndex and its programs expect of a model that chats, as tests for any such model.

There is no conformance suite to install; this one makes the assertions of LlamaIndex's own tests of
models, and those its callers rely on. A subclass names the model; the questions are such that any
model should answer them well.
"""

import asyncio
import copy
import json
import logging
import pickle
from abc import ABC, abstractmethod
from collections.abc import Iterator

import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.llms.llm import LLM
from llama_index.core.llms.loading import load_llm
from llama_index.core.prompts import PromptTemplate

from support.contract.llama_index_calls import (
    CHATS,
    COMPLETIONS,
    PROMPT,
    Ask,
    Counting,
    Listening,
    Spanning,
    listening,
)


class ChattingContract(ABC):
    """A model that chats and completes.

    Attributes:
        SECRET: What the model knows and must never write down.
    """

    SECRET: str = ""

    @pytest.fixture
    @abstractmethod
    def llm(self) -> LLM:
        """The model; `load_llm` knows its class."""

    @pytest.fixture
    @abstractmethod
    def broken(self) -> LLM:
        """The same, whose service does not work."""

    @pytest.fixture(params=CHATS)
    def chat(self, request: pytest.FixtureRequest) -> Ask:
        """Chats, in each of the four ways."""
        return CHATS[request.param]

    @pytest.fixture(params=COMPLETIONS)
    def complete(self, request: pytest.FixtureRequest) -> Ask:
        """Completes, in each of the four ways."""
        return COMPLETIONS[request.param]

    @pytest.fixture
    def told(self) -> Iterator[tuple[Listening, Spanning]]:
        """What instrumentation hears, and what spans are given."""
        with listening() as told:
            yield told

    # --- what it is

    def test_class(self, llm: LLM) -> None:
        """It descends from LlamaIndex's models, and has a name of its own."""
        assert LLM.__name__ in {base.__name__ for base in type(llm).__mro__}
        assert llm.class_name() not in {"base_component", "base_llm", "custom_llm"}

    def test_metadata(self, llm: LLM) -> None:
        """Agents and programs take it for what it is; the numbers make sense."""
        assert llm.metadata.is_chat_model
        assert llm.metadata.model_name not in {"", "unknown"}
        assert 0 < llm.metadata.num_output < llm.metadata.context_window

    def test_settings_can_be_written_down(self, llm: LLM) -> None:
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

    def test_secrets_stay_secret(self, llm: LLM) -> None:
        """Nothing that shows the model shows what it keeps to itself."""
        assert self.SECRET
        for shown in (repr(llm), str(llm), llm.to_json(), str(llm.model_dump())):
            assert self.SECRET not in shown

    def test_pickling(self, llm: LLM, caplog: pytest.LogCaptureFixture) -> None:
        """A copy sent elsewhere answers, even of a model in use, and nothing is lost."""
        llm.complete(PROMPT)
        with caplog.at_level(logging.WARNING):
            sent = pickle.loads(pickle.dumps(llm))
        assert caplog.records == []
        assert sent.to_dict() == llm.to_dict()
        assert sent.complete(PROMPT).text

    # --- chatting and completing

    def test_chat(self, llm: LLM, chat: Ask) -> None:
        """All four ways give words; the pieces of a stream join to them."""
        messages = [ChatMessage(role="system", content="Be brief."), ChatMessage(content=PROMPT)]
        before = copy.deepcopy(messages)
        found: list[ChatResponse] = chat(llm, messages)
        assert found[-1].message.role == "assistant"
        assert found[-1].message.content
        if len(found) > 1:
            assert "".join(each.delta or "" for each in found) == found[-1].message.content
        assert messages == before

    def test_replies_can_be_written_down(self, llm: LLM, chat: Ask) -> None:
        """A reply survives JSON, as chat stores keep it; so does what is known of it."""
        found = chat(llm, [ChatMessage(content=PROMPT)])[-1]
        written = found.message.model_dump_json()
        assert ChatMessage.model_validate_json(written) == found.message
        found.model_dump_json()

    def test_complete(self, llm: LLM, complete: Ask) -> None:
        """Likewise completions, with which a caller may say that the prompt is formatted."""
        found = complete(llm, PROMPT, formatted=True)
        assert found[-1].text
        if len(found) > 1:
            assert "".join(each.delta or "" for each in found) == found[-1].text

    def test_predict(self, llm: LLM) -> None:
        """Prompts with places to fill are predicted, whole and in pieces, in both colours."""

        async def apredicted() -> tuple[str, str]:
            pieces = await llm.astream(prompt, what="hello")
            return await llm.apredict(prompt, what="hello"), "".join([p async for p in pieces])

        prompt = PromptTemplate("Say {what}.")
        assert llm.predict(prompt, what="hello")
        assert "".join(llm.stream(prompt, what="hello"))
        assert all(asyncio.run(apredicted()))

    def test_errors(self, broken: LLM, chat: Ask, complete: Ask) -> None:
        """What goes wrong is raised, not answered."""
        with pytest.raises(Exception, match=r"."):
            chat(broken, [ChatMessage(content=PROMPT)])
        with pytest.raises(Exception, match=r"."):
            complete(broken, PROMPT)

    def test_several_loops(self, llm: LLM) -> None:
        """A model outlives the event loop it was first used in."""
        for _ in range(2):
            assert asyncio.run(llm.acomplete(PROMPT)).text

    # --- what is told of it

    def test_events(
        self, llm: LLM, chat: Ask, complete: Ask, told: tuple[Listening, Spanning]
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

    def test_callbacks(self, llm: LLM, chat: Ask, complete: Ask) -> None:
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
        self, broken: LLM, chat: Ask, told: tuple[Listening, Spanning]
    ) -> None:
        """Instrumentation hears that an answer has failed."""
        events, _ = told
        with pytest.raises(Exception, match=r"."):
            chat(broken, [ChatMessage(content=PROMPT)])
        assert "LLMChatEndEvent" not in events.names
        assert {"SpanDropEvent", "ExceptionEvent"} & set(events.names)

    def test_rate_limiter(self, llm: LLM, chat: Ask, complete: Ask) -> None:
        """A rate limiter is asked before each request, once."""
        llm.rate_limiter = limiter = Counting()
        chat(llm, [ChatMessage(content=PROMPT)])
        complete(llm, PROMPT)
        assert limiter.passed == 2

    def test_spans(self, llm: LLM, told: tuple[Listening, Spanning]) -> None:
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
