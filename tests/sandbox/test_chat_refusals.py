"""Chat requests that the sandbox refuses."""

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

CLIPS = Path(__file__).parents[1] / "clips"
MODEL = "gpt-4o-audio-preview"
HELLO = {"role": "user", "content": "Hello"}
TOOL = {"type": "function", "function": {"name": "speak"}}
CALL = {
    "role": "assistant",
    "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "speak", "arguments": "{}"}}
    ],
}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "done"}
AUDIO = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
WAV = base64.b64encode((CLIPS / "clip.wav").read_bytes()).decode()
OGG = base64.b64encode((CLIPS / "clip.ogg").read_bytes()).decode()


def refused(client: httpx.Client, **fields: Any) -> tuple[int, str, str | None]:
    """Return status, code and parameter of an error response."""
    body = {"model": MODEL, "messages": [HELLO], **fields}
    response = client.post("/chat/completions", json=body)
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    return response.status_code, error["code"], error["param"]


@pytest.mark.parametrize(
    ("model", "refusal"),
    [
        ("gpt-4o", (404, "model_not_found", "model")),
        ("gpt-4o-2024-11-20", (404, "model_not_found", "model")),
        ("whisper-1", (400, "invalid_parameter", "model")),
        ("tts-1", (400, "invalid_parameter", "model")),
        (None, (400, "invalid_parameter", "model")),
    ],
)
def test_models(
    client: httpx.Client, model: str | None, refusal: tuple[int, str, str | None]
) -> None:
    """Models other than the audio chat model are refused."""
    assert refused(client, model=model) == refusal


@pytest.mark.parametrize("absent", ["model", "messages"])
def test_missing_parameter(client: httpx.Client, absent: str) -> None:
    """Model and messages are required."""
    body = {"model": MODEL, "messages": [HELLO]}
    del body[absent]
    error = client.post("/chat/completions", json=body).json()["error"]
    assert (error["code"], error["param"]) == ("missing_parameter", absent)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("messages", []),
        ("messages", "Hello"),
        ("messages", {}),
        ("messages", None),
        *(("temperature", value) for value in (-0.1, 2.1, "1")),
        ("modalities", []),
        ("modalities", "text"),
        *(("n", value) for value in (0, 2)),
        *(("max_tokens", value) for value in (0, -1, 1.5)),
        ("stop", 5),
        ("stop", ["a"] * 5),
        ("stream", "true"),
        ("stream", 1),
        ("tools", []),
        ("tools", {}),
        ("tool_choice", "auto"),
        ("tool_choice", "any"),
        ("tool_choice", {"type": "function"}),
        ("stream_options", {"include_usage": True}),
        ("seed", 1.5),
    ],
)
def test_invalid_parameter(client: httpx.Client, field: str, value: object) -> None:
    """Values out of range or of a wrong type are refused; the error names the parameter."""
    _, code, param = refused(client, **{field: value})
    assert code in {"invalid_parameter", "missing_parameter"}
    assert param is not None
    assert param.startswith(field)


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"modalities": ["video"]}, "invalid_parameter", "modalities[0]"),
        ({"modalities": ["audio"]}, "missing_parameter", "audio"),
        ({"audio": {"voice": "alloy"}}, "missing_parameter", "audio.format"),
        ({"audio": {"format": "wav"}}, "missing_parameter", "audio.voice"),
        (AUDIO | {"audio": {"voice": "x", "format": "wav"}}, "invalid_parameter", "audio.voice"),
        (
            AUDIO | {"audio": {"voice": "alloy", "format": "ogg"}},
            "invalid_parameter",
            "audio.format",
        ),
        (AUDIO | {"stream": True}, "invalid_parameter", "stream"),
        ({"response_format": {"type": "xml"}}, "invalid_parameter", "response_format.type"),
        (
            {"response_format": {"type": "json_schema"}},
            "missing_parameter",
            "response_format.json_schema",
        ),
        ({"tools": [{"type": "function"}]}, "missing_parameter", "tools[0].function"),
        (
            {"tools": [{"type": "function", "function": {"name": "a b"}}]},
            "invalid_parameter",
            "tools[0].function.name",
        ),
        (
            {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "sing"}}},
            "invalid_parameter",
            "tool_choice",
        ),
    ],
)
def test_inconsistent_parameters(
    client: httpx.Client, fields: dict[str, Any], code: str, param: str
) -> None:
    """Inconsistent or incomplete parameters are refused; the error has their path."""
    assert refused(client, **fields) == (400, code, param)


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ("Hello", "invalid_parameter", "messages[1]"),
        ({"content": "Hello"}, "invalid_parameter", "messages[1]"),
        ({"role": "narrator", "content": "Hello"}, "invalid_parameter", "messages[1]"),
        ({"role": "user"}, "missing_parameter", "messages[1].content"),
        ({"role": "user", "content": None}, "invalid_parameter", "messages[1].content"),
        ({"role": "user", "content": []}, "invalid_parameter", "messages[1].content"),
        ({"role": "assistant"}, "invalid_parameter", "messages[1]"),
        ({"role": "assistant", "tool_calls": []}, "invalid_parameter", "messages[1].tool_calls"),
        (CALL, "invalid_parameter", "messages[1]"),
        (RESULT, "invalid_parameter", "messages[1]"),
    ],
)
def test_messages(client: httpx.Client, message: object, code: str, param: str) -> None:
    """Incomplete messages and unanswered tool calls are refused; the error has their path."""
    assert refused(client, messages=[HELLO, message]) == (400, code, param)


def test_tool_results(client: httpx.Client) -> None:
    """Each tool call needs exactly one result, directly after it."""
    assert refused(client, messages=[HELLO, CALL, HELLO, RESULT])[2] == "messages[2]"
    assert refused(client, messages=[HELLO, CALL, RESULT, RESULT])[2] == "messages[3]"
    body = {"model": MODEL, "messages": [HELLO, CALL, RESULT]}
    assert client.post("/chat/completions", json=body).status_code == 200


@pytest.mark.parametrize(
    ("block", "code", "param"),
    [
        ({"type": "text"}, "missing_parameter", ".text"),
        ({"type": "image_url", "image_url": {"url": "x"}}, "invalid_parameter", ""),
        ({"type": "input_audio"}, "missing_parameter", ".input_audio"),
        (
            {"type": "input_audio", "input_audio": {"data": WAV}},
            "missing_parameter",
            ".input_audio.format",
        ),
        (
            {"type": "input_audio", "input_audio": {"format": "wav"}},
            "missing_parameter",
            ".input_audio.data",
        ),
        (
            {"type": "input_audio", "input_audio": {"data": OGG, "format": "ogg"}},
            "invalid_parameter",
            ".input_audio.format",
        ),
    ],
)
def test_blocks(client: httpx.Client, block: dict[str, Any], code: str, param: str) -> None:
    """Unknown and incomplete blocks are refused."""
    message = {"role": "user", "content": [block]}
    assert refused(client, messages=[message]) == (400, code, f"messages[0].content[0]{param}")


@pytest.mark.parametrize(
    ("data", "audio_format", "code"),
    [
        ("%%%", "wav", "invalid_parameter"),
        (f"data:audio/wav;base64,{WAV}", "wav", "invalid_parameter"),
        ("ä", "wav", "invalid_parameter"),
        ("", "wav", "invalid_parameter"),
        ("AAAA", "wav", "invalid_file_format"),
        (WAV, "mp3", "invalid_file_format"),
        (OGG, "wav", "invalid_file_format"),
    ],
)
def test_recordings(client: httpx.Client, data: str, audio_format: str, code: str) -> None:
    """Recordings that are not base64, or not in the format they declare, are refused."""
    block = {"type": "input_audio", "input_audio": {"data": data, "format": audio_format}}
    status, found, param = refused(client, messages=[{"role": "user", "content": [block]}])
    assert (status, found) == (400, code)
    assert param is not None
    assert param.startswith("messages[0].content")


@pytest.mark.parametrize("role", ["system", "assistant", "tool"])
def test_recordings_of_other_roles(client: httpx.Client, role: str) -> None:
    """Audio blocks in messages of other roles than the user are refused."""
    block = {"type": "input_audio", "input_audio": {"data": WAV, "format": "wav"}}
    message = {"role": role, "content": [block], "tool_call_id": "call_1"}
    assert refused(client, messages=[HELLO, message])[1] == "invalid_parameter"
