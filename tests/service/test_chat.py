"""Conversations with the service."""

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
def test_recognises(client: ApertisAudio, run: Run, clip: Clip, suffix: str) -> None:
    """A clip in a format that the service accepts is recognised."""
    reply = run(client, "chat", "Repeat what is said in this recording.", clip(suffix))
    assert "tomorrow" in reply.text.lower()
    assert reply.finish_reason == "stop"
    assert reply.usage.input_tokens > 0


def test_recognises_base64(client: ApertisAudio, run: Run, clip: Clip) -> None:
    """A clip that the caller has as base64 is recognised."""
    data = base64.b64encode(clip("mp3").read_bytes()).decode()
    block = {"type": "input_audio", "input_audio": {"data": data, "format": "mp3"}}
    question = {"type": "text", "text": "Repeat what is said in this recording."}
    reply = run(client, "chat", [{"role": "user", "content": [question, block]}])
    assert "tomorrow" in reply.text.lower()


@pytest.mark.parametrize("audio_format", sorted(CHAT_AUDIO_FORMATS))
@pytest.mark.parametrize("verb", ["chat"])
def test_format(client: ApertisAudio, run: Run, verb: str, audio_format: str) -> None:
    """A spoken reply arrives in each format, with its text and an id."""
    reply = run(client, verb, "Say yes.", voice="alloy", audio_format=audio_format)
    assert reply.audio
    assert reply.audio_format == audio_format
    assert reply.transcript == reply.text != ""
    assert reply.audio_id


def test_calls_a_tool(client: ApertisAudio, run: Run) -> None:
    """A required tool is called with arguments of its schema."""
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
    """A text reply is streamed; the last deltas carry the finish reason and the usage."""
    deltas = run(client, "stream_chat", "Say good morning.")
    assert "good morning" in "".join(delta.text for delta in deltas).lower()
    assert [d.finish_reason for d in deltas if d.finish_reason] == ["stop"]
    assert [d.usage.output_tokens > 0 for d in deltas if d.usage] == [True]


def test_streams_a_tool_call(client: ApertisAudio, run: Run) -> None:
    """A tool call is streamed in fragments that join to JSON."""
    question = "How is the weather in 'Lisbon'?"
    deltas = run(client, "stream_chat", question, tools=[WEATHER], tool_choice="required")
    calls = [call for delta in deltas for call in delta.tool_calls]
    assert "".join(call.name or "" for call in calls) == "get_weather"
    assert json.loads("".join(call.arguments for call in calls))["city"] == "Lisbon"
