"""Replies of the chat model: streams, and malformed or incomplete responses."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tools import tool

from apertis_audio_tools import APIConnectionError
from apertis_audio_tools.langchain import ChatApertisAudio
from support.langchain_chat import Ask, merge_chunks
from support.scripted_responses import respond, respond_json

Make = Callable[..., ChatApertisAudio]


@tool
def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return f"Fog in {city}."


@tool
def set_alarm(minutes: int) -> str:
    """Ring after some minutes."""
    return f"Rings in {minutes} minutes."


def test_streamed_text(make: Make, stream: Ask) -> None:
    """Chunks of text join to the whole reply, with its usage counted once."""
    chunks = stream(make(), "One two three.")
    assert len([chunk for chunk in chunks if chunk.text]) > 3
    whole, invoked = merge_chunks(chunks), make().invoke("One two three.")
    assert whole.text == invoked.text == 'You wrote: "One two three.".'
    assert whole.usage_metadata == invoked.usage_metadata
    for key in ("model_name", "model_provider", "finish_reason"):
        assert whole.response_metadata[key] == invoked.response_metadata[key]
    assert whole.response_metadata["request_id"].startswith("req_")


def test_streamed_tool_calls(make: Make, stream: Ask) -> None:
    """Chunks of tool calls are joined by their index."""
    question = "The weather in 'Lisbon', and set alarm in 5 minutes."
    chunks = stream(make().bind_tools([get_weather, set_alarm]), question)
    assert sum(len(chunk.tool_call_chunks) for chunk in chunks) > 4
    calls = merge_chunks(chunks).tool_calls
    assert [call["args"] for call in calls] == [{"city": "Lisbon"}, {"minutes": 5}]


def test_streaming_for_callbacks(make: Make, invoke: Ask) -> None:
    """With ``streaming``, callbacks get every chunk, also in `invoke`."""

    class TokenCollector(BaseCallbackHandler):
        def __init__(self) -> None:
            self.tokens: list[str] = []

        def on_llm_new_token(self, token: Any, **_: Any) -> None:
            """Collect the token."""
            self.tokens.append(token)

    handler = TokenCollector()
    reply = invoke(make(streaming=True, callbacks=[handler]), "One two three.")
    assert "".join(handler.tokens) == reply.text
    assert len(handler.tokens) > 3


def test_typed_events(make: Make) -> None:
    """Typed streaming events work for spoken replies."""
    events = make(voice="nova").stream_events("Say yes.", version="v3")
    message = events.output
    assert [block["type"] for block in message.content_blocks] == ["text", "audio"]
    assert message.text == 'You wrote: "Say yes.".'


def completion(**message: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"role": "assistant", **message}}]}


def events(*chunks: dict[str, Any], end: str = "data: [DONE]\n\n") -> Any:
    lines = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    return respond(200, (lines + end).encode(), "text/event-stream")


@pytest.mark.parametrize("arguments", ['{"city": ', "[1]", "Lisbon"])
def test_invalid_tool_calls(scripted: Make, arguments: str) -> None:
    """A call whose arguments are not a JSON object is kept, and can be answered."""
    call = {"id": "c-1", "type": "function", "function": {"name": "f", "arguments": arguments}}
    reply = scripted(respond_json(completion(content=None, tool_calls=[call]))).invoke("Hello?")
    assert reply.tool_calls == []
    (failed,) = reply.invalid_tool_calls
    assert (failed["id"], failed["name"], failed["args"]) == ("c-1", "f", arguments)
    assert "arguments of f are" in str(failed["error"])


def test_response_without_details(scripted: Make) -> None:
    """A response without model and usage still makes a message."""
    reply = scripted(respond_json(completion(content="Hi."))).invoke("Hello?")
    assert reply.text == "Hi."
    assert reply.usage_metadata is None
    assert reply.response_metadata["model_name"] == "gpt-4o-audio-preview"


def test_spoken_response_without_transcript(scripted: Make) -> None:
    """Audio without a transcript is a message with audio alone."""
    audio = {"id": "a-1", "data": "UklG"}
    reply = scripted(respond_json(completion(audio=audio))).invoke("Hello?", voice="nova")
    assert [block["type"] for block in reply.content_blocks] == ["audio"]


def test_repeated_usage(scripted: Make) -> None:
    """A usage that is repeated with every chunk is counted once."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    deltas = [{"choices": [{"delta": {"content": word}}], "usage": usage} for word in ("a", "b")]
    whole = merge_chunks(list(scripted(events(*deltas)).stream("Hello?")))
    assert whole.text == "ab"
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["total_tokens"] == 5


def test_interrupted_stream(scripted: Make) -> None:
    """A stream that ends too early is an error, after the chunks that arrived."""
    model = scripted(events({"choices": [{"delta": {"content": "a"}}]}, end=""))
    texts: list[str] = []
    with pytest.raises(APIConnectionError, match="cut off"):
        texts.extend(chunk.text for chunk in model.stream("Hello?"))
    assert texts == ["a"]


LOGPROBS = {"content": [{"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}]}
USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 7,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 5},
}


def test_metadata(scripted: Make, invoke: Ask) -> None:
    """The completion id, log probabilities, and cached and reasoning tokens are in metadata."""
    choice = {"message": {"content": "Hi"}, "logprobs": LOGPROBS}
    body = {"id": "chatcmpl-1", "choices": [choice], "usage": USAGE}
    reply = invoke(scripted(respond_json(body)), "Hello?", logprobs=True, top_logprobs=2)
    assert reply.response_metadata["id"] == "chatcmpl-1"
    assert reply.response_metadata["logprobs"] == LOGPROBS
    assert reply.usage_metadata["input_token_details"]["cache_read"] == 4
    assert reply.usage_metadata["output_token_details"]["reasoning"] == 5


def test_streamed_metadata(scripted: Make, stream: Ask) -> None:
    """A stream has the same metadata, once."""
    chunks: list[dict[str, Any]] = [
        {"choices": [{"delta": {"content": "Hi"}, "logprobs": LOGPROBS}]},
        {"choices": [{"delta": {"content": "Hi"}, "logprobs": LOGPROBS}]},
        {"choices": [{"delta": {}, "finish_reason": "stop", "logprobs": None}]},
        {"choices": [], "usage": USAGE},
    ]
    events = [f"data: {json.dumps({'id': 'chatcmpl-1', **chunk})}\n\n" for chunk in chunks]
    body = "".join([*events, "data: [DONE]\n\n"]).encode()
    reply = merge_chunks(stream(scripted(respond(200, body, "text/event-stream")), "Hello?"))
    assert reply.response_metadata["id"] == "chatcmpl-1"
    assert reply.response_metadata["logprobs"] == {"content": LOGPROBS["content"] * 2}
    assert reply.usage_metadata is not None
    assert reply.usage_metadata["input_token_details"]["cache_read"] == 4
