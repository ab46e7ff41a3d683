"""When the sandbox calls a tool, and what it fills in."""

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
    """A tool's declaration."""
    return {"type": "function", "function": {"name": name, "parameters": parameters or NOTHING}}


def takes(schema: object, name: str = "it") -> dict[str, Any]:
    """The schema of a tool with one argument."""
    return {"type": "object", "properties": {name: schema}, "required": [name]}


TOOLS = [tool("transcribe_audio"), tool("speak"), tool("getWeather")]


def post(client: httpx.Client, text: str | list[dict[str, Any]], **fields: Any) -> httpx.Response:
    """Say something to the model, with tools."""
    messages = [{"role": "user", "content": text}, *fields.pop("then", [])]
    body = {"model": MODEL, "messages": messages, **fields}
    return client.post("/chat/completions", json=body)


def called(client: httpx.Client, text: str | list[dict[str, Any]], **fields: Any) -> list[str]:
    """The names of the tools that are called."""
    choice = post(client, text, **{"tools": TOOLS, **fields}).json()["choices"][0]
    calls = choice["message"].get("tool_calls", [])
    assert (choice["finish_reason"] == "tool_calls") == bool(calls)
    assert (choice["message"]["content"] is None) == bool(calls)
    return [call["function"]["name"] for call in calls]


def argument(client: httpx.Client, schema: object, text: str, name: str = "it") -> Any:
    """What a forced tool call has for its only argument."""
    tools = [tool("do_it", takes(schema, name))]
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
def test_what_is_got(client: httpx.Client, text: str, names: list[str]) -> None:
    """A tool that gets something is named by what it gets."""
    assert called(client, text, tools=[tool("get_weather"), tool("get")]) == names


@pytest.mark.parametrize("text", ["hello", "please speak"])
def test_forced_tools(client: httpx.Client, text: str) -> None:
    """A forced tool is called whatever the user said; if any will do, the named or the first."""
    forced = {"type": "function", "function": {"name": "getWeather"}}
    assert called(client, text, tool_choice=forced) == ["getWeather"]
    expected = ["speak"] if "speak" in text else ["transcribe_audio"]
    assert called(client, text, tool_choice="required") == expected


def test_tools_named_aloud(client: httpx.Client) -> None:
    """A tool is also called when a recording names it."""
    data = base64.b64encode((CLIPS / "clip.wav").read_bytes()).decode()
    heard = [{"type": "input_audio", "input_audio": {"data": data, "format": "wav"}}]
    assert called(client, heard, tools=[tool("meeting")]) == ["meeting"]


def test_the_result_of_a_tool_is_quoted(client: httpx.Client) -> None:
    """After a tool has answered, its answer is quoted and no tool is called again."""
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


def test_a_streamed_call(client: httpx.Client) -> None:
    """The pieces of a streamed call make up the call."""
    tools = [tool("speak", takes({"type": "string"}, "text"))]
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
        (takes({"type": "integer"}, "deep"), "8", {"deep": 8}),
        ({"type": "object", "properties": {"optional": {"type": "integer"}}}, "8", {}),
        ({}, "anything", None),
        (True, "anything", None),
    ],
)
def test_arguments(client: httpx.Client, schema: object, text: str, value: object) -> None:
    """An argument follows its schema, with what the user's words offer."""
    assert argument(client, schema, text) == value


def test_paths_are_file_names(client: httpx.Client) -> None:
    """An argument that is named like a file takes a file name before a quotation."""
    text = 'transcribe "loudly" what is in calls/standup.m4a'
    assert argument(client, {"type": "string"}, text, "path") == "calls/standup.m4a"
    assert argument(client, {"type": "string"}, text, "manner") == "loudly"


def test_references(client: httpx.Client) -> None:
    """References within a schema are followed."""
    schema = takes({"$ref": "#/$defs/Span"}) | {
        "$defs": {"Span": takes({"$ref": "#/$defs/Time"}, "end"), "Time": {"type": "number"}}
    }
    answer = post(client, "until 12.5", tools=[tool("do_it", schema)], tool_choice="required")
    function = answer.json()["choices"][0]["message"]["tool_calls"][0]["function"]
    assert json.loads(function["arguments"]) == {"it": {"end": 12.5}}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        takes({"$ref": "#"}),
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
def test_schemas_that_cannot_be_followed(client: httpx.Client, schema: dict[str, Any]) -> None:
    """A schema that is malformed, endless or huge is refused."""
    response = post(client, "x", tools=[tool("do_it", schema)], tool_choice="required")
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_parameter"
