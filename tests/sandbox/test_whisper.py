"""The speech recogniser of the sandbox: words, times, statistics, and what it leaves out."""

import itertools
import math
import os
import random
import re
import subprocess
import sys
from array import array
from collections.abc import Callable
from pathlib import Path

import httpx
import jiwer
import pytest

from apertis_audio_tools.sandbox import Sandbox, SpeechSegment, Whisper, whisper_model
from support.encoded_recordings import decode_samples, encode_recording

ROOT = Path(__file__).parents[2]
DATA = ROOT / "examples" / "data"
CLIP = ROOT / "tests" / "clips" / "clip.wav"
RATE = 16_000
WORDS = "timestamp_granularities[]"
Transcribe = Callable[..., httpx.Response]


def normalise(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9']+", text.lower()))


def recognise(pcm: bytes) -> list[SpeechSegment]:
    with Whisper() as whisper:
        return list(whisper.recognise(pcm))


def join(segments: list[SpeechSegment]) -> str:
    return " ".join(each.text for each in segments)


def synthesise(seconds: float, wave: Callable[[float], float]) -> bytes:
    """Return samples of a function of the time in seconds."""
    return array("h", (round(wave(at / RATE)) for at in range(round(seconds * RATE)))).tobytes()


@pytest.mark.parametrize(("name", "limit"), [("standup", 0.02), ("inaugural", 0.05)])
def test_few_words_are_wrong(name: str, limit: float) -> None:
    """Few words of a synthetic meeting and of a human voice are wrong."""
    segments = recognise(decode_samples((DATA / f"{name}.ogg").read_bytes()))
    spoken = (DATA / f"{name}.txt").read_text("utf-8")
    assert jiwer.wer(normalise(spoken), normalise(join(segments))) <= limit


def test_capitals_and_punctuation() -> None:
    """Sentences begin with a capital and end with the mark that their sense asks for."""
    standup = decode_samples((DATA / "standup.ogg").read_bytes())
    text = join(recognise(standup[18 * RATE * 2 : 26 * RATE * 2]))
    assert text == (
        "Is there anything in the way? The password problem is still open. "
        "How long will it take to fix it?"
    )


NOISE = random.Random(7)
NOISES: dict[str, Callable[[float], float]] = {
    "silence": lambda _: 0,
    "faint noise": lambda _: NOISE.uniform(-3, 3),
    "white noise": lambda _: NOISE.gauss(0, 3000),
    "bursts of noise": lambda at: NOISE.gauss(0, 3000) * (1 + math.sin(8 * math.pi * at)) / 2,
    "clicks": lambda _: 20_000 * (NOISE.random() < 0.0005),
    "hum": lambda at: 3000 * math.sin(100 * math.pi * at),
    "beeps": lambda at: 8000 * math.sin(2000 * math.pi * at) * (at % 1 < 0.3),
    "chords": lambda at: sum(
        2000 * math.sin(2 * math.pi * hertz * at) * math.exp(-4 * (at % 0.5))
        for hertz in (262, 330, 392, 523)
    ),
}


@pytest.mark.parametrize("name", NOISES)
def test_noise_has_no_words(name: str) -> None:
    """Nothing is invented over silence, noise, tones and music."""
    NOISE.seed(7)
    assert join(recognise(synthesise(8, NOISES[name]))) == ""


def test_words_between_noise() -> None:
    """A sentence between long noise is recognised, and nothing else."""
    NOISE.seed(7)
    noise = synthesise(20, lambda _: NOISE.gauss(0, 20))
    segments = recognise(noise + decode_samples(CLIP.read_bytes()) + noise)
    assert join(segments) == "The meeting is tomorrow."
    assert segments[0].start == pytest.approx(20.05, abs=0.15)
    assert segments[-1].end == pytest.approx(21.19, abs=0.15)


def test_text_that_repeats_itself_ends() -> None:
    """A sentence said nine times without a pause neither ends early nor is repeated without end."""
    text = join(recognise(decode_samples(CLIP.read_bytes()) * 9))
    assert 8 <= text.lower().count("meeting") <= 14


def test_times_of_words(transcribe: Transcribe) -> None:
    """The times of words are those at which they are spoken, wherever the sentence is."""
    clip = decode_samples(CLIP.read_bytes())
    file = encode_recording("wav", bytes(RATE * 2 * 3) + clip + bytes(RATE * 2) + clip)
    answer = transcribe(file, response_format="verbose_json", **{WORDS: "word"}).json()
    first, second = answer["words"][:4], answer["words"][4:]
    assert [each["word"] for each in first] == ["The", "meeting", "is", "tomorrow"]
    assert first[0]["start"] == pytest.approx(3.05, abs=0.1)
    assert first[-1]["end"] == pytest.approx(4.19, abs=0.1)
    for one, other in zip(first, second, strict=True):
        assert one["word"] == other["word"]
        assert other["start"] - one["start"] == pytest.approx(2.24, abs=0.08)
        assert 0 < one["end"] - one["start"] < 0.7
    assert all(one["end"] <= other["start"] for one, other in itertools.pairwise(answer["words"]))


@pytest.mark.parametrize(
    ("granularities", "present"),
    [
        ([], {"segments"}),
        (["segment"], {"segments"}),
        (["word"], {"words"}),
        (["word", "segment"], {"words", "segments"}),
    ],
)
def test_granularities(url: str, granularities: list[str], present: set[str]) -> None:
    """A verbose response has the times that were asked for, by default those of segments."""
    response = httpx.post(
        f"{url}/audio/transcriptions",
        headers={"Authorization": "Bearer sk-1"},
        files={"file": ("clip.wav", CLIP.read_bytes())},
        data={"model": "whisper-1", "response_format": "verbose_json", WORDS: granularities},
        timeout=60,
    )
    assert set(response.json()) - {"task", "language", "duration", "text"} == present


@pytest.mark.parametrize(
    ("response_format", "granularity"),
    [("json", "word"), ("srt", "segment"), ("verbose_json", "letter")],
)
def test_refused_granularities(
    transcribe: Transcribe, response_format: str, granularity: str
) -> None:
    """Times need verbose JSON, and are those of words or segments."""
    fields = {"response_format": response_format, WORDS: granularity}
    response = transcribe(CLIP.read_bytes(), **fields)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_parameter"
    assert WORDS in response.json()["error"]["message"]


def test_statistics_of_whisper(transcribe: Transcribe) -> None:
    """The statistics of a segment are those of the model that recognised it."""
    answer = transcribe(CLIP.read_bytes(), response_format="verbose_json").json()
    (segment,) = answer["segments"]
    vocabulary = whisper_model.load_model().vocabulary
    assert [vocabulary[token] for token in segment["tokens"]] == [
        *("ĠThe", "Ġmeeting", "Ġis", "Ġtomorrow", ".")
    ]
    assert -1 < segment["avg_logprob"] < 0
    assert 0 < segment["no_speech_prob"] < 0.3


def test_one_model_for_a_process() -> None:
    """All recognisers and sandboxes of a process use the same model."""
    recognise(decode_samples(CLIP.read_bytes()))
    model = whisper_model.load_model()
    with Sandbox(), Sandbox():
        recognise(decode_samples(CLIP.read_bytes()))
        assert whisper_model.load_model() is model


def test_recognition_is_a_few_spans_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long recording is recognised as its segments are taken, so others have their turn."""
    begun = []

    def count(_: object, span: object) -> list[SpeechSegment]:
        begun.append(span)
        return [SpeechSegment(0, 1, "Hm.")]

    monkeypatch.setattr("apertis_audio_tools.sandbox.whisper_decoding.recognise_span", count)
    pcm = (decode_samples(CLIP.read_bytes()) + bytes(RATE * 2 * 3)) * 40
    with Whisper() as whisper:
        segments = iter(whisper.recognise(pcm))
        next(segments)
        assert len(begun) <= whisper_model.MAX_CONCURRENCY + 1
        assert len(list(segments)) == 39


def test_changed_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that are not the published ones are refused, before they are loaded."""
    digests = {**whisper_model.SHA256, "vocabulary.txt": "0" * 64}
    monkeypatch.setattr(whisper_model, "SHA256", digests)
    monkeypatch.setattr(whisper_model, "_models", {})
    with pytest.raises(ImportError, match=r"vocabulary\.txt .* is not that of version 0\.1\.0"):
        recognise(decode_samples(CLIP.read_bytes()))


FORK = """
import os, sys, wave
from apertis_audio_tools.sandbox import Whisper
pcm = wave.open(sys.argv[1]).readframes(10**6)
recognise = lambda: [each.text for each in Whisper().recognise(pcm)]
texts = recognise()
if child := os.fork():
    _, status = os.waitpid(child, 0)
    print(texts, os.waitstatus_to_exitcode(status))
else:
    sys.exit(recognise() != texts)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked there")
def test_forked_process() -> None:
    """A child recognises speech with a model of its own, and ends."""
    finished = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, CLIP],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert finished.stdout == "['The meeting is tomorrow.'] 0\n"
