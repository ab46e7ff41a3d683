"""Responses with success become results, or errors if they are malformed."""

import io
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apertis_audio_tools import MalformedResponseError, Segment, Transcript, Usage
from apertis_audio_tools.api.chat import chat_call
from apertis_audio_tools.api.json_limits import limit_values
from apertis_audio_tools.api.model_list import model_list_call
from apertis_audio_tools.api.options import ChatOptions, TranscriptionOptions
from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.api.response import Response
from apertis_audio_tools.api.speech import AudioStreamReader, require_audio
from apertis_audio_tools.api.transcription import transcription_call
from apertis_audio_tools.models import Capabilities

FORMATS = ["json", "text", "srt", "vtt", "verbose_json"]
SRT = "1\n00:00:00,500 --> 00:00:02,000\nHello there.\n\n2\n00:00:02,000 --> 00:00:03,000\nBye.\n"
VTT = "WEBVTT\n\n00:00.500 --> 00:02.000\nHello there.\n\n00:02.000 --> 00:03.000\nBye.\n"
VERBOSE = {
    "task": "transcribe",
    "language": "english",
    "duration": 3.0,
    "text": " Hello there. Bye.",
    "segments": [
        {
            "id": 0,
            "start": 0.5,
            "end": 2.0,
            "text": "Hello there.",
            "tokens": [50364, 2425],
            "temperature": 0.0,
            "avg_logprob": -0.25,
            "compression_ratio": 1.2,
            "no_speech_prob": 0.01,
            "seek": 0,
        },
        {"id": 1, "start": 2, "end": 3, "text": "Bye."},
    ],
}
JSON_TYPE, TEXT_TYPE = "application/json", "text/plain; charset=utf-8"


def read(
    body: str | bytes, response_format: str, media_type: str = TEXT_TYPE, **headers: str
) -> Transcript:
    call = transcription_call(
        Upload("clip.mp3", "audio/mpeg", 9, io.BytesIO),
        TranscriptionOptions(
            model="whisper-1",
            language="en",
            response_format=response_format,  # type: ignore[arg-type]
        ),
        capabilities=Capabilities(),
        source="clip.mp3",
        duration=3.25,
    )
    data = body.encode() if isinstance(body, str) else body
    return call.read(Response(200, {"content-type": media_type, **headers}, data))


def test_verbose_json() -> None:
    """``verbose_json`` has times, language, duration and further fields of segments."""
    transcript = read(json.dumps(VERBOSE), "verbose_json", JSON_TYPE)
    assert (transcript.text, transcript.language) == ("Hello there. Bye.", "english")
    assert (transcript.duration, transcript.task) == (3.0, "transcribe")
    first, second = transcript.segments
    assert (first.start, first.end, first.text) == (0.5, 2.0, "Hello there.")
    assert (first.tokens, first.avg_logprob, first.no_speech_prob) == ((50364, 2425), -0.25, 0.01)
    assert second == Segment(id=1, start=2.0, end=3.0, text="Bye.")
    assert json.loads(transcript.raw) == VERBOSE


def test_json() -> None:
    """``json`` is completed with the known language and duration."""
    body = '{"text": "Hello.", "usage": {"type": "duration", "seconds": 3}}'
    transcript = read(body, "json", JSON_TYPE, **{"x-request-id": "req-1", "server": "gw/2"})
    assert transcript == Transcript(
        text="Hello.",
        language="en",
        duration=3.25,
        model="whisper-1",
        source="clip.mp3",
        usage=Usage(seconds=3.0),
        request_id="req-1",
        server="gw/2",
        raw=body,
    )


@pytest.mark.parametrize(("response_format", "body"), [("srt", SRT), ("vtt", VTT), ("srt", VTT)])
def test_subtitles(response_format: str, body: str) -> None:
    """Subtitles become text and segments, in either format."""
    transcript = read(body, response_format)
    assert transcript.text == "Hello there. Bye."
    assert [(each.id, each.start, each.end) for each in transcript.segments] == [
        (0, 0.5, 2.0),
        (1, 2.0, 3.0),
    ]
    assert (transcript.raw, transcript.duration) == (body, 3.25)


@pytest.mark.parametrize(
    "body",
    [
        "Hello.\n",
        "\ufeffHello.",
        "null",
        "42",
        "[Music]",
        '"Hello," she said.',
        "{sic} <unk>",
        "<3",
    ],
)
def test_text(body: str) -> None:
    """A text is kept as it is, even if it resembles something else."""
    assert read(body, "text").text == body.strip("\ufeff\n")


@pytest.mark.parametrize("media_type", [JSON_TYPE, TEXT_TYPE, "", "application/octet-stream"])
@pytest.mark.parametrize("wrap", [{}, {"indent": 2}, {"quoted": True}])
@pytest.mark.parametrize(
    ("response_format", "body"), [("text", "Hello, é.\n"), ("srt", SRT), ("vtt", VTT)]
)
def test_wrapped_in_json(
    response_format: str, body: str, wrap: dict[str, Any], media_type: str
) -> None:
    """Text that a gateway wrapped in JSON is unwrapped, whatever its media type."""
    wrapped = json.dumps(body) if "quoted" in wrap else json.dumps({"text": body}, **wrap)
    found = read(wrapped, response_format, media_type)
    assert (found.text, found.segments) == (
        read(body, response_format).text,
        read(body, response_format).segments,
    )
    assert found.raw == wrapped


@pytest.mark.parametrize(
    ("response_format", "body"),
    [
        ("json", '{"text": ""}'),
        ("verbose_json", '{"text": "", "segments": [], "duration": 3.0}'),
        ("verbose_json", '{"text": "", "segments": null, "duration": null, "language": null}'),
        ("text", "\n"),
        ("srt", ""),
        ("srt", "\n"),
        ("vtt", "WEBVTT\n\n"),
    ],
)
def test_silence(response_format: str, body: str) -> None:
    """A recording without speech has an empty transcript."""
    transcript = read(body, response_format, JSON_TYPE if "json" in response_format else TEXT_TYPE)
    assert (transcript.text, transcript.segments) == ("", ())


@pytest.mark.parametrize("media_type", ["text/html", JSON_TYPE, TEXT_TYPE, ""])
@pytest.mark.parametrize("response_format", FORMATS)
@pytest.mark.parametrize(
    "body",
    [
        "<!DOCTYPE html><html><body>Please log in.</body></html>",
        "\n <HTML><body>504</body></HTML>",
        '<?xml version="1.0"?><Error><Code>SlowDown</Code></Error>',
        '{"error": {"message": "Overloaded.", "code": "model_overloaded"}}',
        '{"text": null}',
        '{"text": ["Hello."]}',
        '{"text": 7}',
        '{"transcript": "Hello."}',
        b"\xff\xfeH\x00i\x00",
        b'{"text": "caf\xe9"}',
    ],
    ids=lambda body: repr(body)[:24],
)
def test_malformed(body: str | bytes, response_format: str, media_type: str) -> None:
    """A page, an error object or an invalid body is not a transcript."""
    with pytest.raises(
        MalformedResponseError, match="The service responded with 200, but"
    ) as caught:
        read(body, response_format, media_type, **{"x-request-id": "req-1"})
    assert (caught.value.status, caught.value.request_id) == (200, "req-1")


@pytest.mark.parametrize(
    ("response_format", "body"),
    [
        *((name, "") for name in FORMATS if name != "srt"),
        *((name, body) for name in ("json", "verbose_json") for body in ("null", "[]", "42")),
        *((name, body) for name in ("srt", "vtt") for body in ("null", "[]")),
        ("json", '{"text": "cut o'),
        ("json", "[" * 100_000),
        ("json", '["Hello."]'),
        ("json", '{"text": "", "error": {"message": "No."}}'),
        ("verbose_json", '{"text": null, "segments": [{"start": 0, "end": 1}]}'),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_wrong_shapes(response_format: str, body: str) -> None:
    """A response without words that does not say that there are none is malformed."""
    with pytest.raises(MalformedResponseError):
        read(body, response_format)


@pytest.mark.parametrize("response_format", ["text", "srt"])
@pytest.mark.parametrize("body", ["null", "[]", "42", "", '{"text": "cut o'])
def test_wrong_json(response_format: str, body: str) -> None:
    """A response with the media type of JSON has to be JSON."""
    with pytest.raises(MalformedResponseError):
        read(body, response_format, JSON_TYPE)


def test_message_of_a_wrong_shape() -> None:
    """The message shows only the beginning of the body."""
    body = json.dumps({"transcript": "x" * 200, "more": "secret"})
    with pytest.raises(MalformedResponseError, match="there is no text in it") as caught:
        read(body, "verbose_json")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("prefix", ["", "\ufeff", "\n "])
def test_byte_order_mark(prefix: str) -> None:
    """A byte order mark before JSON is ignored."""
    assert read(prefix + '{"text": "Hello."}', "json", JSON_TYPE).text == "Hello."


@pytest.mark.parametrize(
    ("usage", "read_as"),
    [
        ({"input_tokens": 5, "output_tokens": 2}, Usage(input_tokens=5, output_tokens=2)),
        (
            {"prompt_tokens": 5, "prompt_tokens_details": {"audio_tokens": 4, "text_tokens": 1}},
            Usage(input_tokens=5, input_audio_tokens=4),
        ),
        ({"input_tokens": 5, "input_token_details": None}, Usage(input_tokens=5)),
        ({"input_tokens": 5, "input_token_details": {"audio_tokens": None}}, Usage(input_tokens=5)),
        (None, None),
        ("free", None),
        ({"input_tokens": "many"}, None),
        ({"input_tokens": "many", "seconds": 3}, Usage(seconds=3.0)),
        ({"seconds": 3, "cost": 0.00123}, Usage(seconds=3.0, cost=0.00123)),
        ({"seconds": 3, "cost": "free"}, Usage(seconds=3.0)),
        ({"input_tokens": -1}, None),
        ({"input_tokens": 10**400}, None),
        ({"seconds": math.inf}, None),
        ({"seconds": 1e308}, None),
        ({"prompt_tokens_details": {"audio_tokens": 1e30}}, None),
        (math.inf, None),
    ],
)
def test_usage(usage: Any, read_as: Usage | None) -> None:
    """Usage is read by the names of any endpoint, and ignored if it is invalid."""
    transcript = read(json.dumps({"text": "Hello.", "usage": usage}), "json", JSON_TYPE)
    assert (transcript.text, transcript.usage) == ("Hello.", read_as)


@pytest.mark.parametrize("field", ["duration", "language"])
@pytest.mark.parametrize("value", ["1e999", "NaN", "[1]", "-1e999", "1" * 400])
def test_invalid_details(field: str, value: str) -> None:
    """Words that arrived are kept if a detail of the recording cannot be read."""
    transcript = read(f'{{"text": "Hello.", "{field}": {value}}}', "json", JSON_TYPE)
    assert (transcript.text, transcript.duration, transcript.language) == ("Hello.", 3.25, "en")


@pytest.mark.parametrize("name", ["avg_logprob", "temperature", "no_speech_prob", "id"])
def test_infinite_statistics(name: str) -> None:
    """A segment is kept without a number that is infinite."""
    segment = f'{{"start": 0, "end": 1, "text": "Hello.", "{name}": -1e999}}'
    transcript = read(f'{{"text": "Hello.", "segments": [{segment}]}}', "verbose_json")
    assert transcript.segments == (Segment(start=0.0, end=1.0, text="Hello."),)


def test_enormous_times() -> None:
    """Times that no recording has can be written in every form."""
    segment = '{"start": -1e308, "end": 1e308, "text": "Hello."}'
    transcript = read(f'{{"text": "Hello.", "segments": [{segment}], "duration": 1e308}}', "json")
    for written in (transcript.to_srt(), transcript.to_vtt()):
        assert "00:00:00" in written
        assert max(map(len, written.splitlines())) < 40
    late = Transcript(text="Hi.", segments=(Segment(start=1e308, end=1e308, text="Hi."),))
    for text in (late.to_timecoded(), late.to_srt(), late._repr_html_()):
        assert "Hi." in text
        assert len(text) < 3000


@pytest.mark.parametrize("media_type", ["audio/mpeg", "audio/pcm", "application/octet-stream", ""])
def test_audio(media_type: str) -> None:
    """Audio is accepted with each media type that servers send."""
    response = Response(200, {"content-type": media_type}, b"ID3\x04sound")
    assert require_audio(response) is response


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("audio/mpeg", b""),
        ("", b""),
        (JSON_TYPE, b'{"error": {"message": "No."}}'),
        ("text/html", b"<html>"),
        ("text/plain", b"ID3\x04sound"),
        ("application/octet-stream", b' \n{"error": {"message": "No."}}'),
        ("", b"<!DOCTYPE html>"),
    ],
)
def test_no_audio(media_type: str, body: bytes) -> None:
    """Text, pages and empty bodies are not audio, whole or streamed."""
    head = Response(200, {"content-type": media_type})
    with pytest.raises(MalformedResponseError):
        require_audio(Response(200, head.headers, body))
    reader = AudioStreamReader(head)
    with pytest.raises(MalformedResponseError):  # noqa: PT012  # nothing arrives in empty chunks
        list(reader.feed(b""))
        list(reader.feed(body))
        reader.finish()


def test_audio_as_it_arrives() -> None:
    """Streamed audio is passed on byte by byte."""
    reader = AudioStreamReader(Response(200, {"content-type": ""}))
    chunks = [b"ID3", b"{not json}", b"", b"<3"]
    assert [each for chunk in chunks for each in reader.feed(chunk)] == chunks
    reader.finish()


def test_model_list() -> None:
    """The list of models becomes their names, and another body is malformed."""
    call = model_list_call()
    body = b'{"object": "list", "data": [{"id": "b", "owned_by": "x"}, {"id": "a"}]}'
    assert [each.name for each in call.read(Response(200, {}, body))] == ["b", "a"]
    for wrong in (b"{}", b"[]", b'{"data": null}', b'{"data": [{}]}', b'{"data": ["a"]}'):
        with pytest.raises(MalformedResponseError):
            call.read(Response(200, {}, wrong))


WORDS = [{"word": "word", "start": 0.5, "end": 0.75, "speaker": None}] * 110_000
PROBABILITY = {"token": "a", "logprob": -0.25, "bytes": [97], "top_logprobs": []}


def test_times_of_many_words() -> None:
    """A transcript is read although it has more times of words than are worth parsing."""
    words = {"words": WORDS, "x_details": {"deep": [[["]}"]]]}}
    usage = {"input_token_details": {"audio_tokens": 7}, "seconds": 9}
    result = read(json.dumps({**words, **VERBOSE, "usage": usage}), "verbose_json", JSON_TYPE)
    plain = read(json.dumps({**VERBOSE, "usage": usage}), "verbose_json", JSON_TYPE)
    unread = {"raw": "", "extra": {}}
    assert result.model_copy(update=unread) == plain.model_copy(update=unread)
    assert result.segments[0].tokens == (50364, 2425)


def test_many_words_in_place_of_text() -> None:
    """So is a text that a gateway wraps in JSON, with times of words."""
    text = json.dumps({"words": WORDS[:30_000], "text": "Hello.", "more": [[]] * 110_000})
    assert read(text, "text", JSON_TYPE).text == "Hello."


def test_probabilities_of_a_reply() -> None:
    """A chat reply is read although it has the probabilities of many tokens."""
    message = {"content": 'a "logprobs":[{', "tool_calls": [{"id": "c", "function": {"name": "f"}}]}
    choice = {"logprobs": {"content": [PROBABILITY] * 60_000}, "message": message}
    call = chat_call(
        [{"role": "user", "content": "Hi"}],
        ChatOptions(model="m"),
        capabilities=Capabilities(),
        encode_clip=lambda _: pytest.fail("There is no clip."),
    )
    body = json.dumps({"choices": [choice], "usage": {"prompt_tokens": 3}}).encode()
    reply = call.read(Response(200, {"content-type": JSON_TYPE}, body))
    assert (reply.text, reply.tool_calls[0].name) == ('a "logprobs":[{', "f")
    assert reply.usage == Usage(input_tokens=3)


@settings(max_examples=30)
@given(
    st.recursive(
        st.none() | st.integers() | st.text('"\\[]{}:, a', max_size=4),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["a", "b", 'a"', "a:["]), inner, max_size=3)
        ),
        max_leaves=12,
    ),
    st.sampled_from([None, 1]),
)
def test_unread_values(value: object, indent: int | None) -> None:
    """Lists and objects are left out by their names, at any depth, and nothing else is."""
    many = b"[]," * 100_000
    body = b'{"a":%b,"x":[%b[]]}' % (json.dumps(value, indent=indent).encode(), many)
    limited = limit_values(body, ["a"])
    assert limited is not None
    assert json.loads(limited) == {"a": without_others(value), "x": None}


def without_others(value: object) -> object:
    """Return a value in which lists and objects are None unless they are named a."""
    if isinstance(value, list):
        return [without_others(each) for each in value]
    if isinstance(value, dict):
        return {
            name: None if isinstance(each, list | dict) and name != "a" else without_others(each)
            for name, each in value.items()
        }
    return value
