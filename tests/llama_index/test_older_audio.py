"""Conversations of the language model go on when audio of earlier turns is gone or too old."""

import base64
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import AudioBlock, ChatMessage, TextBlock
from llama_index.core.memory import ChatMemoryBuffer, Memory
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import StaticPool

from apertis_audio_tools import AccessError, RecordingError, UnsupportedError
from apertis_audio_tools.llama_index import ApertisAudioLLM
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json

CLIP = (Path(__file__).parents[1] / "clips" / "clip.mp3").read_bytes()
HI: dict[str, Any] = {"choices": [{"message": {"content": "Hi."}}]}
NOTE = "[audio no longer available: {}]"
Scripted = Callable[..., tuple[ApertisAudioLLM, LoopbackServer]]


def user(*blocks: Any) -> ChatMessage:
    """Return a message of the user."""
    return ChatMessage(role="user", blocks=[*blocks])


def clip() -> AudioBlock:
    """Return a block with a clip in base64."""
    return AudioBlock(audio=base64.b64encode(CLIP), format="mp3")


def reply(text: str = "Fine.") -> ChatMessage:
    """Return a reply of the model."""
    return ChatMessage(role="assistant", content=text)


def sent_blocks(server: LoopbackServer) -> list[str]:
    """Return the text of each block that was sent, and "audio" for a clip."""
    messages = json.loads(server.requests[-1].body)["messages"]
    contents = [message.get("content") or [] for message in messages]
    blocks = [
        block
        for content in contents
        for block in ([{"text": content}] if isinstance(content, str) else content)
    ]
    return [block.get("text", "audio") for block in blocks]


def test_file_that_is_gone(
    scripted: Scripted, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A clip of an earlier turn whose file is gone becomes a note, with one warning."""
    llm, server = scripted(respond_json(HI))
    path = tmp_path / "monday.mp3"
    path.write_bytes(CLIP)
    history = [user(AudioBlock(path=path)), reply(), user(TextBlock(text="And now?"))]
    path.unlink()
    assert llm.chat(history).message.content == "Hi."
    assert sent_blocks(server)[0] == NOTE.format("monday.mp3")
    (warning,) = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert "monday.mp3" in warning.getMessage()


def test_file_of_this_turn(scripted: Scripted, tmp_path: Path) -> None:
    """A clip that the user sends now has to be there."""
    llm, server = scripted()
    path = tmp_path / "monday.mp3"
    path.write_bytes(CLIP)
    message = user(AudioBlock(path=path))
    path.unlink()
    with pytest.raises((RecordingError, AccessError), match=r"monday\.mp3"):
        llm.chat([message])
    assert server.requests == []


@pytest.mark.parametrize(("keep_audio", "expected"), [(None, 3), (2, 2), (1, 1), (0, 1)])
def test_older_clips(scripted: Scripted, keep_audio: int | None, expected: int) -> None:
    """Only the last messages keep their audio; what the user says now is always sent."""
    llm, server = scripted(respond_json(HI), keep_audio=keep_audio)
    llm.chat([user(clip()), reply(), user(clip()), reply(), user(clip())])
    blocks = sent_blocks(server)
    assert blocks.count("audio") == expected
    assert blocks.count(NOTE.format("clip")) == 3 - expected
    assert blocks[-1] == "audio"


def test_audio_of_tools_is_sent_once(scripted: Scripted) -> None:
    """Audio that a tool has played is sent until the model has replied, and not paid for again."""
    llm, server = scripted(respond_json(HI), respond_json(HI))
    call = {"id": "c-1", "type": "function", "function": {"name": "play", "arguments": "{}"}}
    asked = ChatMessage(role="assistant", additional_kwargs={"tool_calls": [call]})
    played = ChatMessage(role="tool", blocks=[clip()], additional_kwargs={"tool_call_id": "c-1"})
    history = [user(TextBlock(text="Play it.")), asked, played]
    llm.chat(history)
    assert sent_blocks(server).count("audio") == 1
    llm.chat([*history, reply(), user(TextBlock(text="And now?"))])
    assert "audio" not in sent_blocks(server)
    assert NOTE.format("clip") in sent_blocks(server)


def test_too_large(scripted: Scripted) -> None:
    """The oldest clips of a request that would be too large become notes."""
    llm, server = scripted(respond_json(HI))
    minute = bytes(16_000 * 2 * 60 * 4)
    header = b"RIFF" + (len(minute) + 36).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0\1\0\1\0"
    header += (16_000).to_bytes(4, "little") + (32_000).to_bytes(4, "little") + b"\2\0\x10\0data"
    wav = base64.b64encode(header + len(minute).to_bytes(4, "little") + minute)
    history: list[ChatMessage] = []
    for _ in range(3):
        history += [user(AudioBlock(audio=wav, format="wav")), reply()]
    llm.chat([*history, user(TextBlock(text="And now?"))])
    (request,) = server.requests
    assert len(wav) * 2 < request.size < len(wav) * 2.1
    assert NOTE.format("clip").encode() in request.body[:500]


@pytest.mark.parametrize("head", ["data:audio/mpeg;base64,", "data:audio;base64,"])
def test_data_url(scripted: Scripted, head: str) -> None:
    """Audio in a ``data:`` URL, as LlamaIndex passes it to multimodal prompts, is sent."""
    llm, server = scripted(respond_json(HI))
    llm.chat([user(AudioBlock(url=head + base64.b64encode(CLIP).decode()))])
    assert sent_blocks(server) == ["audio"]


def test_other_urls(scripted: Scripted) -> None:
    """Any other URL is refused, and not fetched."""
    llm, server = scripted()
    with pytest.raises(UnsupportedError, match="by URL is not fetched"):
        llm.chat([user(AudioBlock(url=f"{server.url}/clip.mp3"))])
    assert server.requests == []


async def test_memories(scripted: Scripted) -> None:
    """Conversations that were kept by either memory, one saved and loaded again, go on."""
    llm, server = scripted(respond_json(HI), respond_json(HI))
    spoken = ChatMessage(
        role="assistant",
        blocks=[TextBlock(text="Fine."), clip()],
        additional_kwargs={"audio": {"id": "a-1", "expires_at": 1, "transcript": "Fine."}},
    )
    history = [user(clip()), spoken, user(TextBlock(text="And now?"))]
    buffer = ChatMemoryBuffer.from_defaults(chat_history=history, token_limit=100_000)
    saved = [ChatMessage.model_validate_json(each.model_dump_json()) for each in buffer.get()]
    engine = create_async_engine("sqlite+aiosqlite:///:memory:", poolclass=StaticPool)
    memory = Memory.from_defaults(session_id="1", token_limit=100_000, async_engine=engine)
    await memory.aput_messages(history)
    for kept in (saved, await memory.aget()):
        await llm.achat(kept)
        assert sent_blocks(server) == ["audio", "Fine.", "And now?"]
    await engine.dispose()
