"""The tools in agents with language models of other packages; see the target `llms`.

Each class talks to a stand-in of its service, through its own client and its own conversion of
messages. Classes that are not installed are skipped.
"""

import asyncio
import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent, ToolCallResult
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import ChatMemoryBuffer

from apertis_audio_tools.llama_index import ApertisAudioToolSpec
from support.loopback_server import Behaviour, Exchange, LoopbackServer
from support.scripted_responses import respond_json

pytestmark = pytest.mark.filterwarnings("ignore")  # those of other packages

Call = tuple[str, dict[str, Any]]


def _ollama(call: Call | None) -> dict[str, Any]:
    """Return what Ollama answers: a tool call, or the end."""
    message: dict[str, Any] = {"role": "assistant", "content": "" if call else "Done."}
    if call:
        message["tool_calls"] = [{"function": {"name": call[0], "arguments": call[1]}}]
    return {
        "model": "llama",
        "created_at": "2026-01-01T00:00:00Z",
        "message": message,
        "done": True,
        "done_reason": "stop",
    }


def _anthropic(call: Call | None) -> dict[str, Any]:
    """Return what Anthropic answers."""
    block: dict[str, Any] = {"type": "text", "text": "Done."}
    if call:
        block = {"type": "tool_use", "id": "toolu_01", "name": call[0], "input": call[1]}
    return {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [block],
        "stop_reason": "tool_use" if call else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def _chat_schema(call: Call | None) -> dict[str, Any]:
    """Return what Mistral and OpenAI answer."""
    message: dict[str, Any] = {"role": "assistant", "content": "" if call else "Done."}
    if call:
        function = {"name": call[0], "arguments": json.dumps(call[1])}
        message["tool_calls"] = [{"id": "abcdefghi", "type": "function", "function": function}]
    reason = "tool_calls" if call else "stop"
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "mistral-large-latest",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def _make_ollama(url: str) -> Any:
    module = pytest.importorskip("llama_index.llms.ollama")
    return module.Ollama(model="llama", base_url=url, context_window=8000)


def _make_anthropic(url: str) -> Any:
    module = pytest.importorskip("llama_index.llms.anthropic")
    return module.Anthropic(model="claude-sonnet-4-5", base_url=url, api_key="sk-ant-1234")


def _make_mistral(url: str) -> Any:
    module = pytest.importorskip("llama_index.llms.mistralai")
    return module.MistralAI(model="mistral-large-latest", endpoint=url, api_key="key-1234")


def _make_openai(url: str) -> Any:
    module = pytest.importorskip("llama_index.llms.openai")
    return module.OpenAI(model="gpt-4o-mini", api_base=f"{url}/v1", api_key="sk-openai-1234")


CLASSES: dict[str, tuple[Callable[[str], Any], Callable[[Call | None], dict[str, Any]]]] = {
    "Ollama": (_make_ollama, _ollama),
    "Anthropic": (_make_anthropic, _anthropic),
    "MistralAI": (_make_mistral, _chat_schema),
    "OpenAI": (_make_openai, _chat_schema),
}


class OtherService:
    """A stand-in of a model that calls each tool of a script once, and is done then."""

    def __init__(self, answer: Callable[[Call | None], dict[str, Any]], *calls: Call) -> None:
        self._answer = answer
        self._calls = list(calls)
        self.bodies: list[str] = []

    def __call__(self, exchange: Exchange) -> None:
        """Answer a request, whose body is kept."""
        exchange.read_body()
        self.bodies.append(exchange.received.body.decode())
        call = self._calls.pop(0) if self._calls else None
        respond_json(self._answer(call))(exchange)


Run = Callable[..., tuple[str, list[ToolCallResult], list[str]]]


@pytest.fixture(params=CLASSES)
def run(request: pytest.FixtureRequest, beacon_url: str, monday: Path, tmp_path: Path) -> Run:
    """Return a function that runs an agent with a class, whose model makes calls of tools."""
    make, answer = CLASSES[request.param]
    spec = ApertisAudioToolSpec(
        monday.parent, tmp_path / "spoken", api_key="sk-payg-1234", base_url=beacon_url
    )

    async def go(llm: Any, memory: Any) -> tuple[str, list[ToolCallResult]]:
        agent = FunctionAgent(tools=[*spec.to_tool_list()], llm=llm, streaming=False)
        handler = agent.run("Go on.", memory=memory)
        events = [each async for each in handler.stream_events()]
        results = [each for each in events if isinstance(each, ToolCallResult)]
        return str(await handler), results

    def run_agent(
        *calls: Call, memory: ChatMemoryBuffer | None = None
    ) -> tuple[str, list[ToolCallResult], list[str]]:
        service = OtherService(answer, *calls)
        script: list[Behaviour] = [service]
        with LoopbackServer(script) as server:
            llm = make(server.url.removesuffix("/v1"))
            said, results = asyncio.run(go(llm, memory))
            del llm
            gc.collect()  # the clients of the classes leave connections open
        return said, results, service.bodies

    return run_agent


def test_every_tool(run: Run) -> None:
    """Results of tools are text that every class converts and sends to its model."""
    said, results, bodies = run(
        ("list_recordings", {}),
        ("transcribe_audio", {"path": "monday.mp3"}),
        ("translate_audio", {"path": "monday.mp3"}),
        ("ask_about_audio", {"path": "monday.mp3", "question": "Who speaks?"}),
        ("speak_text", {"text": "Good morning."}),
    )
    assert said.endswith("Done.")
    assert not any(each.tool_output.is_error for each in results)
    path = Path(results[-1].tool_output.raw_output["path"])
    assert path.exists()
    assert path.name in bodies[-1]
    assert "later/tuesday.ogg (00:00:20)" in bodies[1]
    assert "[00:00:00] 00000 00001" in bodies[2]


def test_errors(run: Run) -> None:
    """Errors of tools are sentences that reach the model."""
    said, results, bodies = run(("transcribe_audio", {"path": "friday.mp3"}))
    assert said.endswith("Done.")
    assert results[0].tool_output.is_error
    assert "There is no file 'friday.mp3'" in bodies[-1]


def test_memory(run: Run) -> None:
    """A conversation goes on with a copy of its memory, also after what was spoken is gone."""
    memory = ChatMemoryBuffer.from_defaults(token_limit=4000)
    _, results, _ = run(("speak_text", {"text": "Good morning."}), memory=memory)
    Path(results[0].tool_output.raw_output["path"]).unlink()
    messages = [ChatMessage.model_validate_json(each.model_dump_json()) for each in memory.get()]
    stored = ChatMemoryBuffer.from_defaults(messages, token_limit=4000)
    said, _, bodies = run(memory=stored)
    assert said.endswith("Done.")
    assert "Spoken into the file" in bodies[0]
