"""Tracers of LangChain, such as LangSmith's, get messages and never the key."""

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
from support.leaks import LeakDetector
from support.loopback_server import Behaviour, LoopbackServer
from support.scripted_responses import respond_error, respond_json

CLIPS = Path(__file__).parents[1] / "clips"
AUDIO = (CLIPS / "clip.mp3").read_bytes()
LEAKS = LeakDetector([AUDIO])
SECRET = "sk-traced"
HI = respond_json({"choices": [{"message": {"content": "Hi."}}]})


class Tracer(BaseTracer):
    """Tracer that collects what LangSmith's tracer would send."""

    def __init__(self) -> None:
        super().__init__(_schema_format="original+chat")  # as in LangSmith's tracer
        self.sent: list[str] = []

    def _persist_run(self, run: Run) -> None:
        self.sent.append(run.model_dump_json(exclude={"child_runs"}) + str(run.error))


def trace_of(behaviour: Behaviour, content: Any) -> str:
    """Return everything a tracer gets of one call, failed or not."""
    tracer = Tracer()
    with LoopbackServer([behaviour]) as server:
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


@pytest.mark.parametrize(
    "behaviour", [HI, respond_error(401, "invalid_api_key"), respond_error(500)]
)
def test_no_key(behaviour: Behaviour) -> None:
    """A trace of a call has no key, whether it succeeds or fails."""
    trace = trace_of(behaviour, "Hello?")
    assert "Hello?" in trace
    assert LEAKS.in_text(trace) == []


def test_clip_in_base64() -> None:
    """LangChain traces messages as they are: a clip in base64 is in the trace."""
    trace = trace_of(HI, block(base64=base64.b64encode(AUDIO).decode()))
    assert LEAKS.in_text(trace) == ["audio"]


def test_clip_by_path() -> None:
    """A clip by path is not in the trace: it is read after the message was traced."""
    trace = trace_of(HI, block(path="clip.mp3"))
    assert "clip.mp3" in trace
    assert LEAKS.in_text(trace) == []


def test_tools() -> None:
    """Traces of tools have arguments and results, but no key and no audio."""
    tracer = Tracer()
    with LoopbackServer([respond_json({"text": "Hi.", "segments": []})]) as server:
        toolkit = ApertisAudioToolkit(inputs=CLIPS, api_key=SECRET, base_url=server.url)
        for tool in toolkit.get_tools():
            values = {"path": "clip.mp3", "question": "What?", "text": "Hi."}
            tool.invoke(
                {name: values[name] for name in tool.args if name in values},
                {"callbacks": [tracer]},
            )
    assert len(tracer.sent) >= 2
    assert json.dumps("clip.mp3")[1:-1] in " ".join(tracer.sent)
    assert LEAKS.in_text(" ".join(tracer.sent)) == []
