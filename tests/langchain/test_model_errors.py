"""Errors of the chat model and of tools, as LangChain's own classes of errors."""

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    ModelFallbackMiddleware,
    ModelRefusalMiddleware,
    ModelRetryMiddleware,
)
from langchain_core import exceptions
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.tools import ToolException
from pydantic import BaseModel

from apertis_audio_tools import ApertisError, FileAccess, errors
from apertis_audio_tools.langchain import ChatApertisAudio, TranscribeAudio, model_errors
from support.langchain_chat import ALL, STREAMS, WHOLE, Ask, merge_chunks
from support.loopback_server import LoopbackServer
from support.scripted_responses import reset_connection, respond, respond_json

CALLS = {name: ALL[name] for name in (*WHOLE, *STREAMS)}


def refuse(status: int, code: str = "some_code", message: str = "No.") -> Any:
    body = {"error": {"message": message, "type": "invalid_request_error", "code": code}}
    return respond_json(body, status)


CASES: dict[str, tuple[Any, type[ApertisError], type[Exception], bool]] = {
    "key": (refuse(401), errors.AuthenticationError, exceptions.ModelAuthenticationError, False),
    "balance": (refuse(402), errors.PaymentError, exceptions.ModelError, False),
    "quota": (refuse(429, "insufficient_quota"), errors.PaymentError, exceptions.ModelError, False),
    "plan": (
        refuse(403, "audio_requires_payg"),
        errors.AudioRequiresPaygError,
        exceptions.ModelPermissionDeniedError,
        False,
    ),
    "model": (refuse(404), errors.NotFoundError, exceptions.ModelNotFoundError, False),
    "invalid": (
        refuse(400),
        errors.InvalidRequestError,
        exceptions.ModelInvalidRequestError,
        False,
    ),
    "size": (refuse(413), errors.TooLargeError, exceptions.ContextOverflowError, False),
    "context": (
        refuse(400, "context_length_exceeded", "The maximum context length is 128000 tokens"),
        errors.InvalidRequestError,
        exceptions.ContextOverflowError,
        False,
    ),
    "context in words": (
        refuse(400, "bad_request", "Your input exceeds the context window of this model"),
        errors.InvalidRequestError,
        exceptions.ContextOverflowError,
        False,
    ),
    "rate": (refuse(429, "rate"), errors.RateLimitError, exceptions.ModelRateLimitError, True),
    "conflict": (refuse(409), errors.APIStatusError, exceptions.ModelAPIError, True),
    "server": (refuse(503), errors.ServerError, exceptions.ModelAPIError, True),
    "reset": (
        reset_connection(),
        errors.APIConnectionError,
        exceptions.ModelConnectionError,
        True,
    ),
    "nonsense": (
        respond(200, b"<html>"),
        errors.MalformedResponseError,
        exceptions.ModelAPIError,
        False,
    ),
}
"""A response, our class of the error, LangChain's, and whether the error may pass."""


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Any, type[ApertisError], type[Exception], bool]:
    """Return one case after the other."""
    return CASES[request.param]


@pytest.mark.parametrize("call", CALLS)
def test_class(scripted: Callable[..., ChatApertisAudio], case: Any, call: str) -> None:
    """An error is of our class and of LangChain's, with all facts, however the model is called."""
    behaviour, ours, theirs, may_pass = case
    with pytest.raises(ours) as raised:
        CALLS[call](scripted(behaviour), "Hello?")
    assert isinstance(raised.value, theirs)
    assert isinstance(raised.value, exceptions.ModelError)
    error: Any = raised.value
    assert error.is_retryable == may_pass
    assert error.status == getattr(error.__cause__, "status", None)
    assert str(error) == str(error.__cause__)
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.__dict__, str(copy)) == (type(error), error.__dict__, str(error))


def counting(behaviour: Any, use: Callable[[ChatApertisAudio], object]) -> int:
    """Return how often the service was asked until `use` failed."""
    with LoopbackServer([behaviour]) as server, server.client(max_retries=0) as client:
        with pytest.raises(ApertisError):
            use(ChatApertisAudio(client=client))
        return len(server.requests)


def test_retry_middleware(invoke: Ask, case: Any) -> None:
    """An agent with ModelRetryMiddleware repeats only what may get better."""
    retries = ModelRetryMiddleware(
        max_retries=2, initial_delay=0.0, jitter=False, on_failure="error"
    )

    def use(model: ChatApertisAudio) -> None:
        agent = create_agent(model, [], middleware=[retries])
        invoke(agent, {"messages": [("user", "Hello?")]})

    assert counting(case[0], use) == (3 if case[3] else 1)


@pytest.mark.parametrize("name", ["key", "context", "conflict", "server", "reset", "nonsense"])
@pytest.mark.parametrize("form", ["model", "bound", "chain"])
def test_with_retry(invoke: Ask, name: str, form: str) -> None:
    """`with_retry` repeats only what may get better; chains get the same errors by a constant."""
    options: dict[str, Any] = {"wait_exponential_jitter": False, "stop_after_attempt": 2}

    def use(model: ChatApertisAudio) -> None:
        retrying: Any = model.with_retry(**options)
        if form == "bound":
            retrying = model.bind(temperature=0.5).with_retry(**options)
        elif form == "chain":
            types = model_errors.RETRYABLE_ERRORS
            chain = model | StrOutputParser()
            retrying = chain.with_retry(retry_if_exception_type=types, **options)
        invoke(retrying, "Hello?")

    assert counting(CASES[name][0], use) == (2 if CASES[name][3] else 1)


def test_refusal_before_sending(invoke: Ask) -> None:
    """A request that is known to be impossible is one that LangChain does not repeat either."""
    with LoopbackServer([refuse(500)]) as server, server.client() as client:
        with pytest.raises(errors.UnsupportedError) as raised:
            invoke(ChatApertisAudio(client=client), [HumanMessage([{"type": "image"}])])
        assert isinstance(raised.value, exceptions.ModelInvalidRequestError)
        assert server.requests == []


def test_fallback(invoke: Ask) -> None:
    """ModelFallbackMiddleware asks the next model."""
    other = GenericFakeChatModel(messages=iter([AIMessage("Hello from the other.")]))
    with LoopbackServer([refuse(503)]) as server, server.client(max_retries=0) as client:
        middleware = [ModelFallbackMiddleware(other)]
        agent = create_agent(ChatApertisAudio(client=client), [], middleware=middleware)
        reply = invoke(agent, {"messages": [("user", "Hello?")]})["messages"][-1]
    assert reply.text == "Hello from the other."


def test_tools(tmp_path: Path) -> None:
    """An error of a tool is a ToolException, our error and LangChain's."""
    (tmp_path / "a.wav").write_bytes(Path("tests/clips/clip.wav").read_bytes())
    with LoopbackServer([refuse(401)]) as server, server.client() as client:
        access = FileAccess(tmp_path)
        tool = TranscribeAudio(access=access, client=client, handle_tool_error=False)
        with pytest.raises(ToolException) as raised:
            tool.invoke({"path": "a.wav"})
    assert isinstance(raised.value, errors.AuthenticationError)
    assert isinstance(raised.value, exceptions.ModelAuthenticationError)
    assert pickle.loads(pickle.dumps(raised.value)).status == 401


WORDS = "I cannot help with that."
REFUSAL = {
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": None, "refusal": WORDS},
            "finish_reason": "stop",
        }
    ]
}


def refusal_events() -> Any:
    deltas: Iterator[dict[str, Any]] = ({"refusal": word} for word in ("I cannot ", "help."))
    choices: list[Any] = [{"index": 0, "delta": each} for each in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
    lines = [f"data: {json.dumps({'choices': [choice]})}\n\n" for choice in choices]
    body = "".join([*lines, "data: [DONE]\n\n"]).encode()
    return respond(200, body, "text/event-stream")


class TestRefusals:
    """A model that refuses has not answered."""

    def test_message(self, scripted: Callable[..., ChatApertisAudio], invoke: Ask) -> None:
        """A refusal is LangChain's standard block, and marked as ChatOpenAI marks it."""
        reply = invoke(scripted(respond_json(REFUSAL)), "Hello?")
        assert reply.content_blocks == [{"type": "refusal", "refusal": WORDS}]
        assert reply.additional_kwargs["refusal"] == WORDS
        assert reply.text == ""

    def test_stream(self, scripted: Callable[..., ChatApertisAudio], stream: Ask) -> None:
        """A streamed refusal joins to the same block."""
        reply = merge_chunks(stream(scripted(refusal_events()), "Hello?"))
        block: Any = reply.content_blocks[0]
        assert (block["type"], block["refusal"]) == ("refusal", "I cannot help.")
        assert reply.additional_kwargs["refusal"] == "I cannot help."

    def test_middleware(self, scripted: Callable[..., ChatApertisAudio], invoke: Ask) -> None:
        """ModelRefusalMiddleware raises LangChain's error of refusals."""
        model = scripted(respond_json(REFUSAL))
        agent = create_agent(model, [], middleware=[ModelRefusalMiddleware()])
        with pytest.raises(exceptions.ModelRefusalError, match=WORDS):
            invoke(agent, {"messages": [("user", "Hello?")]})

    def test_later_turns(self, invoke: Ask) -> None:
        """A refusal stays in the conversation with its words."""
        with LoopbackServer([respond_json(REFUSAL)]) as server, server.client() as client:
            model = ChatApertisAudio(client=client)
            history = [HumanMessage("Hello?"), invoke(model, "Hello?"), HumanMessage("Why?")]
            invoke(model, history)
            turns = json.loads(server.requests[-1].body)["messages"]
        assert turns[1] == {"role": "assistant", "content": WORDS}

    @pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
    @pytest.mark.parametrize("reason", ["stop", "content_filter"])
    def test_structured_output(
        self, scripted: Callable[..., ChatApertisAudio], invoke: Ask, method: Any, reason: str
    ) -> None:
        """With structured output, a refusal is LangChain's error in place of a parsing error."""

        class Answer(BaseModel):
            """An answer."""

            text: str

        body = json.loads(json.dumps(REFUSAL))
        if reason == "content_filter":
            body["choices"][0] |= {"finish_reason": reason, "message": {"content": ""}}
        chain = scripted(respond_json(body)).with_structured_output(Answer, method=method)
        with pytest.raises(exceptions.ModelRefusalError) as raised:
            invoke(chain, "Hello?")
        assert isinstance(raised.value.raw_message, AIMessage)
        raw = scripted(respond_json(body)).with_structured_output(
            Answer, method=method, include_raw=True
        )
        result = invoke(raw, "Hello?")
        assert isinstance(result["parsing_error"], exceptions.ModelRefusalError)
        assert result["parsed"] is None

    @pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
    def test_streamed_structured_output(
        self, scripted: Callable[..., ChatApertisAudio], stream: Ask, method: Any
    ) -> None:
        """The error has all words of a refusal that comes in pieces."""
        schema = {"title": "Answer", "description": "An answer.", "type": "object"}
        chain = scripted(refusal_events()).with_structured_output(schema, method=method)
        with pytest.raises(exceptions.ModelRefusalError, match="I cannot help") as raised:
            stream(chain, "Hello?")
        message = raised.value.raw_message
        assert message is not None
        assert message.additional_kwargs["refusal"] == "I cannot help."
