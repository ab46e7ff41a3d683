"""What LlamaIndex hands to its instrumentation: what was said, never the key, and no sound."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import AudioBlock, ChatMessage, TextBlock
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.event_handlers import BaseEventHandler

from apertis_audio_tools import ApertisError
from apertis_audio_tools.llama_index import ApertisAudioLLM
from support.leaks import Leaks
from support.loopback import Behaviour, Loopback
from support.scripted_responses import error, json_answer

CLIP = Path(__file__).parents[1] / "clips" / "clip.mp3"
LEAKS = Leaks([CLIP.read_bytes()])
HI = json_answer({"choices": [{"message": {"content": "Hi."}}]})


class Listener(BaseEventHandler):
    """Keeps what every observability integration is given."""

    heard: list[str] = []  # noqa: RUF012  # a field of a pydantic model

    @classmethod
    def class_name(cls) -> str:
        """As LlamaIndex names it."""
        return "Listener"

    def handle(self, event: Any, **_: Any) -> None:
        """Keep what can be seen of an event."""
        self.heard.append(f"{event!r} {event.model_dump()}")


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Listens to everything for the time of a test."""
    dispatcher, listener = get_dispatcher(), Listener()
    before = list(dispatcher.event_handlers)
    dispatcher.add_event_handler(listener)
    yield listener
    dispatcher.event_handlers = before


@pytest.mark.parametrize("behaviour", [HI, error(401, "invalid_api_key")])
@pytest.mark.parametrize("by_path", [True, False])
def test_events(listener: Listener, behaviour: Behaviour, *, by_path: bool) -> None:
    """Events of a conversation have its words; neither the key nor the sound of a clip."""
    clip = AudioBlock(path=CLIP) if by_path else AudioBlock(audio=CLIP.read_bytes())
    turn = ChatMessage(role="user", blocks=[TextBlock(text="What is said?"), clip])
    with Loopback([behaviour]) as server:
        llm = ApertisAudioLLM(api_key="sk-traced", base_url=server.url, max_retries=0)
        try:
            llm.chat([turn])
        except ApertisError:
            assert behaviour is not HI
    told = " ".join(listener.heard)
    assert "What is said?" in told
    assert LEAKS.in_text(told) == []
