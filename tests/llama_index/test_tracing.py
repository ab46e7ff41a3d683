"""Instrumentation gets the text of a conversation, but neither the key nor the audio."""

from pathlib import Path

import pytest
from llama_index.core.base.llms.types import AudioBlock, ChatMessage

from apertis_audio_tools import ApertisError
from apertis_audio_tools.llama_index import ApertisAudioLLM
from support.contract.llama_index_calls import audio_message, record_instrumentation
from support.leaks import LeakDetector
from support.loopback_server import Behaviour, LoopbackServer
from support.scripted_responses import respond_error, respond_json

CLIP = Path(__file__).parents[1] / "clips" / "clip.mp3"
LEAKS = LeakDetector([CLIP.read_bytes()])
HI = respond_json({"choices": [{"message": {"content": "Hi."}}]})


async def test_tags_of_spans() -> None:
    """Each form of a chat is a span with its model, which may be that of the call."""
    with LoopbackServer([HI]) as server, record_instrumentation() as (_, spans):
        llm = ApertisAudioLLM(api_key="sk-traced", base_url=server.url, max_retries=0)
        question = [ChatMessage(role="user", content="Hello?")]
        llm.chat(question, model="gpt-audio")
        await llm.achat(question, stream_options={"include_usage": True})
        llm.stream_chat(question).close()
        await (await llm.astream_chat(question)).aclose()
    text = spans.as_text()
    assert text.count("'gen_ai.operation.name': 'chat'") == 4
    assert text.count("'gen_ai.request.model': 'gpt-audio'") == 1


@pytest.mark.parametrize("behaviour", [HI, respond_error(401, "invalid_api_key")])
@pytest.mark.parametrize("by_path", [True, False])
def test_events(behaviour: Behaviour, *, by_path: bool) -> None:
    """Events and spans hold the question, but neither the key nor the audio of a clip."""
    clip = AudioBlock(path=CLIP) if by_path else AudioBlock(audio=CLIP.read_bytes())
    with LoopbackServer([behaviour]) as server, record_instrumentation() as (events, spans):
        llm = ApertisAudioLLM(api_key="sk-traced", base_url=server.url, max_retries=0)
        try:
            llm.chat([audio_message(clip, "What is said?")])
        except ApertisError:
            assert behaviour is not HI
    assert "'gen_ai.request.model': 'auto'" in spans.as_text()
    for text in (events.as_text(), spans.as_text()):
        assert "What is said?" in text
        assert LEAKS.in_text(text) == []
