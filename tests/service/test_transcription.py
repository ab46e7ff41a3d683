"""Transcription and translation by the service."""

import json

import pytest

from apertis_audio_tools import ApertisAudio
from support.service_types import Check, Clip
from support.sync_async import Run

pytestmark = pytest.mark.vcr


@pytest.mark.parametrize(
    "suffix", ["flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm"]
)
def test_container(
    client: ApertisAudio, run: Run, clip: Clip, assert_sentence: Check, suffix: str
) -> None:
    """Every documented container is accepted and transcribed."""
    transcript = run(client, "transcribe", clip(suffix), response_format="json")
    assert_sentence(transcript.text)
    assert transcript.source == f"clip.{suffix}"
    assert transcript.duration == pytest.approx(1.24, abs=0.1)


@pytest.mark.parametrize("response_format", ["json", "text", "srt", "vtt", "verbose_json"])
@pytest.mark.parametrize("verb", ["transcribe", "translate"])
def test_format(
    client: ApertisAudio,
    run: Run,
    clip: Clip,
    assert_sentence: Check,
    verb: str,
    response_format: str,
) -> None:
    """Every response format becomes a transcript; times are estimated if the format has none."""
    transcript = run(client, verb, clip("mp3"), response_format=response_format)
    assert_sentence(transcript.text)
    assert transcript.task == verb
    has_times = response_format in {"srt", "vtt", "verbose_json"}
    (segment,) = transcript.segments
    assert 0 <= segment.start < segment.end <= 2
    assert segment.estimated is not has_times


def test_raw(client: ApertisAudio, run: Run, clip: Clip) -> None:
    """The raw body of the response is available."""
    transcript = run(client, "transcribe", clip("mp3"), response_format="verbose_json")
    assert json.loads(transcript.raw)["text"].strip() == transcript.text


def test_words(client: ApertisAudio, run: Run, clip: Clip, assert_sentence: Check) -> None:
    """Words have times on request, beside those of the segments."""
    transcript = run(client, "transcribe", clip("mp3"), timestamp_granularities=["word"])
    assert_sentence(" ".join(word.text for word in transcript.words))
    assert transcript.words == transcript.segments[0].words
    assert all(0 <= word.start < word.end <= 2 for word in transcript.words)


@pytest.mark.parametrize("model", ["whisper-large-v3", "whisper-large-v3-turbo"])
def test_whisper(
    client: ApertisAudio, run: Run, clip: Clip, assert_sentence: Check, model: str
) -> None:
    """The other whisper models return segments by default."""
    transcript = run(client, "transcribe", clip("mp3"), model=model)
    assert_sentence(transcript.text)
    assert transcript.segments
    assert transcript.model == model


@pytest.mark.parametrize("model", ["gpt-4o-transcribe", "gpt-4o-mini-transcribe"])
def test_json_only(
    client: ApertisAudio, run: Run, clip: Clip, assert_sentence: Check, model: str
) -> None:
    """Models that only support json are requested to return json."""
    transcript = run(client, "transcribe", clip("ogg"), model=model)
    assert_sentence(transcript.text)
    assert [each.estimated for each in transcript.segments] == [True]


def test_every_parameter(
    client: ApertisAudio, run: Run, clip: Clip, assert_sentence: Check
) -> None:
    """The service accepts all documented parameters."""
    transcript = run(
        client,
        "transcribe",
        ("named.bin", clip("wav").read_bytes()),
        model="whisper-1",
        language="en",
        prompt="A meeting.",
        response_format="verbose_json",
        temperature=0.2,
    )
    assert_sentence(transcript.text)
    assert transcript.request_id
    assert transcript.server
