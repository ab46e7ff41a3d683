"""Transcripts are split into documents."""

import json
import uuid
from dataclasses import dataclass
from typing import Any

import pytest

from apertis_audio_tools import ConfigurationError, Segment, Transcript
from apertis_audio_tools.adapters.documents import (
    DocumentOptions,
    Granularity,
    TranscriptDocument,
    make_documents,
)
from apertis_audio_tools.api.options import TranscriptionOptions
from apertis_audio_tools.models import TrackChoice

SEGMENTS = tuple(
    Segment(id=n, start=20.0 * n, end=20.0 * n + 18.5, text=f" Sentence number {n}.")
    for n in range(4)
)
TRANSCRIPT = Transcript(
    text="Sentence number 0. ...",
    segments=SEGMENTS,
    language="english",
    duration=80.0,
    model="whisper-1",
    digest="ab" * 32,
    request_id="req_1",
)


def documents_of(
    transcript: Transcript = TRANSCRIPT,
    granularity: Granularity = "passage",
    *,
    name: str | None = "meetings/standup.ogg",
    max_seconds: float = 40.0,
    overlap: float = 0.0,
    **transcription: Any,
) -> list[TranscriptDocument]:
    return list(
        make_documents(
            transcript,
            TranscriptionOptions(**transcription),
            DocumentOptions(granularity, max_seconds=max_seconds, overlap=overlap),
            name=name,
        )
    )


@pytest.mark.parametrize(
    ("granularity", "count"), [("recording", 1), ("passage", 2), ("segment", 4)]
)
def test_granularity(granularity: Granularity, count: int) -> None:
    """There is one document per recording, passage or segment, each with its times."""
    found = documents_of(granularity=granularity)
    assert len(found) == count
    assert found[0].metadata["start"] == 0.0
    assert found[-1].metadata["end"] == (80.0 if granularity == "recording" else 78.5)
    assert all(each.text == each.text.strip() for each in found)


def test_metadata() -> None:
    """Metadata is flat, JSON-safe, in a fixed order, and holds nothing volatile."""
    (_, second) = documents_of()
    assert list(second.metadata.items()) == [
        ("source", "meetings/standup.ogg"),
        ("start", 40.0),
        ("end", 78.5),
        ("timecode", "00:00:40"),
        ("duration", 80.0),
        ("language", "en"),
        ("language_reported", "english"),
        ("model", "whisper-1"),
        ("task", "transcribe"),
    ]
    assert json.loads(json.dumps(second.metadata)) == second.metadata


@pytest.mark.parametrize("track", [0, "all"])
def test_track_in_metadata(track: TrackChoice) -> None:
    """The metadata names the track, if one was chosen."""
    assert documents_of(track=track)[0].metadata["track"] == track


@pytest.mark.parametrize("name", [None, ""])
def test_source_without_a_name(name: str | None) -> None:
    """The source of a recording without a name is its digest."""
    sources = {each.metadata["source"] for each in documents_of(name=name)}
    assert sources == {f"sha256:{TRANSCRIPT.digest}"}


def test_unknown_facts() -> None:
    """Unknown facts are left out of the metadata, as vector stores refuse null."""
    (only,) = documents_of(Transcript(text="Hello."))
    assert list(only.metadata) == ["source", "start", "end", "timecode", "task"]


def test_ids() -> None:
    """Ids are UUIDs, all different, and the same when the documents are made again."""
    ids = [each.id for each in documents_of()]
    assert ids == [each.id for each in documents_of()]
    assert len({uuid.UUID(each) for each in ids}) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"name": "copies/standup.ogg"},
        {"prompt": "Kubernetes"},
        {"transcript": TRANSCRIPT.model_copy(update={"digest": "cd" * 32})},
        {"granularity": "segment"},
        {"overlap": 5.0},
        {"track": 0},
        {"track": "all"},
    ],
)
def test_ids_depend_on(change: dict[str, Any]) -> None:
    """Ids depend on the content, the source, the options of the request and the granularity."""
    assert not {each.id for each in documents_of(**change)} & {each.id for each in documents_of()}


@pytest.mark.parametrize(
    ("granularity", "same"),
    [
        ("passage", {"upload_format": "opus"}),
        ("passage", {"max_seconds": 40}),
        ("segment", {"max_seconds": 90.0}),
        ("recording", {"overlap": 5.0}),
    ],
)
def test_ids_do_not_depend(granularity: Granularity, same: dict[str, Any]) -> None:
    """Ids do not depend on options that make the same documents, or on the type of a number."""
    ids = [each.id for each in documents_of(granularity=granularity)]
    assert [each.id for each in documents_of(granularity=granularity, **same)] == ids


def test_ids_survive_new_options() -> None:
    """An option with a default that a later version adds does not change the ids."""

    @dataclass(frozen=True, kw_only=True)
    class LaterOptions(TranscriptionOptions):
        diarise: bool = False

    def ids(transcription: TranscriptionOptions) -> list[str]:
        options = DocumentOptions(max_seconds=40.0)
        documents = make_documents(TRANSCRIPT, transcription, options, name=None)
        return [each.id for each in documents]

    assert ids(LaterOptions(prompt="Apertis")) == ids(TranscriptionOptions(prompt="Apertis"))
    assert ids(LaterOptions(diarise=True)) != ids(TranscriptionOptions())


def test_ids_do_not_depend_on_words() -> None:
    """A transcript with other words replaces the documents of the first one."""
    other = [each.model_copy(update={"text": "Other words."}) for each in SEGMENTS]
    again = documents_of(
        TRANSCRIPT.model_copy(update={"segments": tuple(other)}), granularity="segment"
    )
    assert [each.id for each in again] == [each.id for each in documents_of(granularity="segment")]


@pytest.mark.parametrize("granularity", ["recording", "passage", "segment"])
def test_silence(granularity: Granularity) -> None:
    """A recording without speech has no documents."""
    silent = Transcript(text=" ", segments=(Segment(start=0, end=9, text=" "),), duration=9.0)
    assert documents_of(silent, granularity) == []


def test_transcripts_without_segments() -> None:
    """A transcript without segments is one document for the whole recording."""
    (only,) = documents_of(Transcript(text="Hello.", duration=7.5), "segment")
    assert (only.metadata["start"], only.metadata["end"]) == (0.0, 7.5)


def test_unknown_granularity() -> None:
    """An unknown granularity is refused, and the error lists those that exist."""
    with pytest.raises(ConfigurationError, match="recording, passage, segment"):
        DocumentOptions("sentence")  # type: ignore[arg-type]


def test_invalid_overlap() -> None:
    """An overlap as long as a passage is refused."""
    with pytest.raises(ConfigurationError, match="overlap"):
        DocumentOptions(max_seconds=10, overlap=10).split(TRANSCRIPT)
