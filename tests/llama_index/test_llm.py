"""The language model hears and speaks."""

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
from support.contract.llama_index_calls import CHATS, COMPLETIONS, Ask
from support.loopback import Loopback
from support.scripted_responses import chunked, json_answer

CLIPS = Path(__file__).parents[1] / "clips"
MINUTES = "00000 00001"
HELLO = [ChatMessage(content="Hello?")]
HI: dict[str, Any] = {"choices": [{"message": {"content": "Hi."}}]}
Make = Callable[..., ApertisAudioLLM]
Scripted = Callable[..., tuple[ApertisAudioLLM, Loopback]]


def played(*blocks: ContentBlock) -> list[ChatMessage]:
    return [ChatMessage(role="user", blocks=[*blocks])]


def sent(server: Loopback) -> list[dict[str, Any]]:
    """The messages of the last request."""
    messages: list[dict[str, Any]] = json.loads(server.requests[-1].body)["messages"]
    return messages


# --- hearing


@pytest.mark.parametrize("suffix", ["wav", "mp3", "m4a", "ogg", "webm", "flac", "aiff", "opus"])
@pytest.mark.parametrize("is_path", [True, False])
def test_hears_any_format(scripted: Scripted, suffix: str, *, is_path: bool) -> None:
    """Audio of any format is sent as wav or mp3, by path or in memory."""
    path = CLIPS / f"clip.{suffix}"
    llm, server = scripted(json_answer(HI))
    llm.chat(played(AudioBlock(path=path) if is_path else AudioBlock(audio=path.read_bytes())))
    (block,) = sent(server)[0]["content"]
    audio = block["input_audio"]
    assert audio["format"] == ("wav" if suffix == "wav" else "mp3")
    with av.open(io.BytesIO(base64.b64decode(audio["data"]))) as file:
        assert file.format.name == audio["format"]


def test_several_clips(make_llm: Make, monday: Path, chat: Ask) -> None:
    """Clips and texts of one message keep their order, and all are heard and counted."""
    clip = AudioBlock(path=monday)
    found = chat(make_llm(), played(TextBlock(text="These:"), clip, clip))[-1]
    assert found.message.content.count(MINUTES) == 2
    assert found.raw["usage"]["input_audio_tokens"] > 100
    assert found.raw["request_id"].startswith("req_")


@pytest.mark.parametrize(
    ("block", "kind", "sentence"),
    [
        (AudioBlock(url="https://x.invalid/a.wav"), UnsupportedError, "by URL is not fetched"),
        (AudioBlock(url="file:///etc/passwd"), UnsupportedError, "by URL is not fetched"),
        (AudioBlock(), UnsupportedError, "needs audio or a path"),
        (AudioBlock(audio=b""), RecordingError, "is empty"),
        (AudioBlock(audio=b"nothing, really"), RecordingError, "audio"),
        (AudioBlock(audio=b"RIFF", format="pcm16"), UnsupportedError, "give it as wav"),
        (AudioBlock(path=CLIPS / "README.md"), RecordingError, "README.md"),
        (ImageBlock(image=b"x", image_mimetype="image/png"), UnsupportedError, "'image' cannot"),
        (ThinkingBlock(content="Hm."), UnsupportedError, "'thinking' cannot be sent"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_impossible_blocks(
    make_llm: Make, chat: Ask, block: ContentBlock, kind: type[ApertisError], sentence: str
) -> None:
    """What cannot be heard is refused in a sentence, and nothing is fetched or sent."""
    with pytest.raises(kind, match=sentence):
        chat(make_llm(base_url="http://127.0.0.1:9/v1", max_retries=0), played(block))


def test_only_files_that_may_be_read(make_llm: Make, monday: Path, chat: Ask) -> None:
    """With a file access, messages can point to nothing else; that travels with the model."""
    llm = pickle.loads(pickle.dumps(make_llm(file_access=FileAccess(monday.parent))))
    assert MINUTES in chat(llm, played(AudioBlock(path=monday)))[-1].message.content
    with pytest.raises(AccessError, match="outside"):
        chat(llm, played(AudioBlock(path=CLIPS / "clip.wav")))


def test_other_blocks(scripted: Scripted) -> None:
    """What is cited is read, and what says nothing is left out."""
    cited = CitableBlock(title="t", source="s", content=[TextBlock(text="Fog.")])
    mark = CachePoint.model_validate({"cache_control": {"type": "ephemeral"}})
    llm, server = scripted(json_answer(HI))
    llm.chat(played(TextBlock(text="Read:"), cited, mark))
    assert [block["text"] for block in sent(server)[0]["content"]] == ["Read:", "Fog."]


def test_roles(scripted: Scripted) -> None:
    """Every role LlamaIndex has is one of the service's."""
    llm, server = scripted(json_answer(HI))
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
    assert [message["role"] for message in sent(server)] == roles
    assert sent(server)[2]["name"] == "ada"


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        (ChatMessage(role="system", blocks=[AudioBlock(audio=b"RIFF")]), "An instruction is text"),
        (ChatMessage(role="assistant", blocks=[AudioBlock(audio=b"RIFF")]), "lost both its id"),
        (ChatMessage(role="tool", content="3"), "needs the id of its call"),
    ],
)
def test_impossible_messages(
    make_llm: Make, chat: Ask, message: ChatMessage, sentence: str
) -> None:
    """A message the service has no place for is refused in a sentence."""
    with pytest.raises(UnsupportedError, match=sentence):
        chat(make_llm(), [message, *HELLO])


@pytest.mark.parametrize("messages", ["Hello?", [{"role": "user", "content": "Hello?"}]])
def test_no_messages(make_llm: Make, chat: Ask, messages: Any) -> None:
    """What is no list of messages is refused in a sentence, and so is an empty one."""
    with pytest.raises(UnsupportedError, match="accepts a list of ChatMessage"):
        chat(make_llm(), messages)
    with pytest.raises(UnsupportedError, match="no messages were given"):
        chat(make_llm(), [])


# --- speaking


@pytest.mark.parametrize(
    ("audio_format", "container"), [("wav", "wav"), ("mp3", "mp3"), ("opus", "ogg")]
)
def test_speaks(make_llm: Make, audio_format: str, container: str) -> None:
    """A spoken reply has its words as text and its sound as a block that says what it is."""
    found = make_llm(voice="nova", audio_format=audio_format).chat(HELLO)
    words, sound = found.message.blocks
    assert isinstance(words, TextBlock)
    assert isinstance(sound, AudioBlock)
    assert found.message.content == words.text == 'You wrote: "Hello?".'
    assert sound.format == audio_format
    with av.open(io.BytesIO(sound.resolve_audio().read())) as file:
        assert container in file.format.name
    raw: Any = found.raw
    assert raw["usage"]["output_audio_tokens"] > 10
    assert len(json.dumps(raw)) < 1000


def test_a_spoken_stream_is_one_piece(make_llm: Make, chat: Ask) -> None:
    """A spoken reply, which cannot be streamed, comes whole, and its words are what is new."""
    (found,) = chat(make_llm(voice="nova"), HELLO)
    assert [block.block_type for block in found.message.blocks] == ["text", "audio"]
    assert found.delta in {None, found.message.content}


def test_speaks_when_asked_to(make_llm: Make, chat: Ask) -> None:
    """Each call can ask for speech, or do without."""
    assert len(chat(make_llm(), HELLO, voice="echo")[-1].message.blocks) == 2
    assert len(chat(make_llm(voice="echo"), HELLO, modalities=["text"])[-1].message.blocks) == 1


@pytest.mark.parametrize("complete", COMPLETIONS.values(), ids=list(COMPLETIONS))
def test_completions_are_words(make_llm: Make, complete: Ask) -> None:
    """A completion of a model that speaks is in words, and no sound is paid for."""
    found = complete(make_llm(voice="nova"), "Hello?")[-1]
    assert found.text == 'You wrote: "Hello?".'
    assert found.raw["usage"]["output_audio_tokens"] == 0
    with pytest.raises(UnsupportedError, match="accepts no voice: use chat"):
        complete(make_llm(), "Hello?", voice="nova")


def test_spoken_replies_are_not_uploaded_again(make_llm: Make, chat: Ask) -> None:
    """A later turn refers to a spoken reply by its id, also after the history was stored."""
    llm = make_llm(voice="nova")
    history = [*HELLO, chat(llm, HELLO)[-1].message]
    stored = [ChatMessage.model_validate_json(each.model_dump_json()) for each in history]
    found = chat(llm, [*stored, ChatMessage(content="And now no.")], modalities=["text"])[-1]
    assert found.message.content == 'You wrote: "And now no.".'
    assert found.raw["usage"]["input_audio_tokens"] == 0
    assert found.raw["usage"]["input_tokens"] > 5  # the service knows what it had said


@pytest.mark.parametrize(
    ("kept", "turn"),
    [
        ({"id": "a-1", "expires_at": None, "transcript": "Aloud."}, {"audio": {"id": "a-1"}}),
        ({"id": "a-1", "expires_at": 1, "transcript": "Aloud."}, {"content": "Words."}),
        ({"id": None, "expires_at": None, "transcript": "Aloud."}, {"content": "Words."}),
    ],
)
def test_what_was_said_aloud(scripted: Scripted, kept: Any, turn: dict[str, Any]) -> None:
    """An id that has expired, or was never given, is replaced by the words."""
    blocks: list[ContentBlock] = [TextBlock(text="Words."), AudioBlock(audio=b"RIFF")]
    spoken = ChatMessage(role="assistant", blocks=blocks, additional_kwargs={"audio": kept})
    llm, server = scripted(json_answer(HI))
    llm.chat([*HELLO, spoken, *HELLO])
    assert sent(server)[1] == {"role": "assistant", **turn}


@pytest.mark.parametrize("way", ["stream_chat", "astream_chat"])
@pytest.mark.parametrize("index", [{"index": 0}, {"index": None}, {}])
def test_streamed_calls_of_one_index(scripted: Scripted, index: dict[str, Any], way: str) -> None:
    """Calls that only their ids tell apart are two calls."""
    calls = [
        {**index, "id": name, "function": {"name": "f", "arguments": json.dumps({"a": name})}}
        for name in ("c-1", "c-2")
    ]
    pieces = [{"choices": [{"delta": {"tool_calls": [call]}}]} for call in calls]
    end = {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}
    events = [b"data: %b\n\n" % json.dumps(each).encode() for each in (*pieces, end)]
    llm, _ = scripted(chunked(events, "text/event-stream"))
    called = llm.get_tool_calls_from_response(CHATS[way](llm, [ChatMessage(content="Go!")])[-1])
    assert [(each.tool_id, each.tool_kwargs["a"]) for each in called] == [
        ("c-1",) * 2,
        ("c-2",) * 2,
    ]


def test_words_of_another_service(scripted: Scripted) -> None:
    """Of what another model said aloud, the words are sent."""
    blocks: list[ContentBlock] = [TextBlock(text="Words."), AudioBlock(audio=b"RIFF")]
    foreign = {"reference_audio_id": "audio-9"}
    spoken = ChatMessage(role="assistant", blocks=blocks, additional_kwargs=foreign)
    llm, server = scripted(json_answer(HI))
    llm.chat([*HELLO, spoken, *HELLO])
    assert sent(server)[1] == {"role": "assistant", "content": "Words."}
