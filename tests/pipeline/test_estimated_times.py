"""Transcripts of models that return no times have segments all the same."""

import pytest

from apertis_audio_tools.results import Transcript
from support.encoded_recordings import encode_silence
from support.loopback_server import LoopbackServer
from support.piece_recogniser import STANDUP
from support.scripted_responses import respond_json
from support.sync_async import Run

TIMELESS = "gpt-4o-transcribe"
TURNS = STANDUP.with_suffix(".txt").read_text("utf-8").splitlines()
STARTS = [0.8, 6.4, 11.5, 18.8, 21.2, 23.8, 26.9, 34.5, 40.2, 44.5, 49.7, 55.4, 58.0, 64.2, 67.3]
"""Seconds at which the turns of the example begin, but the last."""


def transcribe(run: Run, response: object, **options: object) -> tuple[Transcript, int]:
    """Return the transcript of the example and the number of requests."""
    with LoopbackServer([respond_json(response)]) as server, server.client() as audio:
        transcript = run(audio, "transcribe", STANDUP, **options)
        return transcript, len(server.requests)


def test_sentences_begin_where_they_are_said(run: Run) -> None:
    """One request is enough; each turn begins at its time, and srt and vtt have a cue for it."""
    transcript, requests = transcribe(run, {"text": " ".join(TURNS)}, model=TIMELESS)
    assert requests == 1
    assert transcript.text == " ".join(TURNS)
    assert all(segment.estimated for segment in transcript.segments)
    by_text = {segment.text: segment.start for segment in transcript.segments}
    for turn, start in zip(TURNS, STARTS, strict=False):
        first = next(text for text in by_text if turn.startswith(text))
        assert by_text[first] == pytest.approx(start, abs=0.5)
    assert transcript.to_srt().count(" --> ") == len(transcript.segments) > len(STARTS)
    assert len(transcript.passages()) > 2


def test_times_of_the_service_win(run: Run) -> None:
    """Nothing is estimated if the service gives times."""
    segment = {"id": 0, "start": 1.5, "end": 3.0, "text": "Good morning."}
    response = {"text": "Good morning.", "segments": [segment]}
    transcript, _ = transcribe(run, response)
    assert [(each.start, each.end) for each in transcript.segments] == [(1.5, 3.0)]
    assert not transcript.segments[0].estimated
    assert "estimated" not in transcript.to_json()


def test_text_that_nobody_can_have_spoken(run: Run) -> None:
    """A text that is far too long for the recording is kept, without times that would be lies."""
    text = "Thanks. " * 10_000
    with LoopbackServer([respond_json({"text": text})]) as server, server.client() as audio:
        source = ("quiet.wav", encode_silence("wav", 5))
        transcript = run(audio, "transcribe", source, model=TIMELESS)
    assert transcript.text == text.strip()
    assert transcript.segments == ()
    assert [(each.start, each.end) for each in transcript.passages()] == [(0.0, 5.0)]


def test_silence_with_words(run: Run) -> None:
    """Words over silence are kept, within the recording."""
    response = respond_json({"text": "Thanks. Bye."})
    with LoopbackServer([response]) as server, server.client() as audio:
        source = ("quiet.wav", encode_silence("wav", 5))
        transcript = run(audio, "transcribe", source, model=TIMELESS)
    assert [each.text for each in transcript.segments] == ["Thanks.", "Bye."]
    assert all(0 <= each.start <= each.end <= 5 for each in transcript.segments)
