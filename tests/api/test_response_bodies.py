"""What is read out of answers, and which answers are not believed."""

import io
import json
from typing import Any

import pytest

from apertis_audio_tools import MalformedResponseError, Segment, Transcript, Usage, api
from apertis_audio_tools.api import AudioStreamReader, require_audio
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.api.request import Upload
from apertis_audio_tools.api.response import Response
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


def read(body: str | bytes, wanted: str, media_type: str = TEXT_TYPE, **headers: str) -> Transcript:
    call = api.transcription_call(
        Upload("clip.mp3", "audio/mpeg", 9, io.BytesIO),
        TranscriptionOptions(language="en", response_format=wanted),  # type: ignore[arg-type]
        capabilities=Capabilities(),
        source="clip.mp3",
        duration=3.25,
    )
    data = body.encode() if isinstance(body, str) else body
    return call.read(Response(200, {"content-type": media_type, **headers}, data))


def test_verbose_json() -> None:
    """The full answer gives times, language, duration and the recogniser's own numbers."""
    transcript = read(json.dumps(VERBOSE), "verbose_json", JSON_TYPE)
    assert (transcript.text, transcript.language) == ("Hello there. Bye.", "english")
    assert (transcript.duration, transcript.task) == (3.0, "transcribe")
    first, second = transcript.segments
    assert (first.start, first.end, first.text) == (0.5, 2.0, "Hello there.")
    assert (first.tokens, first.avg_logprob, first.no_speech_prob) == ((50364, 2425), -0.25, 0.01)
    assert second == Segment(id=1, start=2.0, end=3.0, text="Bye.")
    assert json.loads(transcript.raw) == VERBOSE


def test_json() -> None:
    """A bare text is completed by what is known on this side."""
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


@pytest.mark.parametrize(("wanted", "body"), [("srt", SRT), ("vtt", VTT), ("srt", VTT)])
def test_subtitles(wanted: str, body: str) -> None:
    """Subtitles become text and segments, whichever of the two formats came."""
    transcript = read(body, wanted)
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
    """A text is the text, even where it resembles something else."""
    assert read(body, "text").text == body.strip("\ufeff\n")


@pytest.mark.parametrize("media_type", [JSON_TYPE, TEXT_TYPE, "", "application/octet-stream"])
@pytest.mark.parametrize("wrap", [{}, {"indent": 2}, {"quoted": True}])
@pytest.mark.parametrize(("wanted", "body"), [("text", "Hello, é.\n"), ("srt", SRT), ("vtt", VTT)])
def test_wrapped(wanted: str, body: str, wrap: dict[str, Any], media_type: str) -> None:
    """What a gateway put into JSON is taken out again, whatever it calls that."""
    wrapped = json.dumps(body) if "quoted" in wrap else json.dumps({"text": body}, **wrap)
    found = read(wrapped, wanted, media_type)
    assert (found.text, found.segments) == (read(body, wanted).text, read(body, wanted).segments)
    assert found.raw == wrapped


@pytest.mark.parametrize(
    ("wanted", "body"),
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
def test_silence(wanted: str, body: str) -> None:
    """A recording in which nothing is said is an empty transcript, not an error."""
    transcript = read(body, wanted, JSON_TYPE if "json" in wanted else TEXT_TYPE)
    assert (transcript.text, transcript.segments) == ("", ())


@pytest.mark.parametrize("media_type", ["text/html", JSON_TYPE, TEXT_TYPE, ""])
@pytest.mark.parametrize("wanted", FORMATS)
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
def test_not_believed(body: str | bytes, wanted: str, media_type: str) -> None:
    """With success or not, a page, an error or a wrong shape is no transcript."""
    with pytest.raises(MalformedResponseError, match="The service answered 200, but") as caught:
        read(body, wanted, media_type, **{"x-request-id": "req-1"})
    assert (caught.value.status, caught.value.request_id) == (200, "req-1")


@pytest.mark.parametrize(
    ("wanted", "body"),
    [
        *((wanted, "") for wanted in FORMATS if wanted != "srt"),
        *((wanted, body) for wanted in ("json", "verbose_json") for body in ("null", "[]", "42")),
        *((wanted, body) for wanted in ("srt", "vtt") for body in ("null", "[]", "Hello.")),
        ("json", '{"text": "cut o'),
        ("json", '{"text": "a", "duration": NaN}'),
        ("json", '{"text": "half \\ud83d"}'),
        ("json", "[" * 100_000),
        ("verbose_json", '{"text": "a", "segments": {}}'),
        ("verbose_json", '{"text": "a", "segments": [null]}'),
        ("verbose_json", '{"text": "a", "segments": [{"text": "a"}]}'),
        ("verbose_json", '{"text": "a", "segments": [{"start": NaN, "end": 1, "text": "a"}]}'),
        ("verbose_json", '{"text": "a", "segments": [{"start": 1e999, "end": 1, "text": "a"}]}'),
        ("verbose_json", '{"text": "a", "segments": [{"start": "x", "end": 1, "text": "a"}]}'),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_wrong_shapes(wanted: str, body: str) -> None:
    """An answer of the wrong shape is not half-believed."""
    with pytest.raises(MalformedResponseError):
        read(body, wanted)


@pytest.mark.parametrize("wanted", ["text", "srt"])
@pytest.mark.parametrize("body", ["null", "[]", "42", "", '{"text": "cut o', '"half \\ud83d"'])
def test_wrong_json(wanted: str, body: str) -> None:
    """An answer that calls itself JSON is held to it."""
    with pytest.raises(MalformedResponseError):
        read(body, wanted, JSON_TYPE)


def test_message_of_a_wrong_shape() -> None:
    """The message says where the answer is wrong, and shows no more than its beginning."""
    body = '{"text": "a", "segments": [{"start": "x", "end": 1, "text": "a"}], "more": "secret"}'
    with pytest.raises(
        MalformedResponseError, match=r"at 'segments\.0\.start': .*number"
    ) as caught:
        read(body, "verbose_json")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("prefix", ["", "\ufeff", "\n "])
def test_json_with_a_mark(prefix: str) -> None:
    """A byte order mark before JSON makes no difference."""
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
    ],
)
def test_usage(usage: Any, read_as: Usage | None) -> None:
    """Usage is read in either endpoint's words; one that makes no sense costs nobody the text."""
    transcript = read(json.dumps({"text": "Hello.", "usage": usage}), "json", JSON_TYPE)
    assert (transcript.text, transcript.usage) == ("Hello.", read_as)


@pytest.mark.parametrize("media_type", ["audio/mpeg", "audio/pcm", "application/octet-stream", ""])
def test_sound(media_type: str) -> None:
    """Sound is believed under the names servers have for it."""
    answer = Response(200, {"content-type": media_type}, b"ID3\x04sound")
    assert require_audio(answer) is answer


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
def test_no_sound(media_type: str, body: bytes) -> None:
    """Text, pages and nothing are no sound, whole or as they arrive."""
    head = Response(200, {"content-type": media_type})
    with pytest.raises(MalformedResponseError):
        require_audio(Response(200, head.headers, body))
    reader = AudioStreamReader(head)
    with pytest.raises(MalformedResponseError):  # noqa: PT012  # nothing arrives in empty chunks
        list(reader.feed(b""))
        list(reader.feed(body))
        reader.finish()


def test_sound_as_it_arrives() -> None:
    """Once sound has begun, every byte is handed on."""
    reader = AudioStreamReader(Response(200, {"content-type": ""}))
    chunks = [b"ID3", b"{not json}", b"", b"<3"]
    assert [each for chunk in chunks for each in reader.feed(chunk)] == chunks
    reader.finish()


def test_model_list() -> None:
    """The list of models is read by name, and nothing else is one."""
    call = api.model_list_call()
    body = b'{"object": "list", "data": [{"id": "b", "owned_by": "x"}, {"id": "a"}]}'
    assert call.read(Response(200, {}, body)) == ("b", "a")
    for wrong in (b"{}", b"[]", b'{"data": null}', b'{"data": [{}]}', b'{"data": ["a"]}'):
        with pytest.raises(MalformedResponseError):
            call.read(Response(200, {}, wrong))
