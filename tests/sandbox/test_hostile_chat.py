"""Chat requests made to do harm: they are answered or refused at once, and with little memory."""

import json
import time
import tracemalloc
from typing import Any

import httpx
import pytest

from apertis_audio_tools.sandbox.schema_filling import fill_schema, quoted_phrases

MODEL = "gpt-4o-audio-preview"
LONG = 64 * 1024


def ask(client: httpx.Client, text: str, **fields: Any) -> httpx.Response:
    body = {"model": MODEL, "messages": [{"role": "user", "content": text}], **fields}
    return client.post("/chat/completions", json=body)


def tool(name: str, **schema: Any) -> dict[str, Any]:
    """Return the declaration of a tool."""
    return {"type": "function", "function": {"name": name, "parameters": schema}}


@pytest.mark.parametrize("text", ["[],", "{},", '{"a":1,"b":2},'])
def test_many_values(client: httpx.Client, text: str) -> None:
    """A body of more values than any conversation has is refused before it is parsed."""
    filler = (text * (3_000_000 // len(text)))[:-1]
    content = f'{{"model": "{MODEL}", "messages": [{filler}]}}'.encode()
    response = client.post("/chat/completions", content=content)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (413, "invalid_request")
    assert error["message"] == "The request body has more than 200000 values."


@pytest.mark.parametrize(
    "repeated", ["“", '"', "'", "' ", "`", "a", "1", "1.", "a.", "-", "\\", "/"]
)
def test_time_is_linear(repeated: str) -> None:
    """Looking for quotations, names and numbers takes no time that grows with the square."""
    text = (repeated * LONG)[:LONG] + "é"
    before = time.process_time()
    fill_schema({"type": "string"}, text)
    quoted_phrases(text)
    assert time.process_time() - before < 2


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("play “one” and “two”", ["one", "two"]),
        ("play “one and “two”", ["two"]),
        ("""say "a 'b'" it's 'c'""", ["a 'b'", "c"]),
    ],
)
def test_quotations(text: str, phrases: list[str]) -> None:
    """Quotations of all kinds are found."""
    assert quoted_phrases(text) == phrases


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("open ../a/b.mp3, please", "../a/b.mp3"),
        ("open C:\\x.wav", "\\x.wav"),
        ("open a.b.flac", "a.b.flac"),
    ],
)
def test_file_names(text: str, value: str) -> None:
    """Names of files are found."""
    assert fill_schema({"type": "string"}, text) == value


def test_replies_end(client: httpx.Client) -> None:
    """A reply has at most 16,384 tokens, whatever was written."""
    choice = ask(client, "word " * 100_000).json()["choices"][0]
    assert choice["finish_reason"] == "length"
    assert len(choice["message"]["content"]) == 4 * 16_384


def test_json_replies_do_not_multiply(client: httpx.Client) -> None:
    """The keys of a JSON reply times its sentence are no multiple of the request."""
    text = " ".join(f"'{number}'" for number in range(100_000))
    tracemalloc.start()
    try:
        response = ask(client, text, response_format={"type": "json_object"})
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert response.status_code == 200
    assert most < 100_000_000


def test_arguments_do_not_multiply(client: httpx.Client) -> None:
    """Tools whose arguments would repeat a long message are refused."""
    names = [f"a{number}" for number in range(100)]
    schema = {
        "type": "object",
        "required": names,
        "properties": {n: {"type": "string"} for n in names},
    }
    fields = {"tools": [tool("note", **schema)], "tool_choice": "required"}
    assert ask(client, "Note it.", **fields).json()["choices"][0]["finish_reason"] == "tool_calls"
    error = ask(client, "Note it. " * 1000, **fields).json()["error"]
    assert (error["code"], error["param"]) == ("invalid_parameter", "tools")


def test_number_of_tools(client: httpx.Client) -> None:
    """More than 128 tools are refused."""
    tools = [tool(f"t{number}") for number in range(129)]
    assert ask(client, "Hello", tools=tools[:128]).status_code == 200
    assert ask(client, "Hello", tools=tools).json()["error"]["param"] == "tools"


def test_endless_numbers(client: httpx.Client) -> None:
    """An integer that must be larger than all numbers is a malformed schema."""
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    declared = tool("count", **schema)
    body = json.dumps(
        {
            "model": MODEL,
            "messages": [{"role": "user", "content": "count"}],
            "tools": [declared],
        }
    ).replace('"integer"', '"integer", "minimum": 1e999')
    response = client.post("/chat/completions", content=body.encode())
    assert response.json()["error"]["message"] == "The JSON schema is malformed."
