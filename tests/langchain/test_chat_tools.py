"""The chat model calls tools and follows schemas."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import pytest
from langchain.agents import create_agent
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from apertis_audio_tools import FileAccess, UnsupportedError
from apertis_audio_tools.langchain import ChatApertisAudio
from support.langchain_chat import Ask, merge_chunks
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_chunked, respond_json

CLIPS = Path(__file__).parents[1] / "clips"
Make = Callable[..., ChatApertisAudio]
DONE = {"choices": [{"message": {"content": "Done."}}]}


@tool
def get_weather(city: str) -> str:
    """Return the weather in a city."""
    return f"Fog in {city}."


@tool
def set_alarm(minutes: int) -> str:
    """Ring after some minutes."""
    return f"Rings in {minutes} minutes."


TOOLS = [get_weather, set_alarm]


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        (None, ["get_weather"]),
        ("auto", ["get_weather"]),
        ("any", ["get_weather"]),
        ("required", ["get_weather"]),
        (True, ["get_weather"]),
        ("set_alarm", ["set_alarm"]),
        ({"type": "function", "function": {"name": "set_alarm"}}, ["set_alarm"]),
        ("none", []),
        (False, ["get_weather"]),
    ],
)
def test_tool_choice(make: Make, choice: Any, names: list[str]) -> None:
    """A tool choice is accepted in every form that LangChain uses."""
    model = make().bind_tools(TOOLS, tool_choice=choice)
    reply = model.invoke("How is the weather in 'Lisbon'?")
    assert [call["name"] for call in reply.tool_calls] == names


@pytest.mark.parametrize("tools", [[get_weather], []])
def test_unknown_tool_choice(make: Make, tools: list[Any]) -> None:
    """Choosing a tool that does not exist is refused."""
    with pytest.raises(UnsupportedError, match="the tools are: "):
        make().bind_tools(tools, tool_choice="sing")


def test_no_tools(make: Make, ask: Ask) -> None:
    """An empty list of tools means no tools."""
    model = make(parallel_tool_calls=False).bind_tools([], tool_choice="auto")
    assert ask(model, "Hello?").text == 'You wrote: "Hello?".'


def test_parallel_calls(make: Make, ask: Ask) -> None:
    """Several tools are called at once, unless parallel calls are off."""
    question = "The weather in 'Lisbon', and set alarm in 5 minutes."
    reply = ask(make().bind_tools(TOOLS), question)
    calls = [(call["name"], call["args"]) for call in reply.tool_calls]
    assert calls == [("get_weather", {"city": "Lisbon"}), ("set_alarm", {"minutes": 5})]
    assert len({call["id"] for call in reply.tool_calls}) == 2
    assert len(ask(make().bind_tools(TOOLS, parallel_tool_calls=False), question).tool_calls) == 1
    assert len(ask(make(parallel_tool_calls=False).bind_tools(TOOLS), question).tool_calls) == 1


@pytest.mark.parametrize("index", [{"index": 0}, {"index": None}, {}])
def test_streamed_calls_with_one_index(scripted: Make, stream: Ask, index: dict[str, Any]) -> None:
    """Calls with the same index and different ids are different calls."""
    calls = [
        {**index, "id": name, "function": {"name": "f", "arguments": json.dumps({"a": name})}}
        for name in ("c-1", "c-2")
    ]
    deltas = [{"choices": [{"delta": {"tool_calls": [call]}}]} for call in calls]
    end = {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}
    events = [b"data: %b\n\n" % json.dumps(each).encode() for each in (*deltas, end)]
    reply = merge_chunks(stream(scripted(respond_chunked(events, "text/event-stream")), "Hello?"))
    assert [call["args"] for call in reply.tool_calls] == [{"a": "c-1"}, {"a": "c-2"}]
    assert [call["id"] for call in reply.tool_calls] == ["c-1", "c-2"]


def test_calls_of_a_speaking_model(make: Make, ask: Ask) -> None:
    """A model with a voice can call tools."""
    reply = ask(make(voice="nova").bind_tools(TOOLS), "The weather in 'Lisbon'?")
    assert reply.tool_calls[0]["args"] == {"city": "Lisbon"}
    assert [block["type"] for block in reply.content_blocks] == ["tool_call"]


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        ("Fog.", "Fog."),
        ("", ""),
        ([{"type": "text", "text": "Fog."}, "And rain."], "Fog.\nAnd rain."),
        ([{"type": "json", "value": 7}], '{"type": "json", "value": 7}'),
        (
            [{"type": "audio", "base64": "UklG", "mime_type": "audio/mpeg"}],
            "(audio/mpeg, not shown)",
        ),
        ([{"type": "image_url", "image_url": {"url": "data:x"}}], "(image_url, not shown)"),
    ],
)
def test_tool_results(make: Make, content: Any, sent: str) -> None:
    """Results of tools reach the model as text, without audio or images in base64."""
    question = HumanMessage("The weather in 'Lisbon'?")
    model = make().bind_tools(TOOLS)
    reply = model.invoke([question])
    result = ToolMessage(content, tool_call_id=reply.tool_calls[0]["id"])
    assert model.invoke([question, reply, result]).text == f'The tool answered: "{sent}".'


def test_artifacts_are_not_sent() -> None:
    """The artifact of a tool result, such as audio, is not sent."""
    call = AIMessage("", tool_calls=[{"id": "c-1", "name": "speak", "args": {}}])
    result = ToolMessage("Spoken.", tool_call_id="c-1", artifact={"audio": b"sound"})
    with LoopbackServer([respond_json(DONE)]) as server, server.client() as client:
        ChatApertisAudio(client=client).invoke([HumanMessage("Speak!"), call, result])
    sent = json.loads(server.requests[0].body)["messages"]
    assert sent[-1] == {"role": "tool", "tool_call_id": "c-1", "content": "Spoken."}


def test_agent_with_audio(make: Make, invoke: Ask) -> None:
    """An agent gets a clip, calls a tool, and speaks its answer."""

    @tool
    def meeting(topic: str) -> str:
        """Find a meeting."""
        return f"Noted: {topic}"

    model = make(voice="nova", file_access=FileAccess(CLIPS))
    agent = create_agent(model, [meeting], system_prompt="You keep the calendar.")
    clip = {"type": "audio", "path": "clip.mp3"}
    messages = invoke(agent, {"messages": [HumanMessage(["Listen:", clip])]})["messages"]
    assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]
    assert "tomorrow" in messages[1].tool_calls[0]["args"]["topic"]
    assert messages[-1].text.startswith('The tool answered: "Noted: ')
    assert messages[-1].content_blocks[1]["type"] == "audio"


class Meeting(BaseModel):
    """Time and place of a meeting."""

    city: str = Field(description="Where")
    hour: int


class MeetingDict(TypedDict):
    """Time and place of a meeting."""

    city: str
    hour: int


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
@pytest.mark.parametrize("schema", [Meeting, MeetingDict, Meeting.model_json_schema()])
def test_structured_output(make: Make, method: Any, schema: Any) -> None:
    """A reply follows a schema of any kind, with either method."""
    model = make().with_structured_output(schema, method=method)
    found: Any = model.invoke("In 'Lisbon' at 9.")
    assert (found.model_dump() if schema is Meeting else found) == {"city": "Lisbon", "hour": 9}


@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
def test_invalid_structured_output(make: Make, method: Any) -> None:
    """A reply that does not follow the schema is an error, or is returned next to it."""

    class Impossible(BaseModel):
        """Schema that no reply of the sandbox follows."""

        city: str = Field(pattern="^$")

    model = make().with_structured_output(Impossible, method=method)
    with pytest.raises((OutputParserException, ValueError)):
        model.invoke("In 'Lisbon'.")
    model = make().with_structured_output(Impossible, method=method, include_raw=True)
    found: Any = model.invoke("In 'Lisbon'.")
    assert isinstance(found["raw"], AIMessage)
    assert found["parsed"] is None
    assert found["parsing_error"]


def test_structured_output_with_raw(make: Make, ask: Ask) -> None:
    """With ``include_raw`` the message is returned beside the object."""
    model = make().with_structured_output(Meeting, include_raw=True)
    found = ask(model, "In 'Lisbon' at 9.")
    assert found["parsed"] == Meeting(city="Lisbon", hour=9)
    assert (found["raw"].tool_calls[0]["name"], found["parsing_error"]) == ("Meeting", None)


def test_unknown_method(make: Make) -> None:
    """An unknown method is refused."""
    with pytest.raises(UnsupportedError, match="method is 'other'"):
        make().with_structured_output(Meeting, method="other")  # type: ignore[arg-type]
