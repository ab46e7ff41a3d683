"""Chat replies of the sandbox, written and spoken."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.encoded_recordings import encode_silence, inspect_audio

CLIPS = Path(__file__).parents[1] / "clips"
MODEL = "gpt-4o-audio-preview"
Ask = Callable[..., dict[str, Any]]


def clip(file: bytes, audio_format: str = "wav") -> dict[str, Any]:
    """Return a recording as a block of a message."""
    data = base64.b64encode(file).decode()
    return {"type": "input_audio", "input_audio": {"data": data, "format": audio_format}}


def user(*blocks: str | dict[str, Any]) -> dict[str, Any]:
    """Return a user's message of texts and recordings."""
    parts = [{"type": "text", "text": b} if isinstance(b, str) else b for b in blocks]
    return {"role": "user", "content": parts}


@pytest.fixture(scope="module")
def ask(client: httpx.Client) -> Ask:
    """Return a function that sends a chat request and returns the completion."""

    def ask(*messages: dict[str, Any], **fields: Any) -> dict[str, Any]:
        body = {"model": MODEL, "messages": messages, **fields}
        response = client.post("/chat/completions", json=body)
        assert response.status_code == 200, response.text
        return dict(response.json())

    return ask


def text_of(completion: dict[str, Any]) -> str:
    """Return the text of a completion."""
    return str(completion["choices"][0]["message"]["content"])


def test_completion(ask: Ask) -> None:
    """A reply is a chat completion with one choice."""
    answer = ask(user("Hello there"))
    assert re.fullmatch(r"chatcmpl-\w+", answer["id"])
    assert (answer["object"], answer["model"]) == ("chat.completion", MODEL)
    (choice,) = answer["choices"]
    assert (choice["index"], choice["finish_reason"]) == (0, "stop")
    assert choice["message"] == {
        "role": "assistant",
        "content": 'You wrote: "Hello there".',
        "refusal": None,
    }
    assert answer["usage"] == {
        "prompt_tokens": 3,
        "completion_tokens": 7,
        "total_tokens": 10,
        "prompt_tokens_details": {"audio_tokens": 0, "text_tokens": 3},
        "completion_tokens_details": {"audio_tokens": 0, "text_tokens": 7},
    }


def test_text_is_quoted(ask: Ask) -> None:
    """The user's last text is quoted, whatever the earlier messages are."""
    system = {"role": "system", "content": "Be brief."}
    developer = {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]}
    answered = {"role": "assistant", "content": "Hi.", "tool_calls": None, "audio": None}
    answer = ask(system, developer, user("One"), answered, {"role": "user", "content": "Two"})
    assert text_of(answer) == 'You wrote: "Two".'
    assert text_of(ask(system)) == "There is nothing to answer yet."


@pytest.mark.parametrize("audio_format", ["wav", "mp3"])
def test_recordings_are_recognised(ask: Ask, audio_format: str) -> None:
    """The words of a recording are quoted, and its length is counted."""
    file = (CLIPS / f"clip.{audio_format}").read_bytes()
    answer = ask(user("What is this?", clip(file, audio_format)))
    assert text_of(answer) == 'I heard: "The meeting is tomorrow.".'
    assert 12 <= answer["usage"]["prompt_tokens_details"]["audio_tokens"] <= 13


def test_several_recordings(ask: Ask) -> None:
    """All recordings of the last turn are quoted, and those of earlier turns are not."""
    spoken, quiet = clip((CLIPS / "clip.wav").read_bytes()), clip(encode_silence("wav", 1))
    twice = ask(user(quiet), user(spoken, quiet, spoken))
    sentence = '"The meeting is tomorrow."'
    assert text_of(twice) == f"I heard: {sentence} and {sentence}."
    assert text_of(ask(user(spoken), user(quiet))) == "I heard no words."
    assert text_of(ask(user(spoken), user("Well?"))) == 'You wrote: "Well?".'


@pytest.mark.parametrize(
    ("audio_format", "codec"),
    [
        ("wav", "pcm_s16le"),
        ("mp3", "mp3float"),
        ("flac", "flac"),
        ("opus", "opus"),
        ("aac", "aac"),
        ("pcm16", None),
    ],
)
def test_spoken_replies(ask: Ask, audio_format: str, codec: str | None) -> None:
    """A reply is spoken in the requested format, with its transcript and no other content."""
    audio = {"voice": "nova", "format": audio_format}
    answer = ask(user("Hello there"), modalities=["text", "audio"], audio=audio)
    message = answer["choices"][0]["message"]
    assert message["content"] is None
    assert message["audio"]["transcript"] == 'You wrote: "Hello there".'
    assert message["audio"]["expires_at"] > answer["created"]
    file = base64.b64decode(message["audio"]["data"], validate=True)
    seconds = len(file) / 48_000 if codec is None else inspect_audio(file).seconds
    assert codec is None or inspect_audio(file).codec == codec
    tokens = answer["usage"]["completion_tokens_details"]["audio_tokens"]
    assert tokens == pytest.approx(seconds * 20, abs=4)
    assert 0.8 < seconds < 3


def test_spoken_replies_are_remembered(ask: Ask, client: httpx.Client) -> None:
    """A spoken reply can be referred to by its id; an unknown id is refused."""
    audio = {"voice": "alloy", "format": "mp3"}
    first = ask(user("Hello"), modalities=["text", "audio"], audio=audio)
    identifier = first["choices"][0]["message"]["audio"]["id"]
    replayed = {"role": "assistant", "audio": {"id": identifier}}
    answer = ask(user("Hello"), replayed, user("And then?"))
    assert text_of(answer) == 'You wrote: "And then?".'
    assert (
        answer["usage"]["prompt_tokens"]
        > ask(user("Hello"), user("And then?"))["usage"]["prompt_tokens"]
    )
    replayed["audio"] = {"id": identifier + "0"}
    body = {"model": MODEL, "messages": [user("Hello"), replayed, user("And then?")]}
    error = client.post("/chat/completions", json=body).json()["error"]
    assert (error["code"], error["param"]) == ("invalid_parameter", "messages[1].audio.id")


@pytest.mark.parametrize(
    ("fields", "text", "reason"),
    [
        ({"max_tokens": 2}, "You wrot", "length"),
        ({"max_completion_tokens": 1, "max_tokens": 9}, "You ", "length"),
        ({"max_tokens": 100}, 'You wrote: "red, green, blue".', "stop"),
        ({"stop": ","}, 'You wrote: "red', "stop"),
        ({"stop": ["blue", " green"]}, 'You wrote: "red,', "stop"),
        ({"stop": ",", "max_tokens": 1}, "You ", "length"),
        ({"n": 1, "seed": 7, "temperature": 2, "top_p": 0.5}, None, "stop"),
    ],
)
def test_limits_of_a_reply(ask: Ask, fields: dict[str, Any], text: str | None, reason: str) -> None:
    """A reply ends at a stop sequence or at the token limit, and reports the reason."""
    answer = ask(user("red, green, blue"), **fields)
    assert text_of(answer) == (text or 'You wrote: "red, green, blue".')
    assert answer["choices"][0]["finish_reason"] == reason


def test_json_replies(ask: Ask) -> None:
    """A reply can be a JSON object, or JSON that follows a schema."""
    anything = ask(user("Hello"), response_format={"type": "json_object"})
    assert json.loads(text_of(anything)) == {"answer": 'You wrote: "Hello".'}
    keys = ask(user("With 'a' and 'b'"), response_format={"type": "json_object"})
    assert json.loads(text_of(keys)).keys() == {"a", "b"}
    schema = {
        "type": "object",
        "properties": {"mood": {"enum": ["sad", "glad"]}, "age": {"type": "integer"}},
        "required": ["mood", "age"],
    }
    shape = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}}
    answer = ask(user("I am 41 and glad"), response_format=shape)
    assert json.loads(text_of(answer)) == {"mood": "glad", "age": 41}


def test_dated_models(ask: Ask) -> None:
    """A dated snapshot replies like its model, under its own name."""
    assert ask(user("Hello"), model=f"{MODEL}-2025-06-03")["model"] == f"{MODEL}-2025-06-03"


def chunks_of(client: httpx.Client, **fields: Any) -> list[dict[str, Any]]:
    """Return all chunks of a streamed reply."""
    body = {"model": MODEL, "stream": True, **fields}
    response = client.post("/chat/completions", json=body)
    assert response.headers["content-type"].startswith("text/event-stream")
    *events, done, rest = response.text.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    return [json.loads(event.removeprefix("data: ")) for event in events]


def test_stream(client: httpx.Client) -> None:
    """A stream begins with the role, continues with words, and ends with the finish reason."""
    chunks = chunks_of(client, messages=[user("Hello there")])
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert [delta["content"] for delta in deltas[1:-1]] == ["You ", "wrote: ", '"Hello ', 'there".']
    assert deltas[-1] == {}
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert reasons == [None] * 5 + ["stop"]
    assert not any("usage" in chunk for chunk in chunks)


def test_stream_with_usage(client: httpx.Client, ask: Ask) -> None:
    """On request, a last chunk without choices has the usage."""
    options = {"include_usage": True}
    *chunks, last = chunks_of(client, messages=[user("Hello there")], stream_options=options)
    assert last["choices"] == []
    assert last["usage"] == ask(user("Hello there"))["usage"]
    assert {chunk["usage"] for chunk in chunks} == {None}


def test_stream_about_a_recording(client: httpx.Client) -> None:
    """The reply to a recording can be streamed as text."""
    question = user(clip((CLIPS / "clip.wav").read_bytes()))
    chunks = chunks_of(client, messages=[question], modalities=["text"])
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert text == 'I heard: "The meeting is tomorrow.".'
