"""Chat requests stream their audio, and replies become text, audio and tool calls."""

import base64
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import ChatReply, MalformedResponseError, ToolCall, UnsupportedError, Usage
from apertis_audio_tools.api.call import Call
from apertis_audio_tools.api.chat import chat_call, chat_stream_call
from apertis_audio_tools.api.options import ChatOptions
from apertis_audio_tools.api.request import AsciiText, Base64Upload, Request, RequestBody, Upload
from apertis_audio_tools.api.response import Response
from apertis_audio_tools.models import Capabilities

MODEL = "gpt-4o-audio-preview"
HELLO = [{"role": "user", "content": "Hello?"}]


def clip(source: Any) -> tuple[Upload, str]:
    data = bytes(source)
    return Upload("audio.mp3", "audio/mpeg", len(data), lambda: io.BytesIO(data)), "mp3"


def chat(messages: Any = HELLO, **options: Any) -> Call[ChatReply]:
    chat_options = ChatOptions(**{"model": MODEL, **options})
    return chat_call(messages, chat_options, capabilities=Capabilities(), encode_clip=clip)


def chat_stream(messages: Any = HELLO, **options: Any) -> Request:
    chat_options = ChatOptions(**{"model": MODEL, **options})
    call = chat_stream_call(messages, chat_options, capabilities=Capabilities(), encode_clip=clip)
    return call.request


def payload(request: Request) -> Any:
    assert request.body is not None
    data = b"".join(request.body.chunks())
    assert len(data) == request.body.size
    return json.loads(data)


def audio_message(**audio: Any) -> list[dict[str, Any]]:
    blocks = [{"type": "text", "text": "?"}, {"type": "input_audio", "input_audio": audio}]
    return [{"role": "user", "content": blocks}]


def test_plain() -> None:
    """A question is sent as it is, without fields that were not given."""
    request = chat().request
    assert (request.method, request.path) == ("POST", "/chat/completions")
    assert payload(request) == {"model": MODEL, "messages": HELLO}


def test_options() -> None:
    """Options of the chat schema are sent as they are; those that are None are left out."""
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    sent = payload(chat(temperature=0.0, tools=tools, top_p=None, seed=7).request)
    assert sent == {
        "model": MODEL,
        "messages": HELLO,
        "temperature": 0.0,
        "tools": tools,
        "seed": 7,
    }


@pytest.mark.parametrize(
    ("options", "modalities", "audio"),
    [
        ({"voice": "nova"}, ["text", "audio"], {"voice": "nova", "format": "wav"}),
        (
            {"modalities": ["audio"], "audio_format": "mp3"},
            ["audio"],
            {"voice": "alloy", "format": "mp3"},
        ),
        ({"modalities": ("text",), "voice": "nova"}, ["text"], None),
        ({"modalities": []}, None, None),
    ],
)
def test_spoken_replies(options: dict[str, Any], modalities: Any, audio: Any) -> None:
    """A modality or a voice requests a spoken reply, with the voice and the format."""
    sent = payload(chat(**options).request)
    assert (sent.get("modalities"), sent.get("audio")) == (modalities, audio)


@pytest.mark.parametrize("make", [lambda messages: chat(messages).request, chat_stream])
def test_sources(make: Callable[[Any], Request]) -> None:
    """A source becomes base64 while it is sent, with the detected format."""
    request = make(audio_message(data=b"\x00sound", format="wav"))
    assert payload(request)["messages"][0]["content"] == [
        {"type": "text", "text": "?"},
        {
            "type": "input_audio",
            "input_audio": {"data": base64.b64encode(b"\x00sound").decode(), "format": "mp3"},
        },
    ]
    assert isinstance(request.body, RequestBody)
    assert any(isinstance(part, Base64Upload) for part in request.body.parts)


@pytest.mark.parametrize("data", ["UklGRg==", "UklG", "a+/b", "UklGR" * 100_000])
def test_base64_texts(data: str) -> None:
    """Base64 text of the caller is sent as it is, without a copy."""
    request = chat(audio_message(data=data, format="wav")).request
    (block,) = payload(request)["messages"][0]["content"][1:]
    assert block["input_audio"] == {"data": data, "format": "wav"}
    assert isinstance(request.body, RequestBody)
    assert [part.text is data for part in request.body.parts if isinstance(part, AsciiText)] == [
        True
    ]


def test_clips_keep_their_order() -> None:
    """Several clips, given in different ways, arrive in their order."""
    messages = [
        *audio_message(data=b"one"),
        {"role": "assistant", "content": None, "audio": {"id": "a-1"}},
        *audio_message(data="dHdv", format="mp3"),
        *audio_message(data=b"three"),
    ]
    sent = payload(chat(messages).request)["messages"]
    blocks = [message["content"][1] for message in sent if message["content"]]
    assert [base64.b64decode(block["input_audio"]["data"]) for block in blocks] == [
        b"one",
        b"two",
        b"three",
    ]
    assert sent[1] == messages[1]


def test_messages_are_not_changed() -> None:
    """The messages of the caller are not changed."""
    messages = audio_message(data=b"one")
    payload(chat(messages).request)
    assert messages == audio_message(data=b"one")


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([], "has no messages"),
        (["Hello?"], "A message is a mapping, not a str"),
        ([None], "A message is a mapping, not a NoneType"),
        ([{"role": "user", "content": 7}], "Content is text or blocks, not a int"),
        ([{"role": "user", "content": ["Hello?"]}], "A content block is a mapping, not a str"),
        ([{"role": "user", "content": [{"type": "input_audio"}]}], "needs input_audio.data"),
        (audio_message(format="wav"), "needs input_audio.data"),
        (audio_message(data="UklG", format="ogg"), "format is 'ogg'; it can be mp3, wav"),
        (audio_message(data="UklG"), "format is 'None'"),
        (audio_message(data="", format="wav"), "is not base64"),
        (audio_message(data="/home/me/a.wav", format="wav"), "is not base64"),
        (audio_message(data="data:audio/wav;base64,UklG", format="wav"), "is not base64"),
        (audio_message(data="Ukl\nGRg", format="wav"), "is not base64"),
        (audio_message(data="Uk=lG", format="wav"), "is not base64"),
        (audio_message(data='UklG"}', format="wav"), "is not base64"),
        ([{"role": "user", "content": "\ud83d"}], "lone surrogate"),
        ([{"role": "user", "content": [{"type": "text", "text": b"x"}]}], "A bytes cannot be sent"),
    ],
    ids=lambda value: repr(value)[-50:],
)
@pytest.mark.parametrize("make", [chat, chat_stream])
def test_impossible_messages(make: Callable[[Any], Any], messages: Any, message: str) -> None:
    """Invalid messages are refused with an explanation."""
    with pytest.raises(UnsupportedError, match=message):
        make(messages)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "whisper-1"}, "whisper-1 cannot chat"),
        ({"modalities": ["text", "video"]}, "modalities is 'video'; it can be audio, text"),
        ({"audio_format": "ogg"}, "audio_format is 'ogg'"),
        ({"temperature": 2.1}, "it can be from 0.0 to 2.0"),
        ({"seed": float("nan")}, "cannot be sent as JSON"),
        ({"tools": [{Path}]}, "cannot be sent as JSON"),
    ],
)
def test_impossible_options(options: dict[str, Any], message: str) -> None:
    """Options known to be impossible are refused before anything is sent."""
    with pytest.raises(UnsupportedError, match=message):
        chat(**options)


def test_too_large() -> None:
    """A request larger than the service accepts is not sent."""
    with pytest.raises(UnsupportedError, match="conversation would make a request of 30000"):
        chat(audio_message(data="A" * 30_000_000, format="wav"))


def reply(message: Any, **fields: Any) -> ChatReply:
    body = {"choices": [{"message": message, "finish_reason": "stop"}], "model": MODEL, **fields}
    headers = {"content-type": "application/json", "x-request-id": "req-1", "server": "gw"}
    return chat(audio_format="mp3").read(Response(200, headers, json.dumps(body).encode()))


def test_reply_in_words() -> None:
    """A text reply has its text, finish reason and usage."""
    assert reply({"content": "Hi."}, usage={"prompt_tokens": 3, "completion_tokens": 2}) == (
        ChatReply(
            text="Hi.",
            finish_reason="stop",
            model=MODEL,
            usage=Usage(input_tokens=3, output_tokens=2),
            request_id="req-1",
            server="gw",
        )
    )


def test_spoken_reply() -> None:
    """A spoken reply has its audio, its transcript and its id."""
    audio = {"id": "a-1", "data": "AP/+AA==", "transcript": "Hi.", "expires_at": 1_795_348_800}
    found = reply({"content": None, "audio": audio})
    assert (found.text, found.transcript) == ("Hi.", "Hi.")
    assert (found.audio, found.audio_format) == (b"\x00\xff\xfe\x00", "mp3")
    assert (found.audio_id, found.audio_expires_at) == ("a-1", 1_795_348_800)


def test_reply_with_tool_calls() -> None:
    """Tool calls keep their arguments as the model wrote them."""
    calls = [{"id": "c-1", "type": "function", "function": {"name": "f", "arguments": '{"a":'}}]
    found = reply({"content": None, "tool_calls": calls})
    assert (found.text, found.tool_calls) == (
        "",
        (ToolCall(id="c-1", name="f", arguments='{"a":'),),
    )


def test_refused_reply() -> None:
    """The refusal of a model is the text of the reply."""
    assert reply({"content": None, "refusal": "I will not."}).text == "I will not."


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html>",
        b'{"error": {"message": "Overloaded."}}',
        b'{"choices": []}',
        b'{"choices": null}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": [{"message": {"content": ["a"]}}]}',
        b'{"choices": [{"message": {"audio": {"id": "a"}}}]}',
        b'{"choices": [{"message": {"audio": {"data": "no base64!"}}}]}',
        b'{"choices": [{"message": {"tool_calls": [{"id": "c"}]}}]}',
        b'{"choices": [{"message": {"content": "caf\xe9"}}]}',
    ],
    ids=lambda body: repr(body)[:60],
)
def test_malformed(body: bytes) -> None:
    """A reply that does not match the schema is an error."""
    with pytest.raises(MalformedResponseError, match="The service responded with 200, but"):
        chat().read(Response(200, {"content-type": "application/json"}, body))


@pytest.mark.parametrize("extra", [{"model": "other"}, {"stream": True}, {"messages": []}])
def test_extra_cannot_contradict(extra: dict[str, Any]) -> None:
    """An extra field that has a parameter of its own is refused."""
    for make in (chat, chat_stream):
        with pytest.raises(UnsupportedError, match="parameter of its own"):
            make(extra=extra)


def test_stream_options_of_extra() -> None:
    """Streams have them beside the usage that is always requested; whole replies have none."""
    extra = {"stream_options": {"include_usage": False, "include_obfuscation": False}}
    sent = payload(chat_stream(extra=extra))["stream_options"]
    assert sent == {"include_usage": True, "include_obfuscation": False}
    assert "stream_options" not in payload(chat(extra=extra).request)


def test_extra_is_sent() -> None:
    """Extra fields are sent as they are."""
    assert payload(chat(extra={"user": "me"}).request)["user"] == "me"


def test_silent_reply() -> None:
    """A spoken reply without audio is malformed."""
    audio = {"id": "audio_1", "data": "", "transcript": "Yes.", "expires_at": 1}
    body = json.dumps({"choices": [{"message": {"audio": audio}}]}).encode()
    with pytest.raises(MalformedResponseError, match="no audio"):
        chat(voice="alloy").read(Response(200, {"content-type": "application/json"}, body))
