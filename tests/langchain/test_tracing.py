"""What LangChain hands to tracers, LangSmith's among them: what was said, and never the key."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.tracers import Run
from langchain_core.tracers.base import BaseTracer

from apertis_audio_tools import ApertisError, FileAccess
from apertis_audio_tools.langchain import ApertisAudioToolkit, ChatApertisAudio
from support.leaks import Leaks
from support.loopback import Behaviour, Loopback
from support.scripted_responses import error, json_answer

CLIPS = Path(__file__).parents[1] / "clips"
AUDIO = (CLIPS / "clip.mp3").read_bytes()
LEAKS = Leaks([AUDIO])
SECRET = "sk-traced"
HI = json_answer({"choices": [{"message": {"content": "Hi."}}]})


class Tracer(BaseTracer):
    """Keeps what LangSmith's tracer would send."""

    def __init__(self) -> None:
        super().__init__(_schema_format="original+chat")  # as LangSmith's does
        self.sent: list[str] = []

    def _persist_run(self, run: Run) -> None:
        self.sent.append(run.model_dump_json(exclude={"child_runs"}) + str(run.error))


def traced(behaviour: Behaviour, content: Any) -> str:
    """All that a tracer is given of one call, failed or not."""
    tracer = Tracer()
    with Loopback([behaviour]) as server:
        model = ChatApertisAudio(
            api_key=SECRET, base_url=server.url, max_retries=0, file_access=FileAccess(CLIPS)
        )
        try:
            model.invoke([HumanMessage(content)], {"callbacks": [tracer]})
        except ApertisError:
            assert behaviour is not HI
    return " ".join(tracer.sent)


def block(**content: str) -> list[dict[str, str]]:
    return [{"type": "audio", "mime_type": "audio/mpeg", **content}]


@pytest.mark.parametrize("behaviour", [HI, error(401, "invalid_api_key"), error(500)])
def test_no_key(behaviour: Behaviour) -> None:
    """A trace of a call has no key, whether it succeeds or fails."""
    told = traced(behaviour, "Hello?")
    assert "Hello?" in told
    assert LEAKS.in_text(told) == []


def test_a_clip_in_the_message() -> None:
    """LangChain itself traces messages as they are: a clip in one is in the trace, as base64."""
    told = traced(HI, block(base64=base64.b64encode(AUDIO).decode()))
    assert LEAKS.in_text(told) == ["audio"]


def test_a_clip_by_its_path() -> None:
    """A clip that a message names by its path is not: it is read after the message was traced."""
    told = traced(HI, block(path="clip.mp3"))
    assert "clip.mp3" in told
    assert LEAKS.in_text(told) == []


def test_tools() -> None:
    """Of a tool, arguments and answers are traced: no key, and no audio."""
    tracer = Tracer()
    with Loopback([json_answer({"text": "Hi.", "segments": []})]) as server:
        toolkit = ApertisAudioToolkit(inputs=CLIPS, api_key=SECRET, base_url=server.url)
        for tool in toolkit.get_tools():
            given = {"path": "clip.mp3", "question": "What?", "text": "Hi."}
            tool.invoke(
                {name: given[name] for name in tool.args if name in given}, {"callbacks": [tracer]}
            )
    assert len(tracer.sent) >= 2
    assert json.dumps("clip.mp3")[1:-1] in " ".join(tracer.sent)
    assert LEAKS.in_text(" ".join(tracer.sent)) == []
