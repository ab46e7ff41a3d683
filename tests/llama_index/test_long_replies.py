"""Long streamed replies are not copied for every delta."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage

from apertis_audio_tools.llama_index import ApertisAudioLLM
from support.contract.llama_index_calls import CHATS
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_chunked

Scripted = Callable[..., tuple[ApertisAudioLLM, LoopbackServer]]
STREAMS = ["stream_chat", "astream_chat"]


def events(deltas: list[dict[str, Any]]) -> bytes:
    """Return a stream of deltas that ends as it should."""
    choices = [{"delta": delta} for delta in deltas] + [{"delta": {}, "finish_reason": "stop"}]
    return b"".join(b"data: %b\n\n" % json.dumps({"choices": [each]}).encode() for each in choices)


@pytest.mark.parametrize("method", STREAMS)
def test_long_text(scripted: Scripted, method: str) -> None:
    """All responses of a long text together are some hundred times as long, not thousands."""
    words = [f"{number:x} " for number in range(30_000)]
    body = events([{"content": word} for word in words])
    llm, _ = scripted(respond_chunked([body], "text/event-stream"))
    responses = CHATS[method](llm, [ChatMessage(content="Go!")])
    text = "".join(words)
    assert "".join(each.delta for each in responses) == text
    assert responses[-1].message.content == text
    assert all(text.startswith(each.message.content) for each in responses)
    assert sum(len(each.message.content) for each in responses) < 400 * len(text)


@pytest.mark.parametrize("method", STREAMS)
def test_short_text(scripted: Scripted, method: str) -> None:
    """Each delta of a short text has a response of its own."""
    body = events([{"content": "word "}] * 3_000)
    llm, _ = scripted(respond_chunked([body], "text/event-stream"))
    responses = CHATS[method](llm, [ChatMessage(content="Go!")])
    assert [each.delta for each in responses] == ["word "] * 3_000 + [""] * 2


@pytest.mark.parametrize("method", STREAMS)
def test_many_calls(scripted: Scripted, method: str) -> None:
    """All responses of 500 tool calls together have a hundred blocks or so for each."""
    calls = [
        {"index": number, "id": f"c-{number}", "function": {"name": "f", "arguments": "{}"}}
        for number in range(500)
    ]
    body = events([{"tool_calls": [call]} for call in calls])
    llm, _ = scripted(respond_chunked([body], "text/event-stream"))
    responses = CHATS[method](llm, [ChatMessage(content="Go!")])
    assert len(llm.get_tool_calls_from_response(responses[-1])) == 500
    assert sum(len(each.message.blocks) for each in responses) < 100 * len(calls)
