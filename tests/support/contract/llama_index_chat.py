"""Tests of a chat model, for any model of LlamaIndex.

LlamaIndex has no conformance suite to install. This one makes the assertions of LlamaIndex's own
tests of models, and those that its callers rely on. A subclass provides the model. The questions
are ones that any model should answer well.
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
    CountingRateLimiter,
    EventRecorder,
    Method,
    SpanRecorder,
    record_instrumentation,
)


class ChatContract(ABC):
    """Tests of a model that chats and completes.

    Attributes:
        SECRET: Value that the model holds and never shows or serialises.
    """

    SECRET: str = ""

    @pytest.fixture
    @abstractmethod
    def llm(self) -> LLM:
        """Return the model; `load_llm` has to know its class."""

    @pytest.fixture
    @abstractmethod
    def broken(self) -> LLM:
        """Return a model whose service cannot be reached."""

    @pytest.fixture(params=CHATS)
    def chat(self, request: pytest.FixtureRequest) -> Method:
        """Return each of the four variants of ``chat``."""
        return CHATS[request.param]

    @pytest.fixture(params=COMPLETIONS)
    def complete(self, request: pytest.FixtureRequest) -> Method:
        """Return each of the four variants of ``complete``."""
        return COMPLETIONS[request.param]

    @pytest.fixture
    def recorders(self) -> Iterator[tuple[EventRecorder, SpanRecorder]]:
        """Record events and spans during the test."""
        with record_instrumentation() as recorders:
            yield recorders

    # --- the class and its settings

    def test_class(self, llm: LLM) -> None:
        """The model is a subclass of LLM and has a class name of its own."""
        assert LLM.__name__ in {base.__name__ for base in type(llm).__mro__}
        assert llm.class_name() not in {"base_component", "base_llm", "custom_llm"}

    def test_metadata(self, llm: LLM) -> None:
        """The metadata describe a chat model, with plausible limits."""
        assert llm.metadata.is_chat_model
        assert llm.metadata.model_name not in {"", "unknown"}
        assert 0 < llm.metadata.num_output < llm.metadata.context_window

    def test_serialisation(self, llm: LLM) -> None:
        """A model loaded from a dictionary, from JSON or by its name has the same settings."""
        serialised = llm.to_dict()
        assert json.loads(llm.to_json()) == json.loads(json.dumps(serialised))
        assert serialised["class_name"] == llm.class_name()
        for loaded in (
            type(llm).from_dict(serialised),
            type(llm).from_json(llm.to_json()),
            load_llm(serialised),
        ):
            assert type(loaded) is type(llm)
            assert loaded.to_dict() == serialised

    def test_secrets_stay_secret(self, llm: LLM) -> None:
        """Neither the reprs nor the serialised forms of the model show the secret."""
        assert self.SECRET
        for text in (repr(llm), str(llm), llm.to_json(), str(llm.model_dump())):
            assert self.SECRET not in text

    def test_pickling(self, llm: LLM, caplog: pytest.LogCaptureFixture) -> None:
        """A pickled copy of a used model has its settings, works, and logs no warning."""
        llm.complete(PROMPT)
        with caplog.at_level(logging.WARNING):
            copied = pickle.loads(pickle.dumps(llm))
        assert caplog.records == []
        assert copied.to_dict() == llm.to_dict()
        assert copied.complete(PROMPT).text

    # --- chats and completions

    def test_chat(self, llm: LLM, chat: Method) -> None:
        """All variants return text, the chunks of a stream join to it, the messages are kept."""
        messages = [ChatMessage(role="system", content="Be brief."), ChatMessage(content=PROMPT)]
        before = copy.deepcopy(messages)
        responses: list[ChatResponse] = chat(llm, messages)
        message = responses[-1].message
        assert message.role == "assistant"
        assert message.content
        if len(responses) > 1:
            assert "".join(each.delta or "" for each in responses) == message.content
        assert messages == before

    def test_serialised_replies(self, llm: LLM, chat: Method) -> None:
        """A reply survives JSON, in which chat stores keep it; the response can be dumped."""
        response = chat(llm, [ChatMessage(content=PROMPT)])[-1]
        serialised = response.message.model_dump_json()
        assert ChatMessage.model_validate_json(serialised) == response.message
        response.model_dump_json()

    def test_complete(self, llm: LLM, complete: Method) -> None:
        """All variants return text for a prompt; the caller may say that it is formatted."""
        responses = complete(llm, PROMPT, formatted=True)
        assert responses[-1].text
        if len(responses) > 1:
            assert "".join(each.delta or "" for each in responses) == responses[-1].text

    def test_predict(self, llm: LLM) -> None:
        """Prompt templates are answered, whole and streamed, sync and async."""

        async def apredict() -> tuple[str, str]:
            chunks = await llm.astream(prompt, what="hello")
            return await llm.apredict(prompt, what="hello"), "".join([c async for c in chunks])

        prompt = PromptTemplate("Say {what}.")
        assert llm.predict(prompt, what="hello")
        assert "".join(llm.stream(prompt, what="hello"))
        assert all(asyncio.run(apredict()))

    def test_errors(self, broken: LLM, chat: Method, complete: Method) -> None:
        """Errors of the service are raised."""
        with pytest.raises(Exception, match=r"."):
            chat(broken, [ChatMessage(content=PROMPT)])
        with pytest.raises(Exception, match=r"."):
            complete(broken, PROMPT)

    def test_several_loops(self, llm: LLM) -> None:
        """A model works on several event loops, one after the other."""
        for _ in range(2):
            assert asyncio.run(llm.acomplete(PROMPT)).text

    # --- instrumentation

    def test_events(
        self,
        llm: LLM,
        chat: Method,
        complete: Method,
        recorders: tuple[EventRecorder, SpanRecorder],
    ) -> None:
        """Each call emits one start event and one end event, without the secret."""
        chat(llm, [ChatMessage(content=PROMPT)])
        complete(llm, PROMPT)
        events, _ = recorders
        assert [name for name in events.names if "InProgress" not in name] == [
            *("LLMChatStartEvent", "LLMChatEndEvent"),
            *("LLMCompletionStartEvent", "LLMCompletionEndEvent"),
        ]
        assert self.SECRET not in events.as_text()

    def test_callbacks(self, llm: LLM, chat: Method, complete: Method) -> None:
        """Callbacks get the token counts of the service, once per call."""
        counter = TokenCountingHandler()
        llm.callback_manager = CallbackManager([counter])
        counts = chat(llm, [ChatMessage(content=PROMPT)])[-1].additional_kwargs
        assert len(counter.llm_token_counts) == 1
        assert counter.prompt_llm_token_count == counts["prompt_tokens"] > 0
        assert counter.completion_llm_token_count == counts["completion_tokens"] > 0
        complete(llm, PROMPT)
        assert len(counter.llm_token_counts) == 2

    def test_events_of_errors(
        self, broken: LLM, chat: Method, recorders: tuple[EventRecorder, SpanRecorder]
    ) -> None:
        """An error emits an event in place of the end event."""
        events, _ = recorders
        with pytest.raises(Exception, match=r"."):
            chat(broken, [ChatMessage(content=PROMPT)])
        assert "LLMChatEndEvent" not in events.names
        assert {"SpanDropEvent", "ExceptionEvent"} & set(events.names)

    def test_rate_limiter(self, llm: LLM, chat: Method, complete: Method) -> None:
        """Each call acquires the rate limiter once."""
        llm.rate_limiter = limiter = CountingRateLimiter()
        chat(llm, [ChatMessage(content=PROMPT)])
        complete(llm, PROMPT)
        assert limiter.requests == 2

    def test_spans(self, llm: LLM, recorders: tuple[EventRecorder, SpanRecorder]) -> None:
        """Each of the eight methods opens one span, which has its name and not the secret."""
        _, spans = recorders
        for chat in CHATS.values():
            chat(llm, [ChatMessage(content=PROMPT)])
        for complete in COMPLETIONS.values():
            complete(llm, PROMPT)
        assert spans.names == [*CHATS, *COMPLETIONS]
        assert self.SECRET not in spans.as_text()
