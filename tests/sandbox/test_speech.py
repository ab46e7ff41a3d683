"""Speech of the sandbox: formats, voices, speed, streaming and refused requests."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import httpx
import jiwer
import pytest

from apertis_audio_tools.sandbox import speech_endpoint, speech_synthesis
from support import timeouts
from support.encoded_recordings import inspect_audio
from support.timeouts import TIMEOUT

VOICES = ["alloy", "echo", "fable", "onyx", "nova", "shimmer"]
SENTENCE = "The new version will go out on Thursday. We need your help."
REQUEST = {"model": "tts-1", "voice": "alloy", "input": "Hello there."}
Speak = Callable[..., bytes]


def refused(response: httpx.Response) -> tuple[int, str, str | None]:
    """Return status, code and parameter of an error response."""
    error = response.json()["error"]
    assert error["message"].endswith(".")
    return response.status_code, error["code"], error["param"]


@pytest.mark.parametrize(
    ("response_format", "media_type", "container", "codec", "rate"),
    [
        ("mp3", "audio/mpeg", "mp3", "mp3float", 24_000),
        ("opus", "audio/opus", "ogg", "opus", 48_000),
        ("aac", "audio/aac", "aac", "aac", 24_000),
        ("flac", "audio/flac", "flac", "flac", 24_000),
        ("wav", "audio/wav", "wav", "pcm_s16le", 24_000),
    ],
)
def test_formats(
    client: httpx.Client,
    speak: Speak,
    response_format: str,
    media_type: str,
    container: str,
    codec: str,
    rate: int,
) -> None:
    """Each format has the container and codec of its name, and the duration of the pcm format."""
    body = REQUEST | {"input": SENTENCE, "response_format": response_format}
    response = client.post("/audio/speech", json=body)
    assert response.headers["content-type"] == media_type
    found = inspect_audio(response.content)
    seconds = len(speak(SENTENCE, "pcm")) / 48_000
    assert (found.container, found.codec) == (container, codec)
    assert (found.rate, found.channels) == (rate, 1)
    assert found.seconds == pytest.approx(seconds, abs=0.15)
    assert found.loudest > 3000


def test_pcm(client: httpx.Client) -> None:
    """The pcm format has samples of a plausible duration and no header."""
    body = REQUEST | {"input": SENTENCE, "response_format": "pcm"}
    response = client.post("/audio/speech", json=body)
    assert response.headers["content-type"] == "audio/pcm"
    assert 3 < len(response.content) / 48_000 < 6
    assert max(map(abs, memoryview(response.content).cast("h"))) > 3000


def test_default_format(client: httpx.Client) -> None:
    """The default format is mp3."""
    response = client.post("/audio/speech", json=REQUEST)
    assert response.headers["content-type"] == "audio/mpeg"
    assert inspect_audio(response.content).container == "mp3"


def test_wav_has_the_sizes_of_a_stream(speak: Speak) -> None:
    """A wav begins before its length is known, so both sizes are 0xFFFFFFFF."""
    header = speak(SENTENCE, "wav")[:44]
    assert (header[:4], header[4:8], header[8:16]) == (b"RIFF", b"\xff" * 4, b"WAVEfmt ")
    assert header[36:] == b"data" + b"\xff" * 4
    assert (
        inspect_audio(speak(SENTENCE, "wav")).seconds == (len(speak(SENTENCE, "wav")) - 44) / 48_000
    )


@pytest.mark.parametrize("speed", [0.25, 0.4, 0.5, 0.75, 1.5, 4])
def test_speed(speak: Speak, speed: float) -> None:
    """The duration is inversely proportional to the speed."""
    usual, changed = speak(SENTENCE, "pcm"), speak(SENTENCE, "pcm", speed=speed)
    assert len(changed) * speed == pytest.approx(len(usual), rel=0.03)


def zero_crossings(pcm: bytes) -> float:
    """Return the sign changes per second, which differ between the voices."""
    signs = [sample < 0 for sample in memoryview(pcm).cast("h")]
    changes = sum(before != after for before, after in pairwise(signs))
    return changes / len(signs) * 24_000


def voice_of(pcm: bytes, usual: dict[str, float]) -> str:
    """Return the voice with the most similar sound; nova alone varies by 4 % between calls."""
    found = zero_crossings(pcm)
    return min(usual, key=lambda voice: abs(usual[voice] - found))


def test_voices_differ(speak: Speak, client: httpx.Client) -> None:
    """The six voices sound different, and each sounds alike every time."""
    usual = {voice: zero_crossings(speak(SENTENCE, "pcm", voice)) for voice in VOICES}
    for voice in VOICES:
        body = REQUEST | {"input": SENTENCE, "voice": voice, "response_format": "pcm"}
        assert voice_of(client.post("/audio/speech", json=body).content, usual) == voice


@pytest.mark.slow
@pytest.mark.parametrize("voice", ["alloy", "onyx"])
def test_speech_is_recognised(client: httpx.Client, speak: Speak, voice: str) -> None:
    """Most words of a sentence survive synthesis, encoding, decoding and recognition."""
    files = {"file": ("speech.mp3", speak(SENTENCE, "mp3", voice))}
    answer = client.post("/audio/transcriptions", files=files, data={"model": "whisper-1"})
    recognised = answer.json()["text"]
    truth, guess = (" ".join(re.findall("[a-z]+", each.lower())) for each in (SENTENCE, recognised))
    assert jiwer.wer(truth, guess) <= 0.34


@pytest.mark.parametrize("model", ["tts-1", "tts-1-hd", "gpt-4o-mini-tts-2025-12-15"])
def test_models(client: httpx.Client, model: str) -> None:
    """Every speech model returns speech, and accepts instructions."""
    body = REQUEST | {"model": model, "instructions": "Sound cheerful."}
    assert inspect_audio(client.post("/audio/speech", json=body).content).seconds > 0.5


@pytest.mark.parametrize("voice", ["Kore", "alloy"])
def test_model_with_other_voices(client: httpx.Client, voice: str) -> None:
    """The Gemini model has voices of its own, so it accepts any name."""
    body = REQUEST | {"model": "gemini-3.1-flash-tts-preview", "voice": voice}
    assert inspect_audio(client.post("/audio/speech", json=body).content).seconds > 0.5


@pytest.mark.parametrize(
    "text", ["...", " ", "\x00", "1 < 2 & [[h@'loU]] <break/>", "你好。世界", "😀"]
)
@pytest.mark.parametrize("response_format", ["mp3", "opus", "aac", "flac", "wav"])
def test_unusual_texts(client: httpx.Client, text: str, response_format: str) -> None:
    """The response to any text is a file that can be played."""
    body = REQUEST | {"input": text, "response_format": response_format}
    response = client.post("/audio/speech", content=json.dumps(body))
    assert response.status_code == 200
    assert inspect_audio(response.content).seconds >= 0


def test_the_longest_text(client: httpx.Client) -> None:
    """4096 characters are spoken to the end; one more is refused."""
    text = ("All is well. " * 400)[:4096]
    body = REQUEST | {"input": text, "response_format": "opus", "speed": 4}
    assert inspect_audio(client.post("/audio/speech", json=body).content).seconds > 60
    response = client.post("/audio/speech", json=body | {"input": text + "x"})
    assert refused(response) == (400, "invalid_parameter", "input")


def test_sentences_are_streamed(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first sentence arrives before the second has been synthesised."""
    first_arrived = threading.Event()
    speak = speech_synthesis.speak

    def speak_after_first(text: str, voice: str) -> Iterator[bytes]:
        sentences = speak(text, voice)
        yield next(sentences)
        assert first_arrived.wait(TIMEOUT)
        yield from sentences

    monkeypatch.setattr(speech_endpoint, "speak", speak_after_first)
    headers = {"Authorization": "Bearer sk-1"}
    body = REQUEST | {"input": SENTENCE, "response_format": "pcm"}
    with timeouts.stream("POST", f"{url}/audio/speech", headers=headers, json=body) as response:
        assert response.headers["transfer-encoding"] == "chunked"
        chunks = response.iter_bytes()
        first = next(chunks)
        first_arrived.set()
        rest = b"".join(chunks)
    assert len(first + rest) / 48_000 > 3


def test_concurrent_requests(speak: Speak, client: httpx.Client) -> None:
    """Concurrent requests do not affect each other."""

    def request_speech(voice: str) -> bytes:
        body = REQUEST | {"input": SENTENCE, "voice": voice, "response_format": "pcm"}
        return client.post("/audio/speech", json=body).content

    with ThreadPoolExecutor(6) as threads:
        concurrent = list(threads.map(request_speech, VOICES * 3))
    alone = {voice: speak(SENTENCE, "pcm", voice) for voice in VOICES}
    usual = {voice: zero_crossings(pcm) for voice, pcm in alone.items()}
    assert [voice_of(pcm, usual) for pcm in concurrent] == VOICES * 3
    lengths = [len(alone[voice]) for voice in VOICES] * 3
    assert [len(pcm) for pcm in concurrent] == pytest.approx(lengths, rel=0.01)


@pytest.mark.parametrize("absent", ["model", "input", "voice"])
def test_missing_parameter(client: httpx.Client, absent: str) -> None:
    """Model, input and voice are required."""
    body = {key: value for key, value in REQUEST.items() if key != absent}
    assert refused(client.post("/audio/speech", json=body)) == (400, "missing_parameter", absent)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("input", value) for value in ("", 7, None, ["a"], "\ud800")),
        *(("voice", value) for value in ("", "Alloy", "kore", None, {"id": "alloy"})),
        *(("speed", value) for value in (0.24, 4.01, "1", True, None)),
        *(("response_format", value) for value in ("ogg", "MP3", "", None, 3)),
        *(("instructions", value) for value in (1, ["calm"])),
        ("model", 5),
        ("model", "whisper-1"),
    ],
)
def test_invalid_parameter(client: httpx.Client, field: str, value: object) -> None:
    """Values out of range or of a wrong type are refused; the error names the parameter."""
    response = client.post("/audio/speech", content=json.dumps(REQUEST | {field: value}))
    assert refused(response) == (400, "invalid_parameter", field)


def test_unknown_model(client: httpx.Client) -> None:
    """A model that does not exist is not found."""
    response = client.post("/audio/speech", json=REQUEST | {"model": "tts-2"})
    assert refused(response) == (404, "model_not_found", "model")


@pytest.mark.parametrize("endpoint", ["/audio/speech", "/chat/completions"])
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b'{"speed": NaN}', b"[" * 100_000],
    ids=["empty", "open", "list", "text", "null", "no text", "NaN", "deep"],
)
def test_malformed_json(client: httpx.Client, endpoint: str, body: bytes) -> None:
    """A body that is not a JSON object is refused."""
    headers = {"Content-Type": "application/json"}
    response = client.post(endpoint, content=body, headers=headers)
    assert refused(response) == (400, "invalid_request", None)


@pytest.mark.parametrize("endpoint", ["/audio/speech", "/chat/completions"])
def test_too_much_json(client: httpx.Client, endpoint: str) -> None:
    """The size limit applies to JSON bodies."""
    body = b'{"input": "' + b" " * 26_214_400 + b'"}'
    response = client.post(endpoint, content=body)
    assert refused(response) == (413, "invalid_request", None)
