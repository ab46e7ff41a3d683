"""Transcription requests that the sandbox refuses."""

import io
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from apertis_audio_tools.sandbox import audio_decoding
from support.encoded_recordings import encode_silence

CLIPS = Path(__file__).parents[1] / "clips"
WAV = (CLIPS / "clip.wav").read_bytes()
LIMIT = 26_214_400
Transcribe = Callable[..., httpx.Response]


def refused(response: httpx.Response) -> tuple[int, str, str | None]:
    """Return status, code and parameter of an error response; its message is a sentence."""
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"].endswith(".")
    return response.status_code, error["code"], error["param"]


@pytest.mark.parametrize("endpoint", ["transcriptions", "translations"])
@pytest.mark.parametrize("absent", ["file", "model"])
def test_missing_parameter(client: httpx.Client, endpoint: str, absent: str) -> None:
    """Both the file and the model are required."""
    parts: dict[str, Any] = {"file": ("clip.wav", WAV), "model": (None, "whisper-1")}
    del parts[absent]
    response = client.post(f"/audio/{endpoint}", files=parts)
    assert refused(response) == (400, "missing_parameter", absent)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("temperature", value) for value in ("1.01", "-0.1", "warm", "nan", "")),
        *(("response_format", value) for value in ("JSON", "xml", "")),
        *(("language", value) for value in ("english", "EN", "e", "zh-CN", "")),
    ],
)
def test_invalid_parameter(transcribe: Transcribe, field: str, value: str) -> None:
    """Values out of range or of a wrong kind are refused; the error names the parameter."""
    assert refused(transcribe(WAV, **{field: value})) == (400, "invalid_parameter", field)


@pytest.mark.parametrize("endpoint", ["transcriptions", "translations"])
@pytest.mark.parametrize("value", ["true", "True", "1", "maybe"])
def test_streaming(client: httpx.Client, endpoint: str, value: str) -> None:
    """A streamed transcript is refused with a sentence, and so is a value of another kind."""
    parts: dict[str, Any] = {"model": (None, "whisper-1"), "stream": (None, value)}
    response = client.post(f"/audio/{endpoint}", files={"file": ("clip.wav", WAV), **parts})
    assert refused(response) == (400, "invalid_parameter", "stream")
    assert value == "maybe" or "leave out 'stream'" in response.json()["error"]["message"]


def test_not_streaming(transcribe: Transcribe) -> None:
    """`stream=false` is what the endpoint does anyway."""
    assert transcribe(WAV, stream="false").status_code == 200


def test_file_without_a_name(client: httpx.Client) -> None:
    """A text field named file is refused."""
    response = client.post(
        "/audio/transcriptions", files={"file": (None, "x"), "model": (None, "whisper-1")}
    )
    assert refused(response) == (400, "invalid_parameter", "file")


def test_unknown_model(transcribe: Transcribe) -> None:
    """A model that does not exist is not found."""
    assert refused(transcribe(WAV, model="whisper-2")) == (404, "model_not_found", "model")


@pytest.mark.parametrize("model", ["tts-1", "gpt-4o-audio-preview", "gemini-3.1-flash-tts-preview"])
def test_model_of_another_kind(transcribe: Transcribe, model: str) -> None:
    """A model that exists but does not transcribe is refused."""
    assert refused(transcribe(WAV, model=model)) == (400, "invalid_parameter", "model")


@pytest.mark.parametrize("model", ["gpt-4o-transcribe", "gpt-4o-mini-transcribe"])
def test_models_that_do_not_translate(client: httpx.Client, model: str) -> None:
    """Models other than whisper models are refused for translations."""
    files = {"file": ("clip.wav", WAV)}
    response = client.post("/audio/translations", files=files, data={"model": model})
    assert refused(response) == (400, "invalid_parameter", "model")


@pytest.mark.parametrize("name", ["clip.opus", "clip.aac", "clip.aiff", "clip.mkv", "clip", "wav"])
def test_unknown_extension(transcribe: Transcribe, name: str) -> None:
    """Valid audio with an undocumented file extension is refused."""
    file = (CLIPS / "clip.ogg").read_bytes()
    assert refused(transcribe(file, name)) == (400, "invalid_file_format", "file")


def test_wrong_extension(transcribe: Transcribe) -> None:
    """Any documented extension is accepted, whatever the container is."""
    assert transcribe(encode_silence("ogg", 0.5), "clip.mp3").status_code == 200


def _playlist() -> bytes:
    return f"#EXTM3U\n#EXTINF:1,\n{(CLIPS / 'clip.wav').as_uri()}\n#EXT-X-ENDLIST\n".encode()


def _script() -> bytes:
    return f"ffconcat version 1.0\nfile '{CLIPS / 'clip.wav'}'\n".encode()


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\0" * 5000,
        b"RIFF\xff\xff\xff\xffWAVE",
        WAV[:30],
        b"ID3" + bytes(100),
        (CLIPS / "clip.m4a").read_bytes()[:3000],
        (CLIPS / "clip.aiff").read_bytes(),
        _playlist(),
        _script(),
    ],
    ids=["empty", "zeros", "head", "cut", "tag", "no index", "aiff", "playlist", "script"],
)
def test_undecodable_audio(transcribe: Transcribe, file: bytes) -> None:
    """Files that cannot be decoded are refused; playlists are not followed."""
    assert refused(transcribe(file)) == (400, "invalid_file_format", "file")


def test_damaged_packets(transcribe: Transcribe) -> None:
    """Damaged packets are left out, and the rest is decoded."""
    file = bytearray(encode_silence("mp3", 10))
    file[9000:9400] = b"\xa5" * 400
    transcript = transcribe(bytes(file), "clip.mp3", response_format="verbose_json").json()
    assert transcript["duration"] == pytest.approx(10, abs=0.5)


def test_title_in_another_encoding(transcribe: Transcribe) -> None:
    """A title that is not UTF-8 does not make a recording unreadable."""
    title = b"LIST" + struct.pack("<I", 16) + b"INFOINAM" + struct.pack("<I", 4) + b"\xe9t\xe9\0"
    data = WAV.index(b"data")
    assert transcribe(WAV[:data] + title + WAV[data:]).status_code == 200


def test_too_short(transcribe: Transcribe) -> None:
    """Less than a tenth of a second is refused; a tenth is accepted."""
    assert refused(transcribe(encode_silence("wav", 0.09))) == (400, "invalid_parameter", "file")
    assert transcribe(encode_silence("wav", 0.1)).status_code == 200


def test_too_long_for_gpt_4o(transcribe: Transcribe) -> None:
    """The gpt-4o models accept up to 1400 seconds."""
    longer = encode_silence("flac", 1401, rate=8000)
    for model in ("gpt-4o-transcribe", "gpt-4o-mini-transcribe"):
        response = transcribe(longer, "long.flac", model=model)
        assert refused(response) == (400, "invalid_parameter", "file")
        assert "1401.00 seconds is longer than 1400 seconds" in response.text
    longest = encode_silence("flac", 1399, rate=8000)
    assert transcribe(longest, "long.flac", model="gpt-4o-transcribe").status_code == 200


def test_audio_that_unpacks_to_hours(
    transcribe: Transcribe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small file that unpacks to long silence is refused before it fills the memory."""
    monkeypatch.setattr(audio_decoding, "MAX_SECONDS", 5)
    assert refused(transcribe(encode_silence("flac", 7), "bomb.flac"))[1] == "invalid_file_format"
    assert transcribe(encode_silence("flac", 4), "fine.flac").status_code == 200


def _body(size: int) -> tuple[dict[str, str], bytes]:
    """Return headers and content of a complete multipart body of a given size."""
    request = httpx.Request(
        "POST", "http://x", files={"file": ("clip.wav", b"\0")}, data={"model": "whisper-1"}
    )
    frame = request.read()
    content = frame.replace(b"\r\n\r\n\0\r\n", b"\r\n\r\n" + bytes(size - len(frame) + 1) + b"\r\n")
    assert len(content) == size
    return {"Content-Type": request.headers["content-type"]}, content


def test_the_largest_request(client: httpx.Client) -> None:
    """The size limit applies to the whole body: at the limit it is read, above it refused."""
    for size, code in ((LIMIT, "invalid_file_format"), (LIMIT + 1, "invalid_request")):
        headers, content = _body(size)
        response = client.post("/audio/transcriptions", headers=headers, content=content)
        assert refused(response)[1] == code
    assert response.status_code == 413
    assert f"({LIMIT})" in response.json()["error"]["message"]


def test_large_request_of_unknown_size(client: httpx.Client) -> None:
    """A body of unannounced size is refused once it is over the limit."""
    headers, content = _body(LIMIT + 3_000_000)

    def pieces() -> Iterator[bytes]:
        stream = io.BytesIO(content)
        while piece := stream.read(1_000_000):
            yield piece

    response = client.post("/audio/transcriptions", headers=headers, content=pieces())
    assert refused(response) == (413, "invalid_request", None)


def test_huge_announced_size(url: str) -> None:
    """A body with a huge announced size is refused before it is sent."""
    where = httpx.URL(url)
    head = (
        f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: {where.host}\r\n"
        "Authorization: Bearer sk-1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: {10**12}\r\n\r\n"
    )
    with socket.create_connection((where.host, where.port), timeout=30) as connection:
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=b", b""),
        ("multipart/form-data; boundary=b", b"what is this?"),
        ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data\r\n\r\nx--"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + WAV,
        ),
    ],
    ids=["json", "no boundary", "empty", "no multipart", "no name", "cut off"],
)
def test_malformed_multipart(client: httpx.Client, content_type: str, body: bytes) -> None:
    """A body that is not a complete multipart form is refused."""
    headers = {"Content-Type": content_type}
    response = client.post("/audio/transcriptions", headers=headers, content=body)
    assert refused(response) == (400, "invalid_request", None)


def test_two_files(client: httpx.Client) -> None:
    """A request with two files is refused."""
    part: Any = ("file", ("clip.wav", WAV))
    response = client.post("/audio/transcriptions", files=[part, part])
    assert refused(response) == (400, "invalid_request", None)
