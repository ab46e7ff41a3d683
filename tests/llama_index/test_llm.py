"""The language model accepts audio and replies aloud."""

import base64
import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    ContentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
)

from apertis_audio_tools import ApertisError, FileAccess, RecordingError, UnsupportedError
from apertis_audio_tools.errors import AccessError
from apertis_audio_tools.llama_index import ApertisAudioLLM
from support.contract.llama_index_calls import CHATS, COMPLETIONS, Method
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_chunked, respond_json

CLIPS = Path(__file__).parents[1] / "clips"
MINUTES = "00000 00001"
HELLO = [ChatMessage(content="Hello?")]
HI: dict[str, Any] = {"choices": [{"message": {"content": "Hi."}}]}
Make = Callable[..., ApertisAudioLLM]
Scripted = Callable[..., tuple[ApertisAudioLLM, LoopbackServer]]


def user_message(*blocks: ContentBlock) -> list[ChatMessage]:
    return [ChatMessage(role="user", blocks=[*blocks])]


def sent_messages(server: LoopbackServer) -> list[dict[str, Any]]:
    """Return the messages of the last request."""
    messages: list[dict[str, Any]] = json.loads(server.requests[-1].body)["messages"]
    return messages


# --- audio input


@pytest.mark.parametrize("suffix", ["wav", "mp3", "m4a", "ogg", "webm", "flac", "aiff", "opus"])
@pytest.mark.parametrize("is_path", [True, False])
def test_audio_formats(scripted: Scripted, suffix: str, *, is_path: bool) -> None:
    """Audio of any format, in a file or in memory, is sent as wav or mp3."""
    path = CLIPS / f"clip.{suffix}"
    llm, server = scripted(respond_json(HI))
    llm.chat(
        user_message(AudioBlock(path=path) if is_path else AudioBlock(audio=path.read_bytes()))
    )
    (block,) = sent_messages(server)[0]["content"]
    audio = block["input_audio"]
    assert audio["format"] == ("wav" if suffix == "wav" else "mp3")
    with av.open(io.BytesIO(base64.b64decode(audio["data"]))) as file:
        assert file.format.name == audio["format"]


def test_several_clips(make_llm: Make, monday: Path, chat: Method) -> None:
    """A message with several clips is sent as a whole, and all clips are counted."""
    clip = AudioBlock(path=monday)
    response = chat(make_llm(), user_message(TextBlock(text="These:"), clip, clip))[-1]
    assert response.message.content.count(MINUTES) == 2
    assert response.raw["usage"]["input_audio_tokens"] > 100
    assert response.raw["request_id"].startswith("req_")


@pytest.mark.parametrize(
    ("block", "kind", "sentence"),
    [
        (AudioBlock(url="https://x.invalid/a.wav"), UnsupportedError, "by URL is not fetched"),
        (AudioBlock(url="file:///etc/passwd"), UnsupportedError, "by URL is not fetched"),
        (AudioBlock(), UnsupportedError, "needs audio or a path"),
        (AudioBlock(audio=b""), RecordingError, "is empty"),
        (AudioBlock(audio=b"nothing, really"), RecordingError, "not on the list of formats"),
        (AudioBlock(audio=b"RIFF", format="pcm16"), UnsupportedError, "pass it as wav"),
        (AudioBlock(path=CLIPS / "README.md"), RecordingError, "README.md"),
        (ImageBlock(image=b"x", image_mimetype="image/png"), UnsupportedError, "'image' cannot"),
        (ThinkingBlock(content="Hm."), UnsupportedError, "'thinking' cannot be sent"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_impossible_blocks(
    make_llm: Make, chat: Method, block: ContentBlock, kind: type[ApertisError], sentence: str
) -> None:
    """A block that chats do not accept is an error, and nothing is fetched or sent."""
    with pytest.raises(kind, match=sentence):
        chat(make_llm(base_url="http://127.0.0.1:9/v1", max_retries=0), user_message(block))


def test_file_access(make_llm: Make, monday: Path, chat: Method) -> None:
    """With a file access, also a pickled one, messages cannot refer to other files."""
    llm = pickle.loads(pickle.dumps(make_llm(file_access=FileAccess(monday.parent))))
    assert MINUTES in chat(llm, user_message(AudioBlock(path=monday)))[-1].message.content
    with pytest.raises(AccessError, match="outside"):
        chat(llm, user_message(AudioBlock(path=CLIPS / "clip.wav")))


def test_other_blocks(scripted: Scripted) -> None:
    """The text of citations is sent, and cache points are left out."""
    citation = CitableBlock(title="t", source="s", content=[TextBlock(text="Fog.")])
    cache_point = CachePoint.model_validate({"cache_control": {"type": "ephemeral"}})
    llm, server = scripted(respond_json(HI))
    llm.chat(user_message(TextBlock(text="Read:"), citation, cache_point))
    assert [block["text"] for block in sent_messages(server)[0]["content"]] == ["Read:", "Fog."]


def test_roles(scripted: Scripted) -> None:
    """Every role of LlamaIndex is sent as one of the service."""
    llm, server = scripted(respond_json(HI))
    answered = {"additional_kwargs": {"tool_call_id": "c-1"}}
    llm.chat(
        [
            ChatMessage(role="system", content="Be brief."),
            ChatMessage(role="developer", content="Be kind."),
            ChatMessage(role="user", content="Hello?", additional_kwargs={"name": "ada"}),
            *(ChatMessage(role=role, content="Hi.") for role in ("assistant", "chatbot", "model")),
            *(ChatMessage(role=role, content="3", **answered) for role in ("tool", "function")),
        ]
    )
    roles = ["system", "developer", "user", *["assistant"] * 3, "tool", "tool"]
    assert [message["role"] for message in sent_messages(server)] == roles
    assert sent_messages(server)[2]["name"] == "ada"


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (ChatMessage(role="system", blocks=[AudioBlock(audio=b"RIFF")]), "An instruction is text"),
        (ChatMessage(role="tool", content="3"), "needs the id of its call"),
    ],
)
def test_impossible_messages(
    make_llm: Make, chat: Method, message: ChatMessage, sentence: str
) -> None:
    """A message that the service does not accept is an error."""
    with pytest.raises(UnsupportedError, match=sentence):
        chat(make_llm(), [message, *HELLO])


@pytest.mark.parametrize("messages", ["Hello?", [{"role": "user", "content": "Hello?"}]])
def test_no_messages(make_llm: Make, chat: Method, messages: Any) -> None:
    """Anything but a list of messages is an error, and so is an empty list."""
    with pytest.raises(UnsupportedError, match="accepts a list of ChatMessage"):
        chat(make_llm(), messages)
    with pytest.raises(UnsupportedError, match="has no messages"):
        chat(make_llm(), [])


# --- spoken replies


@pytest.mark.parametrize(
    ("audio_format", "container"), [("wav", "wav"), ("mp3", "mp3"), ("opus", "ogg")]
)
def test_spoken_reply(make_llm: Make, audio_format: str, container: str) -> None:
    """A spoken reply has a text block, and an audio block with the format that was set."""
    response = make_llm(voice="nova", audio_format=audio_format).chat(HELLO)
    text, audio = response.message.blocks
    assert isinstance(text, TextBlock)
    assert isinstance(audio, AudioBlock)
    assert response.message.content == text.text == 'You wrote: "Hello?".'
    assert audio.format == audio_format
    with av.open(io.BytesIO(audio.resolve_audio().read())) as file:
        assert container in file.format.name
    raw: Any = response.raw
    assert raw["usage"]["output_audio_tokens"] > 10
    assert len(json.dumps(raw)) < 1000


def test_streamed_spoken_reply(make_llm: Make, chat: Method) -> None:
    """A spoken reply, which cannot be streamed, is one chunk with all the text as delta."""
    (response,) = chat(make_llm(voice="nova"), HELLO)
    assert [block.block_type for block in response.message.blocks] == ["text", "audio"]
    assert response.delta in {None, response.message.content}


def test_speech_per_call(make_llm: Make, chat: Method) -> None:
    """Each call can request a spoken reply, or a text reply."""
    assert len(chat(make_llm(), HELLO, voice="echo")[-1].message.blocks) == 2
    assert len(chat(make_llm(voice="echo"), HELLO, modalities=["text"])[-1].message.blocks) == 1


@pytest.mark.parametrize("complete", COMPLETIONS.values(), ids=list(COMPLETIONS))
def test_completions_are_text(make_llm: Make, complete: Method) -> None:
    """Completions of a model with a voice are text, and no audio is paid for."""
    response = complete(make_llm(voice="nova"), "Hello?")[-1]
    assert response.text == 'You wrote: "Hello?".'
    assert response.raw["usage"]["output_audio_tokens"] == 0
    with pytest.raises(UnsupportedError, match="accepts no voice: use chat"):
        complete(make_llm(), "Hello?", voice="nova")


def test_spoken_replies_are_not_uploaded_again(make_llm: Make, chat: Method) -> None:
    """A later turn refers to a spoken reply by its id, also if the history was stored as JSON."""
    llm = make_llm(voice="nova")
    history = [*HELLO, chat(llm, HELLO)[-1].message]
    stored = [ChatMessage.model_validate_json(each.model_dump_json()) for each in history]
    response = chat(llm, [*stored, ChatMessage(content="And now no.")], modalities=["text"])[-1]
    assert response.message.content == 'You wrote: "And now no.".'
    assert response.raw["usage"]["input_audio_tokens"] == 0
    assert response.raw["usage"]["input_tokens"] > 5  # the service remembers its reply


@pytest.mark.parametrize(
    ("audio", "turn"),
    [
        ({"id": "a-1", "expires_at": None, "transcript": "Aloud."}, {"audio": {"id": "a-1"}}),
        ({"id": "a-1", "expires_at": 1, "transcript": "Aloud."}, {"content": "Words."}),
        ({"id": None, "expires_at": None, "transcript": "Aloud."}, {"content": "Words."}),
    ],
)
def test_earlier_spoken_replies(scripted: Scripted, audio: Any, turn: dict[str, Any]) -> None:
    """The text of a spoken reply is sent if its id has expired or is missing."""
    blocks: list[ContentBlock] = [TextBlock(text="Words."), AudioBlock(audio=b"RIFF")]
    spoken = ChatMessage(role="assistant", blocks=blocks, additional_kwargs={"audio": audio})
    llm, server = scripted(respond_json(HI))
    llm.chat([*HELLO, spoken, *HELLO])
    assert sent_messages(server)[1] == {"role": "assistant", **turn}


@pytest.mark.parametrize("method", ["stream_chat", "astream_chat"])
@pytest.mark.parametrize("index", [{"index": 0}, {"index": None}, {}])
def test_streamed_calls_of_one_index(
    scripted: Scripted, index: dict[str, Any], method: str
) -> None:
    """Calls with the same index and different ids are different calls."""
    calls = [
        {**index, "id": name, "function": {"name": "f", "arguments": json.dumps({"a": name})}}
        for name in ("c-1", "c-2")
    ]
    chunks = [{"choices": [{"delta": {"tool_calls": [call]}}]} for call in calls]
    end = {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}
    events = [b"data: %b\n\n" % json.dumps(each).encode() for each in (*chunks, end)]
    llm, _ = scripted(respond_chunked(events, "text/event-stream"))
    response = CHATS[method](llm, [ChatMessage(content="Go!")])[-1]
    selected = llm.get_tool_calls_from_response(response)
    assert [(each.tool_id, each.tool_kwargs["a"]) for each in selected] == [
        ("c-1",) * 2,
        ("c-2",) * 2,
    ]


def test_spoken_replies_of_another_service(scripted: Scripted) -> None:
    """The text of a reply that another service spoke is sent."""
    blocks: list[ContentBlock] = [TextBlock(text="Words."), AudioBlock(audio=b"RIFF")]
    other = {"reference_audio_id": "audio-9"}
    spoken = ChatMessage(role="assistant", blocks=blocks, additional_kwargs=other)
    llm, server = scripted(respond_json(HI))
    llm.chat([*HELLO, spoken, *HELLO])
    assert sent_messages(server)[1] == {"role": "assistant", "content": "Words."}
