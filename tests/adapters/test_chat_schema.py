"""The chat schema: turns and clips of a request, options, and streamed replies."""

import base64
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import ChatDelta, ChatReply, FileAccess, ToolCall, UnsupportedError, Usage
from apertis_audio_tools.adapters.chat_schema.clips import (
    base64_clip,
    file_clip,
    source_clip,
    stream_clip,
)
from apertis_audio_tools.adapters.chat_schema.options import (
    ChatFields,
    fill_model_name,
    merge_chat_options,
    wants_speech,
)
from apertis_audio_tools.adapters.chat_schema.replies import (
    ReplyBuilder,
    parse_arguments,
    resolve_tool_choice,
    speech_media_type,
)
from apertis_audio_tools.adapters.chat_schema.turns import (
    SpokenTurn,
    assistant_turn,
    instruction_turn,
    tool_audio_note,
    tool_audio_turn,
    tool_turn,
    user_turn,
)
from apertis_audio_tools.api.options import ChatOptions
from apertis_audio_tools.errors import AccessError
from apertis_audio_tools.results import ToolCallDelta

NOW = 1_000_000.0
CALL = ToolCall(id="c-1", name="f", arguments='{"a": 1}')
SENT_CALL = {
    "id": "c-1",
    "type": "function",
    "function": {"name": "f", "arguments": '{"a": 1}'},
}


def test_text_turns() -> None:
    """Turns of text have their text as content."""
    assert instruction_turn("Be brief.") == {"role": "system", "content": "Be brief."}
    assert instruction_turn("x", "developer")["role"] == "developer"
    assert user_turn("Hello?") == {"role": "user", "content": "Hello?"}
    assert user_turn([], "ada") == {"role": "user", "content": "", "name": "ada"}
    assert tool_turn("3", "c-1") == {
        "role": "tool",
        "tool_call_id": "c-1",
        "content": "3",
    }


@pytest.mark.parametrize(
    ("text", "calls", "spoken", "turn"),
    [
        ("Hi.", [], None, {"content": "Hi."}),
        ("", [], None, {"content": ""}),
        ("", [CALL], None, {"tool_calls": [SENT_CALL]}),
        ("Let me see.", [CALL], None, {"content": "Let me see.", "tool_calls": [SENT_CALL]}),
        ("Hi.", [], SpokenTurn("a-1"), {"audio": {"id": "a-1"}}),
        ("Hi.", [CALL], SpokenTurn("a-1"), {"audio": {"id": "a-1"}, "tool_calls": [SENT_CALL]}),
        ("Hi.", [], SpokenTurn("a-1", NOW + 3600), {"audio": {"id": "a-1"}}),
        ("Hi.", [], SpokenTurn("a-1", NOW + 1), {"content": "Hi."}),
        ("", [], SpokenTurn("a-1", NOW - 1, "Aloud."), {"content": "Aloud."}),
        ("", [], SpokenTurn(None, None, "Aloud."), {"content": "Aloud."}),
        ("", [CALL], SpokenTurn(), {"tool_calls": [SENT_CALL]}),
    ],
)
def test_assistant_turns(text: str, calls: Any, spoken: Any, turn: dict[str, Any]) -> None:
    """A spoken reply is sent as its id until that expires, then as words; calls are kept."""
    expected = {"role": "assistant", **turn}
    assert assistant_turn(text, calls, spoken, now=NOW) == expected


def test_spoken_turn_without_id_and_words(caplog: pytest.LogCaptureFixture) -> None:
    """A spoken reply that has neither a valid id nor words becomes a note, with a warning."""
    turn = assistant_turn("", [], SpokenTurn("a-1", NOW - 1), now=NOW)
    assert turn == {"role": "assistant", "content": "[audio no longer available: a-1]"}
    assert "it has no transcript" in caplog.text


@pytest.mark.parametrize(
    "media_type",
    [
        None,
        "audio/mpeg",
        "audio/x-wav",
        "Audio/MP4; codecs=mp4a",
        "video/webm",
        "audio/x-unheard-of",
        "application/octet-stream",
    ],
)
def test_base64(media_type: str | None) -> None:
    """Base64 becomes a source of bytes, whatever kind of audio it is declared as."""
    data = base64.b64encode(b"\x00sound").decode()
    block = base64_clip(data, media_type)
    assert block == {"type": "input_audio", "input_audio": {"data": ("clip", b"\x00sound")}}


@pytest.mark.parametrize("media_type", ["text/plain", "video/quicktime", "wav", ""])
def test_other_media_types(media_type: str) -> None:
    """Content that is not declared as audio is refused."""
    with pytest.raises(UnsupportedError, match="is not an audio type"):
        base64_clip("UklG", media_type)


@pytest.mark.parametrize("media_type", ["audio/L16", "audio/pcm", "audio/x-pcm", "audio/basic"])
def test_headerless_audio(media_type: str) -> None:
    """Raw samples are refused, because they have no sample rate."""
    with pytest.raises(UnsupportedError, match="pass it as wav"):
        base64_clip("UklG", media_type)


@pytest.mark.parametrize("data", ["UklG\n", "data:audio/wav;base64,UklG", "Ukl", "ä", None, 7])
def test_invalid_base64(data: Any) -> None:
    """Data that is not base64 is refused."""
    with pytest.raises(UnsupportedError, match="base64"):
        base64_clip(data)


def test_files_are_closed_with_the_stack(tmp_path: Path) -> None:
    """A file is opened through the file access, and closed with the stack."""
    (tmp_path / "a.wav").write_bytes(b"sound")
    with ExitStack() as files:
        block = file_clip("a.wav", FileAccess(tmp_path), files)
        name, content = block["input_audio"]["data"]
        assert (name, content.read()) == ("a.wav", b"sound")
    assert content.closed


def test_files_without_access() -> None:
    """Without a file access, every file is refused."""
    with ExitStack() as files, pytest.raises(AccessError, match="none may be read"):
        file_clip("a.wav", None, files)


@pytest.mark.parametrize(
    ("modalities", "voice", "is_spoken"),
    [
        (None, None, False),
        (None, "nova", True),
        ([], "nova", True),
        (["text"], "nova", False),
        (["text", "audio"], None, True),
    ],
)
def test_wants_speech(modalities: Any, voice: str | None, is_spoken: bool) -> None:  # noqa: FBT001
    """A voice implies a spoken reply, unless the modalities say otherwise."""
    options = ChatOptions(modalities=modalities, voice=voice)
    assert wants_speech(options) is is_spoken


@pytest.mark.parametrize(
    ("audio_format", "media_type"),
    [
        ("wav", "audio/wav"),
        ("mp3", "audio/mpeg"),
        ("flac", "audio/flac"),
        ("opus", "audio/ogg"),
        ("aac", "audio/aac"),
        ("pcm16", "audio/pcm"),
    ],
)
def test_media_types(audio_format: str, media_type: str) -> None:
    """Every audio format of a reply has a media type."""
    assert speech_media_type(audio_format) == media_type


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, None),
        (False, None),
        ({}, None),
        ("auto", "auto"),
        ("none", "none"),
        ("any", "required"),
        ("required", "required"),
        (True, "required"),
        ("f", {"type": "function", "function": {"name": "f"}}),
        ({"type": "function"}, {"type": "function"}),
    ],
)
def test_tool_choice(choice: Any, sent: Any) -> None:
    """A framework's tool choice becomes one of the chat schema."""
    assert resolve_tool_choice(choice, ["f", "g"]) == sent


@pytest.mark.parametrize(
    ("choice", "names", "sentence"),
    [
        ("h", ["g", "f"], "the tools are: f, g"),
        ("h", [], "are: none"),
        ("any", [], "there are none"),
    ],
)
def test_unknown_tool_choice(choice: str, names: list[str], sentence: str) -> None:
    """Choosing a tool that does not exist is refused."""
    with pytest.raises(UnsupportedError, match=sentence):
        resolve_tool_choice(choice, names)


@pytest.mark.parametrize(("written", "found"), [("", {}), ('{"a": "b\nc"}', {"a": "b\nc"})])
def test_arguments(written: str, found: dict[str, Any]) -> None:
    """Missing arguments are an empty object, and raw line breaks in strings are accepted."""
    assert parse_arguments(CALL.model_copy(update={"arguments": written})) == found


@pytest.mark.parametrize("written", ["{", "[]", "1", "nul", "[" * 100_000])
def test_invalid_arguments(written: str) -> None:
    """Arguments that are not a JSON object are an error that names the tool."""
    with pytest.raises(ValueError, match="The arguments of f are not"):
        parse_arguments(CALL.model_copy(update={"arguments": written}))


def test_reply_builder() -> None:
    """Text is joined, calls are joined by index, the last usage counts, the request id stays."""
    builder = ReplyBuilder()
    first, second = Usage(input_tokens=1), Usage(input_tokens=2)
    for delta in (
        ChatDelta(text="Hel", model="m-1", usage=first, request_id="req-1"),
        ChatDelta(text="lo."),
        ChatDelta(tool_calls=(ToolCallDelta(index=1, id="c-2", name="g"),)),
        ChatDelta(tool_calls=(ToolCallDelta(index=0, id="c-1", name="f", arguments='{"a"'),)),
        ChatDelta(tool_calls=(ToolCallDelta(index=0, arguments=": 1}"),)),
        ChatDelta(finish_reason="tool_calls"),
        ChatDelta(usage=second),
    ):
        builder.add(delta)
    reply = builder.build()
    assert (reply.text, reply.model, reply.finish_reason) == ("Hello.", "m-1", "tool_calls")
    assert reply.tool_calls == (CALL, ToolCall(id="c-2", name="g", arguments=""))
    assert (reply.usage, reply.request_id) == (second, "req-1")


SETTINGS = {
    **dict.fromkeys(ChatFields.model_fields),
    "model": "m-1",
    "stop": "x",
    "further": {"a": 1},
}


def merge(**arguments: Any) -> ChatOptions:
    """Merge the arguments of a call with the settings of a model."""
    return merge_chat_options(SETTINGS, arguments, further="further")


def test_call_arguments_override_settings() -> None:
    """Arguments of a call override the settings of the model; further fields are merged."""
    options = merge(seed=3, further={"b": 2})
    assert (options.model, options.seed, options.stop) == ("m-1", 3, ["x"])
    assert options.extra == {"a": 1, "b": 2}
    assert merge(stop=["y"]).stop == ["y"]


@pytest.mark.parametrize("tools", [None, []])
def test_tool_options_need_tools(tools: Any) -> None:
    """Options about tools are dropped when there are no tools."""
    options = merge(tools=tools, parallel_tool_calls=True, tool_choice="auto")
    assert (options.tools, options.parallel_tool_calls, options.tool_choice) == (None, None, None)
    kept = merge(tools=[{}], parallel_tool_calls=True, tool_choice="auto")
    assert (kept.tools, kept.parallel_tool_calls, kept.tool_choice) == ([{}], True, "auto")
    assert merge(tool_choice="auto", further={"tools": [{}]}).tool_choice == "auto"


@pytest.mark.parametrize("choice", ["required", True, {"type": "function"}])
def test_required_call_without_tools(choice: Any) -> None:
    """A required tool call is refused, not dropped, when there are no tools."""
    with pytest.raises(UnsupportedError, match="there are none"):
        merge(tools=[], tool_choice=choice)


def test_unknown_arguments() -> None:
    """An unknown argument is refused, and the error names the place for further fields."""
    with pytest.raises(UnsupportedError, match=r"no argument 'temprature'.*go in further"):
        merge(temprature=1)


def test_fill_model_name() -> None:
    """A reply that names no model gets the model of the request."""
    options = ChatOptions(model="m-1")
    assert fill_model_name(ChatReply(text=""), options).model == "m-1"
    assert fill_model_name(ChatReply(text="", model="m-2"), options).model == "m-2"


def test_open_files_are_rewound(tmp_path: Path) -> None:
    """An open file is sent from its beginning, however far it was read before."""
    path = tmp_path / "clip.mp3"
    path.write_bytes(b"sound")
    with path.open("rb") as file:
        file.read()
        block = stream_clip(file, "audio/mpeg")
        name, stream = block["input_audio"]["data"]
        assert (name, stream.read()) == ("clip", b"sound")


def test_tool_audio() -> None:
    """Clips of tools are sent in a user turn that says so."""
    clip = source_clip(Path("clip.mp3"))
    turn = tool_audio_turn([clip])
    assert turn["role"] == "user"
    assert turn["content"][1] == clip
    assert tool_audio_note("audio/mpeg") == "(audio/mpeg, played next)"
