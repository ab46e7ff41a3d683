"""Calls become exactly the requested forms and JSON."""

import email
import email.policy
import io
import json
from collections import ChainMap
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_multipart.multipart import FormParser, parse_options_header

from apertis_audio_tools import UnsupportedError, models
from apertis_audio_tools.api.call import json_body, multipart_body
from apertis_audio_tools.api.model_list import model_list_call
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.api.request import AsciiText, Request, RequestBody, Upload
from apertis_audio_tools.api.transcription import transcription_call
from apertis_audio_tools.models import Capabilities

SOUND = bytes(range(256)) + b"\r\n--boundary\r\n\r\n" + bytes(range(256))
FRAME = "abcABC0é中🎙 \"\\'\r\n-_=&;:/\0\x1b"


def upload(name: str = "clip.mp3", data: bytes = SOUND) -> Upload:
    return Upload(name, "audio/mpeg", len(data), lambda: io.BytesIO(data))


def sized(size: int) -> Upload:
    """Return an upload that is never read."""
    return Upload("clip.mp3", "audio/mpeg", size, io.BytesIO)


def sent(body: RequestBody | None) -> bytes:
    assert body is not None
    data = b"".join(body.chunks())
    assert len(data) == body.size
    return data


def parsed(body: RequestBody) -> tuple[dict[str, str], dict[str, tuple[bytes, bytes]]]:
    """Return the fields and files that a server finds in a form."""
    fields: dict[str, str] = {}
    files: dict[str, tuple[bytes, bytes]] = {}

    def on_field(field: Any) -> None:
        fields[field.field_name.decode()] = (field.value or b"").decode()

    def on_file(file: Any) -> None:
        file.file_object.seek(0)
        files[file.field_name.decode()] = (file.file_name, file.file_object.read())
        file.close()

    media_type, options = parse_options_header(body.media_type)
    parser = FormParser(media_type.decode(), on_field, on_file, boundary=options[b"boundary"])
    parser.write(sent(body))
    parser.finalize()
    return fields, files


def transcription(**options: Any) -> Request:
    clip = options.pop("upload", None) or upload()
    about = {name: options.pop(name) for name in ("source", "duration") if name in options}
    about.setdefault("source", "clip.mp3")
    given = TranscriptionOptions(**{"model": "whisper-1", **options})
    return transcription_call(clip, given, capabilities=Capabilities(), **about).request


def test_form() -> None:
    """A server finds exactly the fields and the file in a form; None is not sent."""
    fields, files = parsed(
        multipart_body({"a": "1", "b": None, "c": "", "d": 0.0, "é": "中\r\n"}, upload())
    )
    assert fields == {"a": "1", "c": "", "d": "0.0", "é": "中\r\n"}
    assert files == {"file": (b"clip.mp3", SOUND)}


def test_form_by_another_reader() -> None:
    """The e-mail parser of the standard library finds the same in a form."""
    body = multipart_body({"model": "whisper-1", "prompt": "Ærø"}, upload())
    message = email.message_from_bytes(
        f"Content-Type: {body.media_type}\r\n\r\n".encode() + sent(body), policy=email.policy.HTTP
    )
    model, prompt, file = message.iter_parts()
    assert model.get_payload(decode=True) == b"whisper-1"
    assert prompt.get_payload(decode=True) == "Ærø".encode()
    assert (file.get_filename(), file.get_content_type()) == ("clip.mp3", "audio/mpeg")
    assert file.get_payload(decode=True) == SOUND


@given(st.text(FRAME, min_size=1, max_size=20), st.text(FRAME + "filename", max_size=30))
def test_hostile_form(name: str, value: str) -> None:
    """No file name and no field can inject parts into a form."""
    fields, files = parsed(multipart_body({"prompt": value}, upload(f"{name}.mp3")))
    assert fields == {"prompt": value}
    ((file_name, content),) = files.values()
    assert content == SOUND
    assert file_name.endswith(b".mp3")
    assert not set(b'"\r\n') & set(file_name)


def test_unsafe_file_name() -> None:
    """A file name has no characters that servers take for escapes or separators."""
    _, files = parsed(multipart_body({}, upload("a\\b;c d.mp3")))
    ((file_name, _),) = files.values()
    assert file_name == b"a_b_c d.mp3"


def test_boundaries() -> None:
    """The boundary of a form is random."""
    boundaries = {multipart_body({}, upload()).media_type for _ in range(100)}
    assert len(boundaries) == 100
    assert all(len(boundary.partition("boundary=")[2]) >= 32 for boundary in boundaries)


def test_transcription() -> None:
    """A transcription sends its options, and requests times if the model has them."""
    options = {"language": "de", "prompt": "Ærø", "temperature": 0.2}
    request = transcription(**options)
    assert (request.method, request.path) == ("POST", "/audio/transcriptions")
    fields, files = parsed(request.body or RequestBody("", ()))
    assert files == {"file": (b"clip.mp3", SOUND)}
    assert fields == {
        "model": "whisper-1",
        "response_format": "verbose_json",
        "language": "de",
        "prompt": "Ærø",
        "temperature": "0.2",
    }


@pytest.mark.parametrize(
    ("model", "requested", "expected"),
    [
        ("gpt-4o-transcribe", None, "json"),
        ("whisper-9", None, "json"),
        ("whisper-1", "srt", "srt"),
        ("whisper-9", "verbose_json", "verbose_json"),
    ],
)
def test_transcription_format(model: str, requested: str | None, expected: str) -> None:
    """The format is the requested one, else the best one of the model."""
    request = transcription(model=model, response_format=requested)
    assert request.body is not None
    assert parsed(request.body)[0] == {"model": model, "response_format": expected}


def test_translation() -> None:
    """A translation goes to its own endpoint."""
    assert transcription(task="translate").path == "/audio/translations"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "tts-1"}, "tts-1 cannot transcribe"),
        ({"model": "gpt-4o-transcribe", "task": "translate"}, "cannot translate"),
        ({"model": "gpt-4o-transcribe", "response_format": "vtt"}, "cannot transcribe in vtt"),
        ({"response_format": "docx"}, "it can be json, srt, text, verbose_json, vtt"),
        ({"temperature": 1.01}, "temperature is 1.01; it can be from 0.0 to 1.0"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"model": "gpt-4o-transcribe", "duration": 1401.0}, "at most 1400 s"),
        ({"prompt": "half \ud83d"}, "lone surrogate"),
    ],
)
def test_impossible_transcription(options: dict[str, Any], message: str) -> None:
    """A request that is known to be impossible is refused before anything is sent."""
    with pytest.raises(UnsupportedError, match=message):
        transcription(**options)


def test_upload_limit() -> None:
    """The limit counts the whole request: exactly 25 MiB pass, and one byte more does not."""
    bare = transcription(upload=sized(0), prompt="names").body
    assert bare is not None
    room = models.MAX_UPLOAD_BYTES - bare.size
    assert transcription(upload=sized(room), prompt="names").body is not None
    with pytest.raises(UnsupportedError, match=f"a request of {models.MAX_UPLOAD_BYTES + 1} bytes"):
        transcription(upload=sized(room + 1), prompt="names")
    with pytest.raises(UnsupportedError, match="send it in parts"):
        transcription(upload=sized(room), prompt="names!")


def test_json() -> None:
    """JSON has all values as they were given, with audio as base64."""
    data = {"none": None, "kept": {"none": None, "zero": 0, "text": 'é中🎙\0"\\'}, "list": [1, ()]}
    body = json_body(
        {**data, "a": upload(data=b"sound"), "b": [AsciiText("QUJD"), upload(data=b"")]}
    )
    assert json.loads(sent(body)) == {
        "kept": data["kept"],
        "list": [1, []],
        "a": "c291bmQ=",
        "b": ["QUJD", ""],
    }
    assert body.media_type == "application/json"


def test_json_mappings() -> None:
    """Any kind of mapping can be sent as JSON."""
    read_only = MappingProxyType({"type": "text", "clip": upload(data=b"abc")})
    assert json.loads(sent(json_body({"a": read_only, "b": ChainMap({"x": 1})}))) == {
        "a": {"type": "text", "clip": "YWJj"},
        "b": {"x": 1},
    }


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (float("nan"), "cannot be sent as JSON: Out of range"),
        (float("-inf"), "cannot be sent as JSON: Out of range"),
        ("half \ud83d", "lone surrogate"),
        ({"\udcff": 1}, "lone surrogate"),
        (b"bytes", "A bytes cannot be sent as JSON"),
        ({1, 2}, "A set cannot be sent as JSON"),
        (object(), "A object cannot be sent as JSON"),
        ({(1, 2): 3}, "cannot be sent as JSON: keys must be"),
        (10**5000, "cannot be sent as JSON: Exceeds the limit"),
    ],
    ids=lambda value: repr(value)[:20] if not isinstance(value, int) else "huge",
)
@pytest.mark.parametrize("nested", [False, True])
def test_json_impossible(value: Any, message: str, nested: bool) -> None:  # noqa: FBT001
    """A value without a JSON form is refused with an explanation."""
    with pytest.raises(UnsupportedError, match=message):
        json_body({"a": [{"b": value}] if nested else value})


def test_json_without_end() -> None:
    """Structures that are recursive or too deep are refused with an explanation."""
    circle: list[Any] = []
    circle.append(circle)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for each in (circle, deep):
        with pytest.raises(UnsupportedError, match="This cannot be sent as JSON"):
            json_body({"a": each})
    while deep:
        deep = deep[0]


def test_model_list() -> None:
    """The request for the list of models has no body."""
    assert model_list_call().request == Request("GET", "/models", None)
