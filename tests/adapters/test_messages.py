"""Messages of any framework become turns of the chat schema, and pieces of a stream a reply."""

import base64
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import ChatDelta, ChatReply, FileAccess, ToolCall, UnsupportedError, Usage
from apertis_audio_tools.adapters import chat_schema as to_test
from apertis_audio_tools.adapters.chat_schema import ReplyBuilder, SpokenTurn
from apertis_audio_tools.errors import AccessError
from apertis_audio_tools.results import ToolCallDelta

NOW = 1_000_000.0
CALL = ToolCall(id="c-1", name="f", arguments='{"a": 1}')
SENT_CALL = {
    "id": "c-1",
    "type": "function",
    "function": {"name": "f", "arguments": '{"a": 1}'},
}


def test_plain_turns() -> None:
    """What is only text stays text."""
    assert to_test.instruction_turn("Be brief.") == {"role": "system", "content": "Be brief."}
    assert to_test.instruction_turn("x", "developer")["role"] == "developer"
    assert to_test.user_turn("Hello?") == {"role": "user", "content": "Hello?"}
    assert to_test.user_turn([], "ada") == {"role": "user", "content": "", "name": "ada"}
    assert to_test.tool_turn("3", "c-1") == {
        "role": "tool",
        "tool_call_id": "c-1",
        "content": "3",
    }


@pytest.mark.parametrize(
    ("words", "calls", "spoken", "turn"),
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
def test_turns_of_the_model(words: str, calls: Any, spoken: Any, turn: dict[str, Any]) -> None:
    """A spoken answer is a name as long as that is good, then its words; calls go along."""
    expected = {"role": "assistant", **turn}
    assert to_test.assistant_turn(words, calls, spoken, now=NOW) == expected


def test_a_spoken_turn_of_which_nothing_is_left() -> None:
    """An answer that cannot be told any more is refused, not left out."""
    with pytest.raises(UnsupportedError, match="lost both"):
        to_test.assistant_turn("", [], SpokenTurn("a-1", NOW - 1), now=NOW)


@pytest.mark.parametrize(
    ("media_type", "name"),
    [
        (None, "audio"),
        ("audio/mpeg", "audio.mp3"),
        ("audio/x-wav", "audio.wav"),
        ("Audio/MP4; codecs=mp4a", "audio.m4a"),
        ("video/webm", "audio.webm"),
        ("audio/x-unheard-of", "audio"),
        ("application/octet-stream", "audio"),
    ],
)
def test_base64(media_type: str | None, name: str) -> None:
    """Base64 becomes bytes the client looks into, named after the media type."""
    data = base64.b64encode(b"\x00sound").decode()
    block = to_test.base64_clip(data, media_type)
    assert block == {"type": "input_audio", "input_audio": {"data": (name, b"\x00sound")}}


@pytest.mark.parametrize("media_type", ["text/plain", "video/quicktime", "wav", ""])
def test_no_audio(media_type: str) -> None:
    """What says that it is something else is refused."""
    with pytest.raises(UnsupportedError, match="is no audio"):
        to_test.base64_clip("UklG", media_type)


@pytest.mark.parametrize("media_type", ["audio/L16", "audio/pcm", "audio/x-pcm", "audio/basic"])
def test_headerless_audio(media_type: str) -> None:
    """Samples that do not say how fast they are played are refused."""
    with pytest.raises(UnsupportedError, match="give it as wav"):
        to_test.base64_clip("UklG", media_type)


@pytest.mark.parametrize("data", ["UklG\n", "data:audio/wav;base64,UklG", "Ukl", "ä", None, 7])
def test_no_base64(data: Any) -> None:
    """What is no base64 is refused before anything else happens."""
    with pytest.raises(UnsupportedError, match="base64"):
        to_test.base64_clip(data)


def test_files_stay_open_as_long_as_needed(tmp_path: Path) -> None:
    """A file is opened through the access, and closed when the message was sent."""
    (tmp_path / "a.wav").write_bytes(b"sound")
    with ExitStack() as files:
        block = to_test.file_clip("a.wav", FileAccess(tmp_path), files)
        name, content = block["input_audio"]["data"]
        assert (name, content.read()) == ("a.wav", b"sound")
    assert content.closed


def test_files_without_access() -> None:
    """Without an access, no file is opened."""
    with ExitStack() as files, pytest.raises(AccessError, match="none may be read"):
        to_test.file_clip("a.wav", None, files)


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
def test_speaks(modalities: Any, voice: str | None, is_spoken: bool) -> None:  # noqa: FBT001
    """A voice asks for a spoken reply, unless the modalities say otherwise."""
    assert to_test.is_spoken_reply(modalities, voice) is is_spoken


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
    """Every format a reply can be spoken in has its media type."""
    assert to_test.media_type(audio_format) == media_type


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
    """Each framework's word for a choice becomes the service's."""
    assert to_test.resolve_tool_choice(choice, ["f", "g"]) == sent


@pytest.mark.parametrize(
    ("choice", "names", "sentence"),
    [
        ("h", ["g", "f"], "the tools are: f, g"),
        ("h", [], "are: none"),
        ("any", [], "there are none"),
    ],
)
def test_impossible_tool_choice(choice: str, names: list[str], sentence: str) -> None:
    """A tool that is not there cannot be chosen."""
    with pytest.raises(UnsupportedError, match=sentence):
        to_test.resolve_tool_choice(choice, names)


@pytest.mark.parametrize(("written", "found"), [("", {}), ('{"a": "b\nc"}', {"a": "b\nc"})])
def test_arguments(written: str, found: dict[str, Any]) -> None:
    """No arguments are an empty object, and a raw line break in a string is forgiven."""
    assert to_test.parse_arguments(CALL.model_copy(update={"arguments": written})) == found


@pytest.mark.parametrize("written", ["{", "[]", "1", "null", "[" * 100_000])
def test_arguments_that_are_none(written: str) -> None:
    """Arguments that are no JSON object are an error that names the tool."""
    with pytest.raises(ValueError, match="The arguments of f are no"):
        to_test.parse_arguments(CALL.model_copy(update={"arguments": written}))


def test_a_reply_piece_by_piece() -> None:
    """Words join, calls join by their index, and the last usage counts; the request id stays."""
    so_far = ReplyBuilder()
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
        so_far.add(delta)
    reply = so_far.build()
    assert (reply.text, reply.model, reply.finish_reason) == ("Hello.", "m-1", "tool_calls")
    assert reply.tool_calls == (CALL, ToolCall(id="c-2", name="g", arguments=""))
    assert (reply.usage, reply.request_id) == (second, "req-1")


OWN = {**dict.fromkeys(to_test.REQUEST_FIELDS), "model": "m-1", "stop": "x", "further": {"a": 1}}


def test_options_of_a_call() -> None:
    """A call's own arguments go before the settings of the model; further fields are joined."""
    found = to_test.merge_chat_options(OWN, {"seed": 3, "further": {"b": 2}}, further="further")
    assert (found["model"], found["seed"], found["stop"]) == ("m-1", 3, ["x"])
    assert found["extra"] == {"a": 1, "b": 2}
    assert to_test.merge_chat_options(OWN, {"stop": ["y"]}, further="further")["stop"] == ["y"]


@pytest.mark.parametrize("tools", [None, []])
def test_options_without_tools(tools: Any) -> None:
    """Without tools, nothing is said of them."""
    about: dict[str, Any] = {"parallel_tool_calls": True, "tool_choice": "auto"}
    found = to_test.merge_chat_options(OWN, {"tools": tools, **about}, further="further")
    assert {"tools", *about}.isdisjoint(found)
    kept = to_test.merge_chat_options(OWN, {"tools": [{}], **about}, further="further")
    assert {name: kept[name] for name in ("tools", *about)} == {"tools": [{}], **about}
    further: dict[str, Any] = {"further": {"tools": [{}]}}
    assert (
        to_test.merge_chat_options(OWN, {**about, **further}, further="further")["tool_choice"]
        == "auto"
    )


@pytest.mark.parametrize("choice", ["required", True, {"type": "function"}])
def test_options_of_a_call_that_cannot_be(choice: Any) -> None:
    """A tool that has to be called is not forgotten because there is none."""
    with pytest.raises(UnsupportedError, match="there are none"):
        to_test.merge_chat_options(OWN, {"tools": [], "tool_choice": choice}, further="further")


def test_options_there_are_not() -> None:
    """An argument no chat has is refused, and the place for further fields is named."""
    with pytest.raises(UnsupportedError, match=r"no argument 'temprature'.*go in further"):
        to_test.merge_chat_options(OWN, {"temprature": 1}, further="further")


def test_options_of_a_stream() -> None:
    """A reply in words is not asked for what only a spoken one has."""
    spoken = to_test.merge_chat_options(OWN, {"voice": "nova"}, further="further")
    assert to_test.wants_speech(spoken)
    assert {"voice", "modalities", "audio_format"}.isdisjoint(to_test.text_only(spoken))


def test_names_of_models() -> None:
    """A reply that does not say which model it is from is from the one that was asked."""
    assert to_test.fill_model_name(ChatReply(text=""), {"model": "m-1"}).model == "m-1"
    assert to_test.fill_model_name(ChatReply(text="", model="m-2"), {"model": "m-1"}).model == "m-2"


def test_streams_begin_at_their_beginning(tmp_path: Path) -> None:
    """An open file is sent from its start, however far it was read before."""
    path = tmp_path / "clip.mp3"
    path.write_bytes(b"sound")
    with path.open("rb") as file:
        file.read()
        block = to_test.stream_clip(file, "audio/mpeg")
        name, stream = block["input_audio"]["data"]
        assert (name, stream.read()) == ("audio.mp3", b"sound")


def test_what_tools_play() -> None:
    """The sound of tools is played by the user, after a word about it."""
    clip = to_test.trusted_file_clip(Path("clip.mp3"))
    turn = to_test.tool_audio_turn([clip])
    assert turn["role"] == "user"
    assert turn["content"][1] == clip
    assert to_test.tool_audio_note("audio/mpeg") == "(audio/mpeg, played next)"
