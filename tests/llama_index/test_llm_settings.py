"""Settings and errors of the language model."""

import asyncio
import json
import pickle
from collections.abc import Callable
from contextlib import aclosing, closing
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import PromptTemplate
from pydantic import ValidationError

from apertis_audio_tools import (
    ApertisAudio,
    AuthenticationError,
    ConfigurationError,
    UnsupportedError,
)
from apertis_audio_tools.adapters.client_handle import ClientOptions
from apertis_audio_tools.llama_index import ApertisAudioLLM, ApertisAudioReader
from apertis_audio_tools.llama_index.client_component import ClientComponent
from apertis_audio_tools.models import MODELS
from support.contract.llama_index_calls import CHATS, Method
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_chunked, respond_error, respond_json

SECRET = "sk-very-secret"
EVENTS = "text/event-stream"
HELLO = [ChatMessage(content="Hello?")]
HI: dict[str, Any] = {"choices": [{"message": {"content": "Hi."}}]}
Make = Callable[..., ApertisAudioLLM]
Scripted = Callable[..., tuple[ApertisAudioLLM, LoopbackServer]]


def test_settings_reach_the_service(scripted: Scripted) -> None:
    """Every setting of a request is sent; arguments of a call take precedence."""
    settings: dict[str, Any] = {"temperature": 0.5, "top_p": 0.25, "max_tokens": 7, "seed": 3}
    llm, server = scripted(
        respond_json(HI), model="m-1", stop="x", **settings, additional_kwargs={"user": "me"}
    )
    llm.chat(HELLO)
    llm.chat(HELLO, temperature=0, stop=["y"], additional_kwargs={"user": "you"})
    first, second = [json.loads(request.body) for request in server.requests]
    messages = [{"role": "user", "content": "Hello?"}]
    assert first == {"model": "m-1", "messages": messages, "stop": ["x"], "user": "me", **settings}
    assert second == {**first, "temperature": 0, "stop": ["y"], "user": "you"}


@pytest.mark.parametrize("options", [{"temprature": 0.5}, {"api_kye": SECRET}, {"n": 2}])
def test_misspelt_settings(options: dict[str, Any]) -> None:
    """An unknown setting is an error that does not show its value."""
    with pytest.raises(ValueError, match="Extra inputs are not permitted") as caught:
        ApertisAudioLLM(**{"api_key": SECRET, **options})
    assert SECRET not in str(caught.value)


def test_misspelt_arguments(make_llm: Make, chat: Method) -> None:
    """An unknown argument is an error that names the place for further fields."""
    with pytest.raises(UnsupportedError, match=r"no argument 'temprature'.*additional_kwargs"):
        chat(make_llm(), HELLO, temprature=0.5)


def test_missing_key(chat: Method) -> None:
    """Without a key, every call is an error."""
    with pytest.raises(ConfigurationError, match="There is no API key"):
        chat(ApertisAudioLLM(), HELLO)


def test_shared_client(beacon_url: str, chat: Method) -> None:
    """A client of the caller can be shared, stays open, and excludes settings of one."""
    with ApertisAudio("sk-shared", base_url=beacon_url) as client:
        for _ in range(2):
            assert chat(ApertisAudioLLM(client=client), HELLO)[-1].message.content
        with pytest.raises(ConfigurationError, match="its own timeout"):
            ApertisAudioLLM(client=client, timeout=5)


@pytest.mark.parametrize("kind", [ApertisAudioLLM, ApertisAudioReader])
def test_client_settings(kind: type[ClientComponent]) -> None:
    """Every adapter has each setting of the client; the table of models is pickled."""
    assert ClientOptions.__annotations__.keys() <= kind.model_fields.keys()
    adapter = kind(api_key=SECRET, models=MODELS)
    assert pickle.loads(pickle.dumps(adapter)).models == MODELS
    assert "models" not in adapter.to_dict()
    with pytest.raises(ValidationError, match="frozen"):  # the client would not notice
        adapter.timeout = 5.0
    with pytest.raises(ConfigurationError, match="requests_per_minute is 0"):
        _ = kind(api_key=SECRET, requests_per_minute=0).audio_client


def test_metadata() -> None:
    """The metadata have the limits and the name that were set."""
    llm = ApertisAudioLLM(api_key=SECRET, max_tokens=7, context_window=32_000, model="m-1")
    assert (llm.metadata.num_output, llm.metadata.context_window) == (7, 32_000)
    assert llm.metadata.model_name == "m-1"


def test_system_prompt(scripted: Scripted) -> None:
    """The system prompt is sent before the prompt of a prediction."""
    llm, server = scripted(respond_json(HI), system_prompt="Be brief.")
    assert llm.predict(PromptTemplate("Hello?")) == "Hi."
    messages = json.loads(server.requests[0].body)["messages"]
    assert [message["content"] for message in messages] == ["Be brief.", "Hello?"]


def test_errors(scripted: Scripted, chat: Method) -> None:
    """Errors of the service are those that the client raises."""
    llm, _ = scripted(respond_error(401, "invalid_api_key"))
    with pytest.raises(AuthenticationError) as caught:
        chat(llm, HELLO)
    assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize("method", [name for name in CHATS if "stream" in name])
def test_abandoned_stream(scripted: Scripted, method: str) -> None:
    """Closing a stream early closes its connection."""
    chunk = {"choices": [{"delta": {"content": "Hi"}}]}
    llm, server = scripted(
        respond_chunked([b"data: %b\n\n" % json.dumps(chunk).encode()] * 3, EVENTS)
    )
    if method == "stream_chat":
        with closing(llm.stream_chat(HELLO)) as chunks:
            assert next(chunks).delta == "Hi"
    else:
        asyncio.run(read_first_chunk(llm))
    server.wait_until_disconnected()


async def read_first_chunk(llm: ApertisAudioLLM) -> None:
    async with aclosing(await llm.astream_chat(HELLO)) as chunks:
        assert (await anext(chunks)).delta == "Hi"
