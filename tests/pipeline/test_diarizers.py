"""A diarizer of the caller tells the speakers of one signal apart."""

from array import array  # noqa: TC003
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import ApertisAudio, Diarizer, SpeakerSpan
from apertis_audio_tools.adapters.documents import DocumentOptions, make_documents
from apertis_audio_tools.api.options import TranscriptionOptions
from support.channel_recordings import beacons, write_channels
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json
from support.sync_async import Run

WORDS = "Are you there? Yes, I am."
RECORDING = ("talk.flac", write_channels([beacons(1, 2, 3, 4)], "flac", "flac"))


class ByHalves:
    """Diarizer that gives the first half to one speaker and the second to another."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int]] = []

    def __call__(self, samples: "array[float]", rate: int) -> Iterable[tuple[float, float, str]]:
        """Return two spans."""
        assert samples.typecode == "f"
        assert 0.1 < max(samples) <= 1
        self.calls.append((len(samples), rate))
        half = len(samples) / rate / 2
        return [(half, 2 * half, "B"), SpeakerSpan(0.0, half, "A")]


def test_labels(run: Run, beacon_url: str, tmp_path: Path) -> None:
    """Segments get the speakers of the spans; the cache knows the words, not the speakers."""
    diarizer = ByHalves()
    assert isinstance(diarizer, Diarizer)
    for _ in range(2):
        with ApertisAudio("sk-payg-1234", base_url=beacon_url, cache=tmp_path) as client:
            for options in ({}, {"piece_seconds": 3}):
                found = run(client, "transcribe", RECORDING, speakers=diarizer, **options)
                assert found.to_text() == "A: 00001 00002\nB: 00003 00004"
                assert [passage.speaker for passage in found.passages()] == ["A", "B"]
    assert diarizer.calls == [(8 * 16_000, 16_000)] * 4
    with ApertisAudio("sk-payg-1234", base_url=beacon_url, cache=tmp_path) as client:
        assert run(client, "transcribe", RECORDING).segments[0].speaker is None


def segment(start: float, end: float, text: str, *, has_words: bool) -> dict[str, Any]:
    words = text.split()
    step = (end - start) / len(words)
    timed = [
        {"word": word.strip(".,"), "start": start + at * step, "end": start + (at + 1) * step}
        for at, word in enumerate(words)
    ]
    return {"start": start, "end": end, "text": text, "words": timed if has_words else []}


@pytest.mark.parametrize("has_words", [True, False])
def test_a_segment_of_two_speakers(run: Run, has_words: bool) -> None:  # noqa: FBT001
    """A segment is divided where the speaker changes, if the times of its words are known."""
    body = {
        "text": "",
        "segments": [segment(1, 6.9, WORDS, has_words=has_words)],
    }

    def diarizer(_: "array[float]", rate: int) -> list[SpeakerSpan]:
        assert rate == 16_000
        return [SpeakerSpan(0.9, 3.9, "ann"), SpeakerSpan(4.1, 8, "bob")]

    with LoopbackServer([respond_json(body)]) as server, server.client() as client:
        found = run(client, "transcribe", RECORDING, speakers=diarizer)
    divided = "ann: Are you there?\nbob: Yes, I am."
    assert found.to_text() == (divided if has_words else "ann: Are you there? Yes, I am.")
    assert b'"timestamp_granularities[]"' in server.requests[0].body


def test_words_outside_of_all_spans(run: Run) -> None:
    """A word near a span is of its speaker, and one that is far from all spans is of nobody."""
    body = {
        "text": "",
        "segments": [segment(0, 1, "Near.", has_words=True), segment(5, 6, "Far.", has_words=True)],
    }
    with LoopbackServer([respond_json(body)]) as server, server.client() as client:
        found = run(client, "transcribe", RECORDING, speakers=lambda *_: [(1.2, 2.0, "C")])
        nobody = run(client, "transcribe", RECORDING, speakers=lambda *_: [])
    assert [each.speaker for each in found.segments] == ["C", None]
    assert nobody.to_text() == "Near. Far."


def test_a_diarizer_that_fails(run: Run) -> None:
    """The error of a diarizer is raised as it is, before anything is sent."""

    def fail(*_: object) -> list[SpeakerSpan]:
        raise KeyError("weights")

    with LoopbackServer([respond_json({"text": ""})]) as server, server.client() as client:
        with pytest.raises(KeyError, match="weights"):
            run(client, "transcribe", RECORDING, speakers=fail)
        assert server.requests == []


def test_ids_of_documents(run: Run, beacon_url: str) -> None:
    """The ids of documents are the same for every instance of a diarizer."""
    ids = set()
    for diarizer in (ByHalves(), ByHalves(), None):
        with ApertisAudio("sk-payg-1234", base_url=beacon_url) as client:
            transcript = run(client, "transcribe", RECORDING, speakers=diarizer)
        options = TranscriptionOptions(speakers=diarizer)
        documents = make_documents(transcript, options, DocumentOptions(), name="talk.flac")
        ids.add(next(documents).id)
    assert len(ids) == 2
