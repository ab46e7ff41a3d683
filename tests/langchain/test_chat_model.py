"""The chat model accepts audio and speaks."""

import base64
import io
import math
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from langchain_core.messages import (
    AIMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    messages_from_dict,
    messages_to_dict,
)

from apertis_audio_tools import (
    ApertisError,
    FileAccess,
    InvalidRequestError,
    RecordingError,
    UnsupportedError,
)
from apertis_audio_tools.errors import AccessError
from apertis_audio_tools.langchain import ChatApertisAudio
from support.langchain_chat import Ask

CLIPS = Path(__file__).parents[1] / "clips"
QUESTION = {"type": "text", "text": "What is said?"}
Make = Callable[..., ChatApertisAudio]


def base64_of(suffix: str) -> str:
    return base64.b64encode((CLIPS / f"clip.{suffix}").read_bytes()).decode()


def message_with(**block: Any) -> list[HumanMessage]:
    return [HumanMessage([QUESTION, block])]


def audio_tokens(message: AIMessage) -> int:
    assert message.usage_metadata is not None
    return message.usage_metadata["input_token_details"]["audio"]


@pytest.mark.parametrize(
    ("suffix", "mime_type"),
    [
        ("wav", "audio/x-wav"),
        ("mp3", "audio/mpeg"),
        ("m4a", "audio/mp4"),
        ("ogg", "audio/ogg; codecs=opus"),
        ("webm", "video/webm"),
        ("flac", "audio/wav"),  # a wrong media type does not matter
        ("aiff", "application/octet-stream"),
    ],
)
def test_audio_formats(make: Make, suffix: str, mime_type: str) -> None:
    """A standard block may have any format, whatever its media type says."""
    reply = make().invoke(message_with(type="audio", base64=base64_of(suffix), mime_type=mime_type))
    assert "tomorrow" in reply.text
    assert audio_tokens(reply) > 10


@pytest.mark.parametrize(
    "block",
    [
        {"type": "audio", "extras": {"path": "clip.m4a"}},
        {
            "type": "audio",
            "source_type": "base64",
            "data": base64_of("mp3"),
            "mime_type": "audio/mpeg",
        },
        {"type": "file", "base64": base64_of("mp3"), "mime_type": "audio/mpeg"},
        {"type": "input_audio", "input_audio": {"data": base64_of("mp3"), "format": "mp3"}},
        {"type": "input_audio", "input_audio": {"data": base64_of("m4a"), "format": "m4a"}},
        {"type": "media", "mime_type": "Audio/MPEG", "data": base64_of("mp3")},
        {
            "type": "media",
            "mime_type": "audio/mpeg",
            "data": CLIPS.joinpath("clip.mp3").read_bytes(),
        },
        {"type": "audio", "url": f"DATA:Audio/Mpeg;name=a; Base64,{base64_of('mp3')}"},
    ],
    ids=lambda block: f"{block['type']}-{'-'.join(block)}",
)
def test_audio_blocks(make: Make, block: dict[str, Any]) -> None:
    """Audio is accepted by path, in base64, and in blocks of OpenAI and of older LangChain."""
    reply = make(file_access=FileAccess(CLIPS)).invoke(message_with(**block))
    assert "tomorrow" in reply.text


def test_clip_by_path(make: Make, ask: Ask) -> None:
    """A clip by path works in every way of asking, and its audio tokens are counted."""
    reply = ask(make(file_access=FileAccess(CLIPS)), message_with(type="audio", path="clip.webm"))
    assert "tomorrow" in reply.text
    assert audio_tokens(reply) > 10


def test_several_clips(make: Make) -> None:
    """Several clips and texts of one message are all sent, in order."""
    clip = {"type": "audio", "path": "clip.wav"}
    reply = make(file_access=FileAccess(CLIPS)).invoke([HumanMessage([clip, "And:", clip])])
    assert reply.text.count("tomorrow") == 2


@pytest.mark.parametrize(
    ("block", "error", "sentence"),
    [
        ({"type": "audio", "url": "https://x/a.wav"}, UnsupportedError, "by URL is not fetched"),
        ({"type": "audio", "file_id": "f-1"}, UnsupportedError, "by file id is not fetched"),
        ({"type": "audio"}, UnsupportedError, "needs base64 with its mime_type, or a path"),
        ({"type": "audio", "base64": "no!"}, UnsupportedError, "is not base64"),
        ({"type": "audio", "base64": b"UklG"}, UnsupportedError, "is text, not bytes"),
        ({"type": "audio", "base64": ""}, RecordingError, "is empty"),
        ({"type": "audio", "base64": "bm90aGluZw=="}, RecordingError, "not on the list of formats"),
        (
            {"type": "audio", "base64": "UklG", "mime_type": "image/png"},
            UnsupportedError,
            "image/png is not an audio type",
        ),
        (
            {"type": "audio", "base64": "UklG", "mime_type": "audio/pcm;rate=16000"},
            UnsupportedError,
            "pass it as wav",
        ),
        ({"type": "audio", "path": "../conftest.py"}, AccessError, "outside"),
        ({"type": "audio", "path": "/etc/passwd"}, AccessError, "outside"),
        ({"type": "audio", "path": "nothing.wav"}, AccessError, "There is no file"),
        ({"type": "audio", "path": 7}, AccessError, "is text, not int"),
        ({"type": "audio", "path": "README.md"}, RecordingError, "README.md"),
        ({"type": "input_audio"}, UnsupportedError, "needs base64"),
        (
            {"type": "input_audio", "input_audio": {"data": "UklG", "format": "pcm16"}},
            UnsupportedError,
            "pass it as wav",
        ),
        ({"type": "image_url", "image_url": {"url": "x"}}, UnsupportedError, "text and audio"),
        ({"no": "type"}, UnsupportedError, "type None cannot be sent"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_invalid_blocks(
    make: Make, invoke: Ask, block: dict[str, Any], error: type[ApertisError], sentence: str
) -> None:
    """An invalid block is refused with a typed error, and nothing is sent."""
    model = make(file_access=FileAccess(CLIPS))
    with pytest.raises(error, match=sentence):
        invoke(model, message_with(**block))


def test_paths_are_refused_without_access(make: Make, ask: Ask) -> None:
    """Without a file access, messages cannot refer to files."""
    with pytest.raises(AccessError, match="pass file_access=FileAccess"):
        ask(make(), message_with(type="audio", path=str(CLIPS / "clip.wav")))


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (FunctionMessage(content="x", name="f"), "no message role 'function'"),
        (ChatMessage(content="x", role="narrator"), "no message role 'narrator'"),
        (SystemMessage([{"type": "audio", "base64": "UklG"}]), "An instruction is text"),
    ],
)
def test_unsupported_messages(make: Make, message: Any, sentence: str) -> None:
    """A message that the chat schema cannot express is refused."""
    with pytest.raises(UnsupportedError, match=sentence):
        make().invoke([message, HumanMessage("Hello?")])


def test_empty_conversation(make: Make, ask: Ask) -> None:
    """A conversation without messages is refused."""
    with pytest.raises(UnsupportedError, match="has no messages"):
        ask(make(), [])


def test_spoken_reply(make: Make, ask: Ask) -> None:
    """A spoken reply has text, a standard block of audio, and its usage."""
    reply = ask(make(voice="nova"), "Say yes.")
    text, audio = reply.content_blocks
    assert reply.text == text["text"] == 'You wrote: "Say yes.".'
    assert (audio["type"], audio["mime_type"]) == ("audio", "audio/wav")
    with wave.open(io.BytesIO(base64.b64decode(audio["base64"]))) as file:
        assert file.getframerate() > 0
    assert reply.usage_metadata["output_token_details"]["audio"] > 10
    assert reply.response_metadata["model_provider"] == "apertis"


@pytest.mark.parametrize(
    ("audio_format", "mime_type", "container"),
    [("mp3", "audio/mpeg", "mp3"), ("opus", "audio/ogg", "ogg"), ("flac", "audio/flac", "flac")],
)
def test_formats_of_spoken_replies(
    make: Make, audio_format: str, mime_type: str, container: str
) -> None:
    """The media type of a spoken reply matches its bytes."""
    reply = make(voice="nova", audio_format=audio_format).invoke("Say yes.")
    audio: Any = reply.content_blocks[1]
    assert audio["mime_type"] == mime_type
    with av.open(io.BytesIO(base64.b64decode(audio["base64"]))) as file:
        assert container in file.format.name


def test_speech_per_call(make: Make, ask: Ask) -> None:
    """A call can request speech, or decline it."""
    assert ask(make(), "Say yes.", voice="echo").content_blocks[1]["type"] == "audio"
    assert len(ask(make(voice="echo"), "Say yes.", modalities=["text"]).content_blocks) == 1


def test_spoken_stream(make: Make, stream: Ask) -> None:
    """A spoken reply, which cannot be streamed, is a single chunk."""
    (chunk,) = stream(make(voice="nova"), "Say yes.")
    assert chunk.chunk_position == "last"
    assert [block["type"] for block in chunk.content_blocks] == ["text", "audio"]


@pytest.mark.parametrize("output_version", ["v0", "v1"])
def test_spoken_replies_are_not_uploaded_again(make: Make, ask: Ask, output_version: str) -> None:
    """A later turn refers to a spoken reply by its id, also after storing the history."""
    model = make(voice="nova", output_version=output_version)
    history = [HumanMessage("Say yes."), ask(model, "Say yes.")]
    history = messages_from_dict(messages_to_dict(history))
    reply = ask(model, [*history, HumanMessage("And now no.")], modalities=["text"])
    assert reply.text == 'You wrote: "And now no.".'
    assert audio_tokens(reply) == 0
    words = sum(math.ceil(len(m.text) / 4) for m in [*history, HumanMessage("And now no.")])
    assert reply.usage_metadata["input_tokens"] == words  # the service has the audio


def spoken_message(**audio: Any) -> AIMessage:
    block = {"type": "audio", "base64": base64_of("wav"), "mime_type": "audio/wav"}
    return AIMessage([block], additional_kwargs={"audio": audio})


def test_expired_spoken_reply(make: Make, ask: Ask) -> None:
    """Once the audio of a spoken reply has expired, its words are sent."""
    expired = spoken_message(id="audio_gone", expires_at=1, transcript="It is tomorrow.")
    reply = ask(make(), [HumanMessage("When?"), expired, HumanMessage("Sure?")])
    assert reply.text == 'You wrote: "Sure?".'
    assert reply.usage_metadata["input_tokens"] == 2 + 4 + 2


def test_spoken_reply_of_another_provider(make: Make) -> None:
    """A spoken reply of another provider is sent as words, as its id is unknown here."""
    foreign = spoken_message(id="audio_foreign", expires_at=None, transcript="It is tomorrow.")
    foreign.response_metadata["model_provider"] = "openai"
    reply = make().invoke([HumanMessage("When?"), foreign, HumanMessage("Sure?")])
    assert reply.usage_metadata is not None
    assert reply.usage_metadata["input_tokens"] == 2 + 4 + 2


def test_unknown_audio_id(make: Make, ask: Ask) -> None:
    """An id that has not expired is sent, and a refusal of the service is a typed error."""
    unknown = spoken_message(id="audio_gone", expires_at=None, transcript="It is tomorrow.")
    with pytest.raises(InvalidRequestError, match="audio_gone"):
        ask(make(), [HumanMessage("When?"), unknown, HumanMessage("Sure?")])
