"""The settings of adapters reach the client they make."""

from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage

from apertis_audio_tools.langchain import ChatApertisAudio
from apertis_audio_tools.llama_index import ApertisAudioLLM
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json

HI: dict[str, Any] = {"choices": [{"message": {"content": "Hi."}}]}
REQUESTS_PER_MINUTE = 500
"""The limit of the service, which clients keep by default."""

Ask = Callable[[], object]


def ask_langchain(**settings: Any) -> Ask:
    """Return a function that asks the chat model of LangChain."""
    model = ChatApertisAudio(**settings)
    return lambda: model.invoke("Hello?")


def ask_llama_index(**settings: Any) -> Ask:
    """Return a function that asks the language model of LlamaIndex."""
    model = ApertisAudioLLM(**settings)
    return lambda: model.chat([ChatMessage("Hello?")])


@pytest.mark.parametrize("make", [ask_langchain, ask_llama_index])
def test_rate_limit(make: Callable[..., Ask]) -> None:
    """Without a limit, adapters send more requests than the default allows in a minute."""
    with LoopbackServer([respond_json(HI)] * (REQUESTS_PER_MINUTE + 1)) as server:
        settings = {"api_key": "key-of-a-test", "base_url": server.url, "deadline": 20}
        ask = make(**settings, requests_per_minute=None)
        for _ in range(REQUESTS_PER_MINUTE + 1):
            ask()
    assert len(server.requests) == REQUESTS_PER_MINUTE + 1
