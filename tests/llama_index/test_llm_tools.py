"""The language model calls tools, hears what they play, and is told of without sound."""

import base64
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

from apertis_audio_tools import MalformedResponseError, UnsupportedError
from apertis_audio_tools.llama_index import ApertisAudioLLM, ApertisAudioToolSpec
from support.contract.llama_index_calls import (
    BOTH,
    TOOL_CHATS,
    WEATHER,
    Ask,
    Listening,
    Spanning,
    asked,
    listening,
    tools,
)
from support.loopback import Loopback
from support.scripted_responses import answer, json_answer

CLIPS = Path(__file__).parents[1] / "clips"
CLIP = CLIPS / "clip.mp3"
MINUTES = "00000 00001"
HI: dict[str, Any] = {"choices": [{"message": {"content": "Hi."}}]}
Make = Callable[..., ApertisAudioLLM]
Scripted = Callable[..., tuple[ApertisAudioLLM, Loopback]]


@pytest.fixture(params=TOOL_CHATS)
def chat_with_tools(request: pytest.FixtureRequest) -> Ask:
    """Chats with tools, in each of the four ways."""
    return TOOL_CHATS[request.param]


def call(written: str, call_id: str = "c-1") -> dict[str, Any]:
    """A call as the service has it."""
    function = {"name": "get_weather", "arguments": written}
    return {"id": call_id, "type": "function", "function": function}


def calling(*calls: dict[str, Any], stream: bool) -> Any:
    """An answer with calls, whole or in one event."""
    message = {"content": None, "tool_calls": [{"index": i, **c} for i, c in enumerate(calls)]}
    if not stream:
        return json_answer({"choices": [{"message": message, "finish_reason": "tool_calls"}]})
    event = {"choices": [{"delta": message, "finish_reason": "tool_calls"}]}
    body = f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n".encode()
    return answer(200, body, "text/event-stream")


def sent(server: Loopback, name: str = "messages") -> Any:
    """A field of the last request."""
    return json.loads(server.requests[-1].body).get(name)


def result(*blocks: Any, call_id: str = "c-1") -> ChatMessage:
    """What a tool answered."""
    return ChatMessage(role="tool", blocks=[*blocks], additional_kwargs={"tool_call_id": call_id})


@pytest.mark.parametrize("way", TOOL_CHATS)
@pytest.mark.parametrize("written", ['{"city": "Lis', "[1]", "Lisbon"])
def test_arguments_that_are_none(scripted: Scripted, way: str, written: str) -> None:
    """No tool is called with what the model did not say; the conversation keeps what it did."""
    llm, server = scripted(calling(call(written), stream="stream" in way), json_answer(HI))
    found = TOOL_CHATS[way](llm, tools(), user_msg=WEATHER)[-1]
    with pytest.raises(MalformedResponseError, match="The arguments of get_weather are"):
        llm.get_tool_calls_from_response(found)
    llm.chat([found.message, result(TextBlock(text="What?"))])
    assert sent(server)[0]["tool_calls"] == [call(written)]


@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
@pytest.mark.parametrize("streaming", [True, False])
def test_an_agent_stops_at_nonsense(scripted: Scripted, streaming: bool) -> None:  # noqa: FBT001
    """An agent whose model writes nonsense fails with the error that says so."""
    llm, server = scripted(calling(call('{"city": "Lis'), stream=streaming))
    agent = FunctionAgent(tools=tools(), llm=llm, streaming=streaming)
    with pytest.raises(MalformedResponseError, match="The arguments of get_weather are not JSON"):
        asked(agent, WEATHER)
    assert len(server.requests) == 1


@pytest.mark.parametrize("way", TOOL_CHATS)
def test_arguments_that_are_empty(scripted: Scripted, way: str) -> None:
    """No arguments at all is what some models write for none."""
    llm, _ = scripted(calling(call(""), stream="stream" in way))
    found = TOOL_CHATS[way](llm, tools(), user_msg=WEATHER)[-1]
    assert llm.get_tool_calls_from_response(found)[0].tool_kwargs == {}


@pytest.mark.parametrize("way", ["chat_with_tools", "achat_with_tools"])
def test_a_service_that_calls_too_many(scripted: Scripted, way: str) -> None:
    """Where one call was asked for, a second is neither made nor remembered."""
    both = [call('{"city": "Lisbon"}'), call('{"city": "Porto"}', "c-2")]
    llm, server = scripted(calling(*both, stream=False), json_answer(HI))
    found = TOOL_CHATS[way](llm, tools(), user_msg=BOTH)[-1]
    assert sent(server, "parallel_tool_calls") is False
    (selected,) = llm.get_tool_calls_from_response(found)
    assert selected.tool_kwargs == {"city": "Lisbon"}
    llm.chat([found.message, result(TextBlock(text="Fog."))])
    assert sent(server)[0]["tool_calls"] == both[:1]


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
            role="assistant", additional_kwargs={"tool_calls": [call('{"city": "Lisbon"}')]}
        ),
    ],
    ids=["block", "additional_kwargs"],
)
def test_calls_of_earlier_turns(scripted: Scripted, message: ChatMessage) -> None:
    """A call is understood in a block, and as it was kept before there were such blocks."""
    llm, server = scripted(json_answer(HI))
    llm.chat([ChatMessage(content=WEATHER), message, result(TextBlock(text="Fog."))])
    asked, called, answered = sent(server)
    assert asked == {"role": "user", "content": WEATHER}
    assert called == {"role": "assistant", "tool_calls": [call('{"city": "Lisbon"}')]}
    assert answered == {"role": "tool", "tool_call_id": "c-1", "content": "Fog."}


def test_calls_that_are_none(make_llm: Make) -> None:
    """What is kept as a call and is none is refused."""
    odd = ChatMessage(role="assistant", additional_kwargs={"tool_calls": [{"name": "f"}]})
    with pytest.raises(UnsupportedError, match="not in the chat schema"):
        make_llm().chat([odd])


def test_unknown_choice(make_llm: Make, chat_with_tools: Ask) -> None:
    """A tool that is not there cannot be chosen."""
    with pytest.raises(UnsupportedError, match="the tools are: get_weather, set_alarm"):
        chat_with_tools(make_llm(), tools(), user_msg=WEATHER, tool_choice="sing")


def test_no_tools(make_llm: Make, chat_with_tools: Ask) -> None:
    """An agent without tools is a chat."""
    found = chat_with_tools(make_llm(), [], user_msg="Hello?")[-1]
    assert found.message.content == 'You wrote: "Hello?".'


# --- sound


def test_what_tools_play_is_heard_next(scripted: Scripted) -> None:
    """Results are text; their sound follows when all results are there, as the user's."""
    llm, server = scripted(json_answer(HI))
    spoken = AudioBlock(path=CLIP)
    llm.chat(
        [
            ChatMessage(content="Speak!"),
            ChatMessage(
                role="assistant", additional_kwargs={"tool_calls": [call("{}"), call("{}", "c-2")]}
            ),
            result(TextBlock(text="Spoken."), spoken),
            result(TextBlock(text="Fog."), call_id="c-2"),
            ChatMessage(content="And?"),
        ]
    )
    messages = sent(server)
    assert [each["role"] for each in messages] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "user",
        "user",
    ]
    assert messages[2]["content"] == "Spoken.\n(audio/mp3, played next)"
    told, clip = messages[4]["content"]
    assert told["text"] == "The tools played this:"
    assert base64.b64decode(clip["input_audio"]["data"]) == CLIP.read_bytes()
    assert messages[5]["content"] == "And?"


@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("voice", ["nova", None])
def test_an_agent_hears_its_tools(
    make_llm: Make,
    monday: Path,
    streaming: bool,  # noqa: FBT001
    voice: str | None,
) -> None:
    """An agent is given a recording by a tool, and answers about what is in it, aloud or not."""

    def play_meeting() -> list[Any]:
        """The last meeting."""
        return [TextBlock(text="Here it is."), AudioBlock(path=monday)]

    player: list[Any] = [FunctionTool.from_defaults(play_meeting)]
    agent = FunctionAgent(tools=player, llm=make_llm(voice=voice), streaming=streaming)
    found = asked(AgentWorkflow([agent]), "Please play meeting, the last one.")
    assert MINUTES in (found.response.content or "")
    kinds = [block.block_type for block in found.response.blocks]
    assert kinds == (["text", "audio"] if voice else ["text"])


@pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecationWarning")
@pytest.mark.parametrize("streaming", [True, False])
def test_an_agent_with_the_tool_spec(
    make_llm: Make,
    monday: Path,
    tmp_path: Path,
    beacon_url: str,
    streaming: bool,  # noqa: FBT001
) -> None:
    """An agent that hears reads a recording with the tools of this package."""
    settings: dict[str, Any] = {"api_key": "sk-chat", "base_url": beacon_url}
    spec = ApertisAudioToolSpec(monday.parent, output=tmp_path, **settings)
    offered: list[Any] = spec.to_tool_list(["transcribe_audio"])
    agent = FunctionAgent(tools=offered, llm=make_llm(), streaming=streaming)
    found = asked(agent, "Please transcribe audio 'monday.mp3'.")
    assert "The tool answered: " in (found.response.content or "")
    assert MINUTES in (found.response.content or "")


class Keeping(BaseCallbackHandler):
    """Keeps what callbacks are given, as text."""

    def __init__(self) -> None:
        super().__init__([], [])
        self.seen: list[str] = []

    def on_event_start(self, *given: Any, **_: Any) -> str:
        """Keep it."""
        self.seen.append(repr(given))
        return ""

    def on_event_end(self, *given: Any, **_: Any) -> None:
        """Keep it."""
        self.seen.append(repr(given))

    def start_trace(self, trace_id: str | None = None) -> None:
        """Nothing to do."""

    def end_trace(self, trace_id: str | None = None, trace_map: Any = None) -> None:
        """Nothing to do."""


@pytest.fixture
def told() -> Iterator[tuple[Listening, Spanning]]:
    """What instrumentation hears, and what spans are given."""
    with listening() as told:
        yield told


def sample(clip: AudioBlock) -> str:
    """Some of the sound, as it is kept in a block."""
    assert isinstance(clip.audio, bytes)
    return clip.audio[1000:1060].decode()


def test_no_sound_is_told(make_llm: Make, chat: Ask, told: Any) -> None:
    """Events, spans and callbacks have words, facts and formats, and no sound, in or out."""
    keeping = Keeping()
    llm = make_llm(voice="nova", callback_manager=CallbackManager([keeping]))
    clip = AudioBlock(audio=CLIP.read_bytes())
    found = chat(llm, [ChatMessage(role="user", blocks=[TextBlock(text="Well?"), clip])])[-1]
    assert len(found.message.blocks[1].resolve_audio().read()) > 10_000
    events, spans = told
    everything = "".join([events.written(), *spans._seen, *keeping.seen])
    assert sample(clip) not in everything
    assert sample(found.message.blocks[1]) not in everything
    assert "Well?" in events.written()
    assert found.message.content.replace('"', '\\"') in events.written()
    assert '"format":"mp3"' in events.written()
    assert '"format":"wav"' in events.written()


def test_no_sound_is_told_of_tools(make_llm: Make, chat_with_tools: Ask, told: Any) -> None:
    """Nor is there any in the spans of a chat with tools."""
    clip = AudioBlock(audio=CLIP.read_bytes())
    history = [ChatMessage(role="user", blocks=[clip, TextBlock(text=WEATHER)])]
    chat_with_tools(make_llm(), tools(), chat_history=history)
    events, spans = told
    assert sample(clip) not in "".join([events.written(), *spans._seen])
