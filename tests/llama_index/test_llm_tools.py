"""The language model calls tools and gets their audio; instrumentation gets none."""

import base64
import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.agent.workflow import AgentWorkflow, FunctionAgent
from llama_index.core.base.llms.types import AudioBlock, ChatMessage, TextBlock, ToolCallBlock
from llama_index.core.callbacks import CallbackManager
from llama_index.core.callbacks.base_handler import BaseCallbackHandler
from llama_index.core.tools import FunctionTool

from apertis_audio_tools import APIError, MalformedResponseError, UnsupportedError
from apertis_audio_tools.llama_index import ApertisAudioLLM, ApertisAudioToolSpec
from support.contract.llama_index_calls import (
    BOTH,
    TOOL_CHATS,
    WEATHER,
    EventRecorder,
    Method,
    SpanRecorder,
    make_tools,
    record_instrumentation,
    run_agent,
)
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond, respond_json

CLIPS = Path(__file__).parents[1] / "clips"
CLIP = CLIPS / "clip.mp3"
MINUTES = "00000 00001"
HI: dict[str, Any] = {"choices": [{"message": {"content": "Hi."}}]}
Make = Callable[..., ApertisAudioLLM]
Scripted = Callable[..., tuple[ApertisAudioLLM, LoopbackServer]]


@pytest.fixture(params=TOOL_CHATS)
def chat_with_tools(request: pytest.FixtureRequest) -> Method:
    """Return each of the four variants of ``chat_with_tools``."""
    return TOOL_CHATS[request.param]


def tool_call(arguments: Any, call_id: str = "c-1") -> dict[str, Any]:
    """Return a tool call in the chat schema."""
    function = {"name": "get_weather", "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def calling_response(*calls: dict[str, Any], stream: bool) -> Any:
    """Return a response with tool calls, whole or as an event stream."""
    message = {"content": None, "tool_calls": [{"index": i, **c} for i, c in enumerate(calls)]}
    if not stream:
        return respond_json({"choices": [{"message": message, "finish_reason": "tool_calls"}]})
    event = {"choices": [{"delta": message, "finish_reason": "tool_calls"}]}
    body = f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n".encode()
    return respond(200, body, "text/event-stream")


def sent_field(server: LoopbackServer, name: str = "messages") -> Any:
    """Return a field of the last request."""
    return json.loads(server.requests[-1].body).get(name)


def tool_result(*blocks: Any, call_id: str = "c-1") -> ChatMessage:
    """Return the result of a tool."""
    return ChatMessage(role="tool", blocks=[*blocks], additional_kwargs={"tool_call_id": call_id})


@pytest.mark.parametrize("method", TOOL_CHATS)
@pytest.mark.parametrize("arguments", ['{"city": "Lis', "[1]", "Lisbon"])
def test_malformed_arguments(scripted: Scripted, method: str, arguments: str) -> None:
    """Malformed arguments are an error; later turns send them as the model wrote them."""
    llm, server = scripted(
        calling_response(tool_call(arguments), stream="stream" in method), respond_json(HI)
    )
    response = TOOL_CHATS[method](llm, make_tools(), user_msg=WEATHER)[-1]
    with pytest.raises(MalformedResponseError, match="The arguments of get_weather are"):
        llm.get_tool_calls_from_response(response)
    llm.chat([response.message, tool_result(TextBlock(text="What?"))])
    assert sent_field(server)[0]["tool_calls"] == [tool_call(arguments)]


@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
@pytest.mark.parametrize("streaming", [True, False])
def test_malformed_arguments_in_agents(scripted: Scripted, streaming: bool) -> None:  # noqa: FBT001
    """The model reads why a tool was not called with malformed arguments, and the run goes on."""
    hi: Any = respond_json(HI)
    if streaming:
        event = json.dumps({"choices": [{"delta": {"content": "Hi."}}]})
        hi = respond(200, f"data: {event}\n\ndata: [DONE]\n\n".encode(), "text/event-stream")
    llm, server = scripted(calling_response(tool_call('{"city": "Lis'), stream=streaming), hi)
    agent = FunctionAgent(tools=make_tools(), llm=llm, streaming=streaming)
    reply = run_agent(agent, WEATHER)
    assert "Hi." in str(reply)
    sent = sent_field(server)[-1]
    assert sent["role"] == "tool"
    assert "are not JSON" in sent["content"]
    assert "Call it again with a JSON object." in sent["content"]


@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
@pytest.mark.parametrize("streaming", [True, False])
def test_malformed_arguments_as_error(scripted: Scripted, streaming: bool) -> None:  # noqa: FBT001
    """An agent whose model raises on invalid arguments fails with the error about them."""
    response = calling_response(tool_call('{"city": "Lis'), stream=streaming)
    llm, server = scripted(response, raise_on_invalid_arguments=True)
    agent = FunctionAgent(tools=make_tools(), llm=llm, streaming=streaming)
    with pytest.raises(MalformedResponseError, match="The arguments of get_weather are not JSON"):
        run_agent(agent, WEATHER)
    assert len(server.requests) == 1


@pytest.mark.parametrize("arguments", ["", "null", None, {}, {"city": "Lisbon"}])
@pytest.mark.parametrize("method", TOOL_CHATS)
def test_unusual_arguments(scripted: Scripted, method: str, arguments: Any) -> None:
    """Empty arguments and null are no arguments, and an object is what it says."""
    llm, _ = scripted(calling_response(tool_call(arguments), stream="stream" in method))
    response = TOOL_CHATS[method](llm, make_tools(), user_msg=WEATHER)[-1]
    expected = arguments if isinstance(arguments, dict) else {}
    assert llm.get_tool_calls_from_response(response)[0].tool_kwargs == expected


@pytest.mark.parametrize("method", ["chat_with_tools", "achat_with_tools"])
def test_required_call_without_tools(scripted: Scripted, method: str) -> None:
    """A call that is required where there are no tools is ignored, as in LlamaIndex's classes."""
    llm, server = scripted(respond_json(HI))
    reply = TOOL_CHATS[method](llm, [], user_msg=WEATHER, tool_required=True)[-1]
    assert reply.message.content == "Hi."
    assert sent_field(server, "tool_choice") is None


@pytest.mark.parametrize("role", ["function", "tool"])
def test_calls_of_the_older_chat_schema(scripted: Scripted, chat: Method, role: str) -> None:
    """Function calls without ids are sent as tool calls, each with the result that follows it."""
    llm, server = scripted(respond_json(HI))
    call = {"name": "get_weather", "arguments": "{}"}
    history = [ChatMessage(role="user", content=WEATHER)]
    for result in ("Fog.", "Rain."):
        asked = ChatMessage(role="assistant", additional_kwargs={"function_call": call})
        named = {"name": "get_weather"}
        history += [asked, ChatMessage(role=role, content=result, additional_kwargs=named)]
    with contextlib.suppress(APIError):  # a whole reply is no stream
        chat(llm, history)
    _, first, fog, second, rain = sent_field(server)
    assert first["tool_calls"][0]["function"] == call
    assert [fog["content"], rain["content"]] == ["Fog.", "Rain."]
    assert fog["tool_call_id"] == first["tool_calls"][0]["id"]
    assert rain["tool_call_id"] == second["tool_calls"][0]["id"] != fog["tool_call_id"]


@pytest.mark.parametrize("method", ["chat_with_tools", "achat_with_tools"])
def test_surplus_calls(scripted: Scripted, method: str) -> None:
    """If one call was requested, a second one is neither returned nor sent later."""
    both = [tool_call('{"city": "Lisbon"}'), tool_call('{"city": "Porto"}', "c-2")]
    llm, server = scripted(calling_response(*both, stream=False), respond_json(HI))
    response = TOOL_CHATS[method](llm, make_tools(), user_msg=BOTH)[-1]
    assert sent_field(server, "parallel_tool_calls") is False
    (selected,) = llm.get_tool_calls_from_response(response)
    assert selected.tool_kwargs == {"city": "Lisbon"}
    llm.chat([response.message, tool_result(TextBlock(text="Fog."))])
    assert sent_field(server)[0]["tool_calls"] == both[:1]


@pytest.mark.parametrize(
    "message",
    [
        ChatMessage(
            role="assistant",
            blocks=[
                ToolCallBlock(
                    tool_call_id="c-1", tool_name="get_weather", tool_kwargs={"city": "Lisbon"}
                )
            ],
        ),
        ChatMessage(
            role="assistant", additional_kwargs={"tool_calls": [tool_call('{"city": "Lisbon"}')]}
        ),
    ],
    ids=["block", "additional_kwargs"],
)
def test_calls_of_earlier_turns(scripted: Scripted, message: ChatMessage) -> None:
    """A call is sent whether a block or the additional arguments hold it."""
    llm, server = scripted(respond_json(HI))
    llm.chat([ChatMessage(content=WEATHER), message, tool_result(TextBlock(text="Fog."))])
    question, calling, answer = sent_field(server)
    assert question == {"role": "user", "content": WEATHER}
    assert calling == {"role": "assistant", "tool_calls": [tool_call('{"city": "Lisbon"}')]}
    assert answer == {"role": "tool", "tool_call_id": "c-1", "content": "Fog."}


def test_malformed_calls(make_llm: Make) -> None:
    """A call in the additional arguments that is not in the chat schema is an error."""
    message = ChatMessage(role="assistant", additional_kwargs={"tool_calls": [{"name": "f"}]})
    with pytest.raises(UnsupportedError, match="not in the chat schema"):
        make_llm().chat([message])


def test_unknown_choice(make_llm: Make, chat_with_tools: Method) -> None:
    """A choice that is none of the tools is an error."""
    with pytest.raises(UnsupportedError, match="the tools are: get_weather, set_alarm"):
        chat_with_tools(make_llm(), make_tools(), user_msg=WEATHER, tool_choice="sing")


def test_no_tools(make_llm: Make, chat_with_tools: Method) -> None:
    """Without tools, a chat with tools is a chat."""
    response = chat_with_tools(make_llm(), [], user_msg="Hello?")[-1]
    assert response.message.content == 'You wrote: "Hello?".'


# --- audio


def test_audio_of_tools(scripted: Scripted) -> None:
    """Results of tools are text; their audio follows as a turn of the user."""
    llm, server = scripted(respond_json(HI))
    llm.chat(
        [
            ChatMessage(content="Speak!"),
            ChatMessage(
                role="assistant",
                additional_kwargs={"tool_calls": [tool_call("{}"), tool_call("{}", "c-2")]},
            ),
            tool_result(TextBlock(text="Spoken."), AudioBlock(path=CLIP)),
            tool_result(TextBlock(text="Fog."), call_id="c-2"),
            ChatMessage(content="And?"),
        ]
    )
    messages = sent_field(server)
    assert [each["role"] for each in messages] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "user",
        "user",
    ]
    assert messages[2]["content"] == "Spoken.\n(audio/mp3, played next)"
    note, clip = messages[4]["content"]
    assert note["text"] == "The tools played this:"
    assert base64.b64decode(clip["input_audio"]["data"]) == CLIP.read_bytes()
    assert messages[5]["content"] == "And?"


@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("voice", ["nova", None])
def test_audio_of_tools_in_agents(
    make_llm: Make,
    monday: Path,
    streaming: bool,  # noqa: FBT001
    voice: str | None,
) -> None:
    """An agent answers about a recording that a tool returned, in text and aloud."""

    def play_meeting() -> list[Any]:
        """Return the last meeting."""
        return [TextBlock(text="Here it is."), AudioBlock(path=monday)]

    player_tools: list[Any] = [FunctionTool.from_defaults(play_meeting)]
    agent = FunctionAgent(tools=player_tools, llm=make_llm(voice=voice), streaming=streaming)
    answer = run_agent(AgentWorkflow([agent]), "Please play meeting, the last one.")
    assert MINUTES in (answer.response.content or "")
    kinds = [block.block_type for block in answer.response.blocks]
    assert kinds == (["text", "audio"] if voice else ["text"])


@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
@pytest.mark.parametrize("streaming", [True, False])
def test_agent_with_the_tool_spec(
    make_llm: Make,
    monday: Path,
    tmp_path: Path,
    beacon_url: str,
    streaming: bool,  # noqa: FBT001
) -> None:
    """An agent with our model reads a recording with our tools."""
    settings: dict[str, Any] = {"api_key": "sk-chat-1234", "base_url": beacon_url}
    spec = ApertisAudioToolSpec(monday.parent, output=tmp_path, **settings)
    spec_tools: list[Any] = spec.to_tool_list(["transcribe_audio"])
    agent = FunctionAgent(tools=spec_tools, llm=make_llm(), streaming=streaming)
    answer = run_agent(agent, "Please transcribe audio 'monday.mp3'.")
    assert "The tool answered: " in (answer.response.content or "")
    assert MINUTES in (answer.response.content or "")


class CallbackRecorder(BaseCallbackHandler):
    """Records the payloads of callbacks as text."""

    def __init__(self) -> None:
        super().__init__([], [])
        self.payloads: list[str] = []

    def on_event_start(self, *payload: Any, **_: Any) -> str:
        """Record the start of an event."""
        self.payloads.append(repr(payload))
        return ""

    def on_event_end(self, *payload: Any, **_: Any) -> None:
        """Record the end of an event."""
        self.payloads.append(repr(payload))

    def start_trace(self, trace_id: str | None = None) -> None:
        """Do nothing."""

    def end_trace(self, trace_id: str | None = None, trace_map: Any = None) -> None:
        """Do nothing."""


@pytest.fixture
def recorders() -> Iterator[tuple[EventRecorder, SpanRecorder]]:
    """Record events and spans during the test."""
    with record_instrumentation() as recorders:
        yield recorders


def sample(clip: AudioBlock) -> str:
    """Return a part of the base64 in an audio block."""
    assert isinstance(clip.audio, bytes)
    return clip.audio[1000:1060].decode()


def test_instrumentation_without_audio(make_llm: Make, chat: Method, recorders: Any) -> None:
    """Events, spans and callbacks hold text and formats, but neither input nor output audio."""
    callbacks = CallbackRecorder()
    llm = make_llm(voice="nova", callback_manager=CallbackManager([callbacks]))
    clip = AudioBlock(audio=CLIP.read_bytes())
    reply = chat(llm, [ChatMessage(role="user", blocks=[TextBlock(text="Well?"), clip])])[
        -1
    ].message
    assert len(reply.blocks[1].resolve_audio().read()) > 10_000
    events, spans = recorders
    everything = "".join([events.as_text(), spans.as_text(), *callbacks.payloads])
    assert sample(clip) not in everything
    assert sample(reply.blocks[1]) not in everything
    assert "Well?" in events.as_text()
    assert reply.content.replace('"', '\\"') in events.as_text()
    assert '"format":"mp3"' in events.as_text()
    assert '"format":"wav"' in events.as_text()


def test_instrumentation_of_tool_chats(
    make_llm: Make, chat_with_tools: Method, recorders: Any
) -> None:
    """Events and spans of a chat with tools hold no audio."""
    clip = AudioBlock(audio=CLIP.read_bytes())
    history = [ChatMessage(role="user", blocks=[clip, TextBlock(text=WEATHER)])]
    chat_with_tools(make_llm(), make_tools(), chat_history=history)
    events, spans = recorders
    assert sample(clip) not in events.as_text() + spans.as_text()
