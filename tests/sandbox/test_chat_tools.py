"""Tool calls of the sandbox and their arguments."""

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

CLIPS = Path(__file__).parents[1] / "clips"
MODEL = "gpt-4o-audio-preview"
NOTHING: dict[str, Any] = {"type": "object", "properties": {}}


def tool(name: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the declaration of a tool."""
    return {"type": "function", "function": {"name": name, "parameters": parameters or NOTHING}}


def one_argument(schema: object, name: str = "it") -> dict[str, Any]:
    """Return the schema of a tool with one argument."""
    return {"type": "object", "properties": {name: schema}, "required": [name]}


TOOLS = [tool("transcribe_audio"), tool("speak"), tool("getWeather")]


def post(client: httpx.Client, text: str | list[dict[str, Any]], **fields: Any) -> httpx.Response:
    """Send a user message to the chat endpoint."""
    messages = [{"role": "user", "content": text}, *fields.pop("then", [])]
    body = {"model": MODEL, "messages": messages, **fields}
    return client.post("/chat/completions", json=body)


def called(client: httpx.Client, text: str | list[dict[str, Any]], **fields: Any) -> list[str]:
    """Return the names of the tools that are called."""
    choice = post(client, text, **{"tools": TOOLS, **fields}).json()["choices"][0]
    calls = choice["message"].get("tool_calls", [])
    assert (choice["finish_reason"] == "tool_calls") == bool(calls)
    assert (choice["message"]["content"] is None) == bool(calls)
    return [call["function"]["name"] for call in calls]


def argument(client: httpx.Client, schema: object, text: str, name: str = "it") -> Any:
    """Return the only argument of a forced tool call."""
    tools = [tool("do_it", one_argument(schema, name))]
    answer = post(client, text, tools=tools, tool_choice="required").json()
    function = answer["choices"][0]["message"]["tool_calls"][0]["function"]
    return json.loads(function["arguments"])[name]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Please TRANSCRIBE AUDIO for me", ["transcribe_audio"]),
        ("call transcribe_audio, then call speak.", ["transcribe_audio", "speak"]),
        ("speak, then transcribe-audio", ["speak", "transcribe_audio"]),
        ("getweather!", ["getWeather"]),
        ("the loudspeaker, the speaker and audio", []),
        ("", []),
    ],
)
def test_tools_named_by_the_user(client: httpx.Client, text: str, names: list[str]) -> None:
    """Tools the user names as whole words are called, in the order they are named."""
    assert called(client, text) == names
    assert called(client, text, tool_choice="auto") == names
    assert called(client, text, parallel_tool_calls=False) == names[:1]
    assert called(client, text, tool_choice="none") == []


@pytest.mark.parametrize(
    ("text", "names"), [("The weather?", ["get_weather"]), ("get it", ["get"]), ("it", [])]
)
def test_get_prefix(client: httpx.Client, text: str, names: list[str]) -> None:
    """A tool named `get_x` is called if the user mentions x."""
    assert called(client, text, tools=[tool("get_weather"), tool("get")]) == names


@pytest.mark.parametrize("text", ["hello", "please speak"])
def test_forced_tools(client: httpx.Client, text: str) -> None:
    """A forced tool is called in any case; "required" calls the mentioned tools, else the first."""
    forced = {"type": "function", "function": {"name": "getWeather"}}
    assert called(client, text, tool_choice=forced) == ["getWeather"]
    expected = ["speak"] if "speak" in text else ["transcribe_audio"]
    assert called(client, text, tool_choice="required") == expected


def test_tools_named_in_a_recording(client: httpx.Client) -> None:
    """A tool is also called if a recording names it."""
    data = base64.b64encode((CLIPS / "clip.wav").read_bytes()).decode()
    question = [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}]
    assert called(client, question, tools=[tool("meeting")]) == ["meeting"]


def test_tool_results_are_quoted(client: httpx.Client) -> None:
    """The results of tools are quoted, and no tool is called again."""
    first = post(client, "transcribe audio and speak", tools=TOOLS).json()["choices"][0]["message"]
    ids = [call["id"] for call in first["tool_calls"]]
    results = [
        {"role": "tool", "tool_call_id": ids[1], "content": "done"},
        {"role": "tool", "tool_call_id": ids[0], "content": [{"type": "text", "text": "words"}]},
    ]
    then = [first, *results]
    answer = post(client, "transcribe audio and speak", tools=TOOLS, then=then).json()
    assert answer["choices"][0]["message"]["content"] == 'The tool answered: "done" and "words".'
    again = [*then, {"role": "user", "content": "speak again"}]
    answer = post(client, "transcribe audio and speak", tools=TOOLS, then=again).json()
    assert len(answer["choices"][0]["message"]["tool_calls"]) == 1


def test_streamed_call(client: httpx.Client) -> None:
    """The chunks of a streamed tool call add up to the call."""
    tools = [tool("speak", one_argument({"type": "string"}, "text"))]
    response = post(client, 'speak "one two three"', tools=tools, stream=True)
    events = [json.loads(line[6:]) for line in response.text.split("\n\n")[:-2]]
    deltas = [event["choices"][0]["delta"] for event in events]
    assert deltas[0] == {"role": "assistant", "content": None}
    (first, *pieces) = [call for delta in deltas for call in delta.get("tool_calls", [])]
    assert (first["index"], first["type"]) == (0, "function")
    assert first["id"].startswith("call_")
    assert first["function"] == {"name": "speak", "arguments": ""}
    arguments = "".join(piece["function"]["arguments"] for piece in pieces)
    assert json.loads(arguments) == {"text": "one two three"}
    assert events[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        ({"const": 5}, "7", 5),
        ({"type": "integer", "default": 3}, "7", 3),
        ({"enum": ["mp3", "wav"]}, "as WAV please", "wav"),
        ({"enum": ["mp3", "wav"]}, "any", "mp3"),
        ({"enum": [None, 1]}, "any", None),
        ({"type": "string"}, "say “hi” or 'ho'", "hi"),
        ({"type": "string"}, "it's in notes.txt here", "notes.txt"),
        ({"type": "string"}, "all of this", "all of this"),
        ({"type": "string", "minLength": 4, "maxLength": 6}, "all of this", "all of"),
        ({"type": "string", "minLength": 4}, "'a'", "a   "),
        ({"type": "integer"}, "wait 12.7 s", 12),
        ({"type": "number"}, "wait -1.5 s", -1.5),
        ({"type": "number"}, "wait", 0),
        ({"type": "integer", "minimum": 20, "maximum": 30}, "12", 20),
        ({"type": "integer", "maximum": 3}, "12", 3),
        ({"type": "integer", "exclusiveMinimum": 0}, "none", 1),
        ({"type": "boolean"}, "", True),
        ({"type": "null"}, "", None),
        ({"type": ["null", "integer"]}, "4", 4),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, "4", 4),
        ({"oneOf": [{"const": 1}, {"const": 2}]}, "", 1),
        ({"allOf": [{"type": "integer"}, {"minimum": 6}]}, "4", 6),
        ({"type": "array", "items": {"type": "integer"}}, "1 2 3", [1]),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, "1 2 3", [1, 2]),
        ({"type": "array", "maxItems": 0}, "", []),
        (one_argument({"type": "integer"}, "deep"), "8", {"deep": 8}),
        ({"type": "object", "properties": {"optional": {"type": "integer"}}}, "8", {}),
        ({}, "anything", None),
        (True, "anything", None),
    ],
)
def test_arguments(client: httpx.Client, schema: object, text: str, value: object) -> None:
    """Arguments follow their schema, with values from the user's text where they fit."""
    assert argument(client, schema, text) == value


def test_paths_are_file_names(client: httpx.Client) -> None:
    """Arguments with names such as path prefer file names to quotations."""
    text = 'transcribe "loudly" what is in calls/standup.m4a'
    assert argument(client, {"type": "string"}, text, "path") == "calls/standup.m4a"
    assert argument(client, {"type": "string"}, text, "manner") == "loudly"


def test_references(client: httpx.Client) -> None:
    """References within a schema are followed."""
    schema = one_argument({"$ref": "#/$defs/Span"}) | {
        "$defs": {"Span": one_argument({"$ref": "#/$defs/Time"}, "end"), "Time": {"type": "number"}}
    }
    answer = post(client, "until 12.5", tools=[tool("do_it", schema)], tool_choice="required")
    function = answer.json()["choices"][0]["message"]["tool_calls"][0]["function"]
    assert json.loads(function["arguments"]) == {"it": {"end": 12.5}}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        one_argument({"$ref": "#"}),
        {"type": "array", "minItems": 10**9, "items": {"type": "array", "minItems": 10**9}},
        {"type": "object", "required": 5},
        {"type": "object", "required": [["x"]]},
        {"type": "array", "minItems": "two"},
        {"type": "string", "maxLength": "x"},
        {"allOf": [5]},
        {"enum": 5},
        {"$ref": 5},
        {"anyOf": {"a": 1}},
    ],
)
def test_invalid_schemas(client: httpx.Client, schema: dict[str, Any]) -> None:
    """Schemas that are malformed, recursive or huge are refused."""
    response = post(client, "x", tools=[tool("do_it", schema)], tool_choice="required")
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_parameter"
