"""The settings of the language model, and what goes wrong."""

import asyncio
import json
import pickle
from collections.abc import Callable
from contextlib import aclosing, closing
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.prompts import PromptTemplate

from apertis_audio_tools import (
    ApertisAudio,
    AuthenticationError,
    ConfigurationError,
    UnsupportedError,
)
from apertis_audio_tools.adapters.client_handle import ClientOptions
from apertis_audio_tools.llama_index import ApertisAudioLLM, ApertisAudioReader
from apertis_audio_tools.llama_index.client_settings import ClientSettings
from apertis_audio_tools.models import MODELS
from support.contract.llama_index_calls import CHATS, Ask
from support.loopback import Loopback
from support.scripted_responses import chunked, error, json_answer

SECRET = "sk-very-secret"
EVENTS = "text/event-stream"
HELLO = [ChatMessage(content="Hello?")]
HI: dict[str, Any] = {"choices": [{"message": {"content": "Hi."}}]}
Make = Callable[..., ApertisAudioLLM]
Scripted = Callable[..., tuple[ApertisAudioLLM, Loopback]]


def test_settings_reach_the_service(scripted: Scripted) -> None:
    """Every setting of a request is sent, and a call's own go before the model's."""
    own: dict[str, Any] = {"temperature": 0.5, "top_p": 0.25, "max_tokens": 7, "seed": 3}
    further = {"additional_kwargs": {"user": "me"}}
    llm, server = scripted(json_answer(HI), model="m-1", stop="x", **own, **further)
    llm.chat(HELLO)
    llm.chat(HELLO, temperature=0, stop=["y"], additional_kwargs={"user": "you"})
    first, second = [json.loads(request.body) for request in server.requests]
    messages = [{"role": "user", "content": "Hello?"}]
    assert first == {"model": "m-1", "messages": messages, "stop": ["x"], "user": "me", **own}
    assert second == {**first, "temperature": 0, "stop": ["y"], "user": "you"}


@pytest.mark.parametrize("options", [{"temprature": 0.5}, {"api_kye": SECRET}, {"n": 2}])
def test_misspelt_settings(options: dict[str, Any]) -> None:
    """A setting that does not exist is refused, without showing its value."""
    with pytest.raises(ValueError, match="Extra inputs are not permitted") as caught:
        ApertisAudioLLM(**{"api_key": SECRET, **options})
    assert SECRET not in str(caught.value)


def test_misspelt_arguments(make_llm: Make, chat: Ask) -> None:
    """An argument no chat has is refused, and the place for further fields is named."""
    with pytest.raises(UnsupportedError, match=r"no argument 'temprature'.*additional_kwargs"):
        chat(make_llm(), HELLO, temprature=0.5)


def test_a_key_is_needed(chat: Ask) -> None:
    """Without a key, nothing is asked."""
    with pytest.raises(ConfigurationError, match="There is no API key"):
        chat(ApertisAudioLLM(), HELLO)


def test_a_shared_client(beacon_url: str, chat: Ask) -> None:
    """A client can be shared, which has its own settings and stays open."""
    with ApertisAudio("sk-shared", base_url=beacon_url) as client:
        for _ in range(2):
            assert chat(ApertisAudioLLM(client=client), HELLO)[-1].message.content
        with pytest.raises(ConfigurationError, match="its own timeout"):
            ApertisAudioLLM(client=client, timeout=5)


@pytest.mark.parametrize("kind", [ApertisAudioLLM, ApertisAudioReader])
def test_settings_of_a_client(kind: type[ClientSettings]) -> None:
    """Each setting of a client is one of every adapter; a table of models travels along."""
    assert ClientOptions.__annotations__.keys() <= kind.model_fields.keys()
    adapter = kind(api_key=SECRET, models=MODELS)
    assert pickle.loads(pickle.dumps(adapter)).models == MODELS
    assert "models" not in adapter.to_dict()
    with pytest.raises(ConfigurationError, match="requests_per_minute is 0"):
        _ = kind(api_key=SECRET, requests_per_minute=0).audio


def test_numbers_of_a_model() -> None:
    """The longest reply is the caller's, and the window can be another model's."""
    known = ApertisAudioLLM(api_key=SECRET, max_tokens=7, context_window=32_000, model="m-1")
    assert (known.metadata.num_output, known.metadata.context_window) == (7, 32_000)
    assert known.metadata.model_name == "m-1"


def test_instructions_of_a_model(scripted: Scripted) -> None:
    """A system prompt goes before what is predicted."""
    llm, server = scripted(json_answer(HI), system_prompt="Be brief.")
    assert llm.predict(PromptTemplate("Hello?")) == "Hi."
    sent = json.loads(server.requests[0].body)["messages"]
    assert [message["content"] for message in sent] == ["Be brief.", "Hello?"]


def test_errors_stay_typed(scripted: Scripted, chat: Ask) -> None:
    """What the service refuses is the same error as from the client itself."""
    llm, _ = scripted(error(401, "invalid_api_key"))
    with pytest.raises(AuthenticationError) as caught:
        chat(llm, HELLO)
    assert caught.value.code == "invalid_api_key"


@pytest.mark.parametrize("way", [name for name in CHATS if "stream" in name])
def test_leaving_early(scripted: Scripted, way: str) -> None:
    """Whoever has heard enough of a stream leaves no connection open."""
    piece = {"choices": [{"delta": {"content": "Hi"}}]}
    llm, server = scripted(chunked([b"data: %b\n\n" % json.dumps(piece).encode()] * 3, EVENTS))
    if way == "stream_chat":
        with closing(llm.stream_chat(HELLO)) as pieces:
            assert next(pieces).delta == "Hi"
    else:
        asyncio.run(first_piece(llm))
    server.wait_until_disconnected()


async def first_piece(llm: ApertisAudioLLM) -> None:
    async with aclosing(await llm.astream_chat(HELLO)) as pieces:
        assert (await anext(pieces)).delta == "Hi"
