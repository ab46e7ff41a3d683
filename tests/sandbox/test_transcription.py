"""Transcriptions of the sandbox: formats, times, recognisers."""

import re
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from apertis_audio_tools.sandbox import Sandbox, SpeechSegment, Whisper
from support.encoded_recordings import decode_samples, encode_recording, encode_silence
from support.timeouts import TIMEOUT

ROOT = Path(__file__).parents[2]
CLIPS = ROOT / "tests" / "clips"
STANDUP = ROOT / "examples" / "data" / "standup.ogg"
SENTENCE = "The meeting is tomorrow."
HEADERS = {"Authorization": "Bearer sk-1"}
VERBOSE = {"response_format": "verbose_json"}
Transcribe = Callable[..., httpx.Response]


class FixedRecogniser:
    """A recogniser that always returns the same segments."""

    def __init__(self, *segments: SpeechSegment) -> None:
        self._segments = segments

    def recognise(self, _: bytes) -> Iterable[SpeechSegment]:
        """Return the fixed segments."""
        return self._segments


def transcribe(url: str, file: bytes, timeout: float = 60, **fields: str) -> httpx.Response:
    """Request a transcription from the sandbox at a URL."""
    return httpx.post(
        f"{url}/audio/transcriptions",
        headers=HEADERS,
        files={"file": ("clip.wav", file)},
        data={"model": "whisper-1", **fields},
        timeout=timeout,
    )


def beginning(path: Path, seconds: int) -> bytes:
    """Return the first seconds of a recording as wav."""
    return encode_recording("wav", decode_samples(path.read_bytes())[: seconds * 16_000 * 2])


@pytest.fixture(scope="module")
def standup(client: httpx.Client) -> dict[str, object]:
    """Return the transcript of the beginning of a meeting, with times."""
    response = client.post(
        "/audio/transcriptions",
        files={"file": ("standup.wav", beginning(STANDUP, 25))},
        data={"model": "whisper-large-v3", "response_format": "verbose_json"},
        timeout=300,
    )
    assert response.status_code == 200
    return dict(response.json())


@pytest.mark.parametrize(
    "extension", ["flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm"]
)
def test_every_documented_format(client: httpx.Client, extension: str) -> None:
    """A sentence is recognised in every documented format."""
    file = (CLIPS / f"clip.{extension}").read_bytes()
    response = client.post(
        "/audio/transcriptions",
        files={"file": (f"CLIP.{extension.upper()}", file)},
        data={"model": "whisper-1"},
    )
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {"text": SENTENCE}


def words(text: str) -> str:
    return " ".join(re.findall(r"[a-z']+", text.lower()))


def test_verbose_segments(standup: dict[str, object]) -> None:
    """Segments are numbered, in order of time, and make up the text."""
    segments = standup["segments"]
    assert isinstance(segments, list)
    assert (standup["task"], standup["language"]) == ("transcribe", "english")
    assert standup["duration"] == pytest.approx(25, abs=0.1)
    assert [each["id"] for each in segments] == list(range(len(segments)))
    assert " ".join(each["text"] for each in segments) == standup["text"]
    assert all(0 <= each["start"] < each["end"] <= standup["duration"] for each in segments)
    assert all(one["end"] < other["start"] for one, other in pairwise(segments))
    assert len(segments) >= 4


def test_verbose_statistics(standup: dict[str, object]) -> None:
    """The statistics of segments are in plausible ranges."""
    segments = standup["segments"]
    assert isinstance(segments, list)
    for each in segments:
        assert set(each) == {
            *("id", "start", "end", "text", "tokens", "temperature"),
            *("avg_logprob", "compression_ratio", "no_speech_prob"),
        }
        assert each["avg_logprob"] < 0
        assert 0 <= each["no_speech_prob"] < 0.5
        assert 0.5 < each["compression_ratio"] < 2


def test_times(transcribe: Transcribe) -> None:
    """The times of two sentences are exact to a tenth of a second."""
    clip = decode_samples((CLIPS / "clip.wav").read_bytes())
    pause = bytes(16_000 * 2 * 3)
    file = encode_recording("wav", pause + clip + pause + clip)
    transcript = transcribe(file, response_format="verbose_json", temperature="0.5").json()
    spans = [(each["start"], each["end"]) for each in transcript["segments"]]
    assert spans == [pytest.approx((3.05, 4.19), abs=0.1), pytest.approx((7.29, 8.43), abs=0.1)]
    assert transcript["text"] == f"{SENTENCE} {SENTENCE}"
    assert transcript["segments"][0]["temperature"] == 0.5


@pytest.mark.parametrize(
    ("response_format", "media_type", "expected"),
    [
        ("text", "text/plain; charset=utf-8", "First & last. Second.\n"),
        (
            "srt",
            "text/plain; charset=utf-8",
            (
                "1\n00:00:00,500 --> 00:59:59,999\nFirst & last.\n\n"
                "2\n01:01:01,001 --> 27:46:40,000\nSecond.\n\n"
            ),
        ),
        (
            "vtt",
            "text/plain; charset=utf-8",
            (
                "WEBVTT\n\n00:00:00.500 --> 00:59:59.999\nFirst &amp; last.\n\n"
                "01:01:01.001 --> 27:46:40.000\nSecond.\n\n"
            ),
        ),
    ],
)
def test_text_and_subtitles(response_format: str, media_type: str, expected: str) -> None:
    """Text and subtitles of a custom recogniser follow their formats."""
    engine = FixedRecogniser(
        SpeechSegment(0.5, 3599.9994, "First & last."), SpeechSegment(3661.001, 100_000, "Second.")
    )
    with Sandbox(recogniser=engine) as url:
        response = transcribe(url, encode_silence("wav", 1), response_format=response_format)
    assert response.headers["content-type"] == media_type
    assert response.text == expected


@pytest.mark.parametrize("model", ["gpt-4o-transcribe", "gpt-4o-mini-transcribe"])
@pytest.mark.parametrize("response_format", ["json", "text", "srt", "vtt", "verbose_json"])
def test_json_only_models(model: str, response_format: str) -> None:
    """The gpt-4o models return json, whatever format is requested."""
    with Sandbox(recogniser=FixedRecogniser(SpeechSegment(0, 1, "Hello."))) as url:
        file = encode_silence("wav", 1)
        response = transcribe(url, file, model=model, response_format=response_format)
    assert response.json() == {"text": "Hello."}


@pytest.mark.parametrize(
    ("response_format", "expected"),
    [("json", '{"text":""}'), ("text", "\n"), ("srt", ""), ("vtt", "WEBVTT\n\n")],
)
def test_silence(transcribe: Transcribe, response_format: str, expected: str) -> None:
    """The transcript of silence is empty."""
    response = transcribe(encode_silence("wav", 3), response_format=response_format)
    assert (response.status_code, response.text) == (200, expected)


def test_silence_has_no_segments(transcribe: Transcribe) -> None:
    """The verbose transcript of silence has no segments."""
    transcript = transcribe(
        encode_silence("flac", 2.5), "quiet.flac", response_format="verbose_json"
    ).json()
    assert (transcript["duration"], transcript["text"], transcript["segments"]) == (2.5, "", [])


@pytest.mark.parametrize("model", ["whisper-1", "whisper-large-v3", "whisper-large-v3-turbo"])
def test_translation(client: httpx.Client, model: str) -> None:
    """A translation is the transcript, marked as a translation."""
    response = client.post(
        "/audio/translations",
        files={"file": ("clip.mp3", (CLIPS / "clip.mp3").read_bytes())},
        data={"model": model, "prompt": "a meeting", "response_format": "verbose_json"},
    )
    assert (response.json()["task"], response.json()["text"]) == ("translate", SENTENCE)


def test_concurrent_requests(transcribe: Transcribe) -> None:
    """Concurrent requests return the same transcript as a single one."""
    file = (CLIPS / "clip.ogg").read_bytes()
    with ThreadPoolExecutor(6) as threads:
        answers = threads.map(lambda _: transcribe(file, "clip.ogg", **VERBOSE).json(), range(6))
    first, *others = answers
    assert all(answer == first for answer in others)
    assert first["text"] == SENTENCE


def test_disconnected_client() -> None:
    """Recognition stops when the client disconnects, and the server continues."""
    recognition_ended = threading.Event()

    class Endless:
        def recognise(self, pcm: bytes) -> Iterator[SpeechSegment]:
            try:
                while len(pcm) > 40_000:
                    yield SpeechSegment(0, 1, "And so on.")
            finally:
                recognition_ended.set()

    with Sandbox(recogniser=Endless()) as url:
        with pytest.raises(httpx.ReadTimeout):
            transcribe(url, encode_silence("wav", 2), timeout=0.5)
        assert recognition_ended.wait(TIMEOUT)
        assert transcribe(url, encode_silence("wav", 1)).json() == {"text": ""}


def test_closed_recogniser() -> None:
    """Closing the recogniser during a request leads to a 503 error, which may be retried."""
    recognition_began, is_closed = threading.Event(), threading.Event()

    class Noticed(Whisper):
        def recognise(self, pcm: bytes, /) -> Iterator[SpeechSegment]:
            recognition_began.set()
            assert is_closed.wait(TIMEOUT)
            return super().recognise(pcm)

    file = encode_recording("wav", decode_samples((CLIPS / "clip.wav").read_bytes()))
    with Noticed() as engine, Sandbox(recogniser=engine) as url, ThreadPoolExecutor(1) as thread:
        answer = thread.submit(transcribe, url, file)
        assert recognition_began.wait(TIMEOUT)
        engine.close()
        is_closed.set()
        assert answer.result().status_code == 503
        assert answer.result().json()["error"]["code"] == "service_unavailable"
        assert transcribe(url, file).status_code == 503


def test_failing_recogniser(capfd: pytest.CaptureFixture[str]) -> None:
    """An exception in the recogniser leads to a 500 error, and the server continues."""

    class Broken:
        def recognise(self, _: bytes) -> Iterable[SpeechSegment]:
            raise RuntimeError("broken")

    with Sandbox(recogniser=Broken()) as url:
        for _ in range(2):
            response = transcribe(url, encode_silence("wav", 1))
            assert response.status_code == 500
            assert response.json()["error"]["code"] == "internal_error"
            assert response.headers["x-request-id"]
    capfd.readouterr()
