"""What the service answers in a conversation."""

import base64
import json

import pytest

from apertis_audio_tools import ApertisAudio
from apertis_audio_tools.models import CHAT_AUDIO_FORMATS
from support.service_types import Clip
from support.sync_async import Run

pytestmark = pytest.mark.vcr

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


@pytest.mark.parametrize("suffix", ["wav", "mp3"])
def test_hears(client: ApertisAudio, run: Run, clip: Clip, suffix: str) -> None:
    """A clip that goes as it is, is heard."""
    reply = run(client, "chat", "Repeat what is said in this recording.", clip(suffix))
    assert "tomorrow" in reply.text.lower()
    assert reply.finish_reason == "stop"
    assert reply.usage.input_tokens > 0


def test_hears_base64(client: ApertisAudio, run: Run, clip: Clip) -> None:
    """A clip a caller already holds as base64 is heard."""
    data = base64.b64encode(clip("mp3").read_bytes()).decode()
    block = {"type": "input_audio", "input_audio": {"data": data, "format": "mp3"}}
    question = {"type": "text", "text": "Repeat what is said in this recording."}
    reply = run(client, "chat", [{"role": "user", "content": [question, block]}])
    assert "tomorrow" in reply.text.lower()


@pytest.mark.parametrize("audio_format", sorted(CHAT_AUDIO_FORMATS))
@pytest.mark.parametrize("verb", ["chat"])
def test_format(client: ApertisAudio, run: Run, verb: str, audio_format: str) -> None:
    """A spoken reply comes in each format, with its words and an id to refer to it."""
    reply = run(client, verb, "Say yes.", voice="alloy", audio_format=audio_format)
    assert reply.audio
    assert reply.audio_format == audio_format
    assert reply.transcript == reply.text != ""
    assert reply.audio_id


def test_calls_a_tool(client: ApertisAudio, run: Run) -> None:
    """A tool the model has to call is called with arguments of its schema."""
    reply = run(
        client,
        "chat",
        "How is the weather in 'Lisbon'?",
        tools=[WEATHER],
        tool_choice="required",
    )
    (call,) = reply.tool_calls
    assert call.name == "get_weather"
    assert json.loads(call.arguments)["city"] == "Lisbon"
    assert reply.finish_reason == "tool_calls"


def test_streams(client: ApertisAudio, run: Run) -> None:
    """A reply in words comes in pieces, the last of which carry why it ended and the usage."""
    deltas = run(client, "stream_chat", "Say good morning.")
    assert "good morning" in "".join(delta.text for delta in deltas).lower()
    assert [d.finish_reason for d in deltas if d.finish_reason] == ["stop"]
    assert [d.usage.output_tokens > 0 for d in deltas if d.usage] == [True]


def test_streams_a_tool_call(client: ApertisAudio, run: Run) -> None:
    """A tool call comes in pieces that join to JSON."""
    question = "How is the weather in 'Lisbon'?"
    deltas = run(client, "stream_chat", question, tools=[WEATHER], tool_choice="required")
    pieces = [piece for delta in deltas for piece in delta.tool_calls]
    assert "".join(piece.name or "" for piece in pieces) == "get_weather"
    assert json.loads("".join(piece.arguments for piece in pieces))["city"] == "Lisbon"
