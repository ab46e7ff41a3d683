"""Transcripts as documents."""

import json
import uuid
from typing import Any

import pytest

from apertis_audio_tools import ConfigurationError, Segment, Transcript
from apertis_audio_tools.adapters.documents import (
    DocumentOptions,
    Granularity,
    TranscriptDocument,
    make_documents,
)

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


def made(
    transcript: Transcript = TRANSCRIPT, granularity: Granularity = "passage", **asked: Any
) -> list[TranscriptDocument]:
    document_options = DocumentOptions(granularity, max_seconds=asked.pop("max_seconds", 40.0))
    name = asked.pop("name", "meetings/standup.ogg")
    return list(make_documents(transcript, document_options, name=name, asked=asked))


@pytest.mark.parametrize(
    ("granularity", "count"), [("recording", 1), ("passage", 2), ("segment", 4)]
)
def test_grains(granularity: Granularity, count: int) -> None:
    """One document a recording, a passage or a segment, each with its time."""
    found = made(granularity=granularity)
    assert len(found) == count
    assert found[0].metadata["start"] == 0.0
    assert found[-1].metadata["end"] == (80.0 if granularity == "recording" else 78.5)
    assert all(each.text == each.text.strip() for each in found)


def test_metadata() -> None:
    """Metadata is flat, fit for JSON, always in the same order, and holds nothing volatile."""
    (_, second) = made()
    assert list(second.metadata.items()) == [
        ("source", "meetings/standup.ogg"),
        ("start", 40.0),
        ("end", 78.5),
        ("timecode", "00:00:40"),
        ("duration", 80.0),
        ("language", "english"),
        ("model", "whisper-1"),
        ("task", "transcribe"),
    ]
    assert json.loads(json.dumps(second.metadata)) == second.metadata


@pytest.mark.parametrize("name", [None, ""])
def test_without_a_name(name: str | None) -> None:
    """A recording nobody has named is called by its content, always in the same way."""
    sources = {each.metadata["source"] for each in made(name=name)}
    assert sources == {f"sha256:{TRANSCRIPT.digest}"}


def test_unknown_facts() -> None:
    """What is not known is not in the metadata, where vector stores would refuse a null."""
    (only,) = made(Transcript(text="Hello."))
    assert list(only.metadata) == ["source", "start", "end", "timecode", "task"]


def test_ids() -> None:
    """Ids are UUIDs, all different, and the same when the same is made again."""
    ids = [each.id for each in made()]
    assert ids == [each.id for each in made()]
    assert len({uuid.UUID(each) for each in ids}) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"name": "copies/standup.ogg"},
        {"prompt": "Kubernetes"},
        {"transcript": TRANSCRIPT.model_copy(update={"digest": "cd" * 32})},
        {"granularity": "segment"},
    ],
)
def test_other_ids(change: dict[str, Any]) -> None:
    """Another recording, place, question or granularity has other ids."""
    assert not {each.id for each in made(**change)} & {each.id for each in made()}


def test_words_are_no_part_of_ids() -> None:
    """A recogniser that hears a word differently replaces the document, and adds none."""
    other = [each.model_copy(update={"text": "Other words."}) for each in SEGMENTS]
    again = made(TRANSCRIPT.model_copy(update={"segments": tuple(other)}), granularity="segment")
    assert [each.id for each in again] == [each.id for each in made(granularity="segment")]


@pytest.mark.parametrize("granularity", ["recording", "passage", "segment"])
def test_silence(granularity: Granularity) -> None:
    """A recording without words makes no documents."""
    silent = Transcript(text=" ", segments=(Segment(start=0, end=9, text=" "),), duration=9.0)
    assert made(silent, granularity) == []


def test_without_times() -> None:
    """A model that gives no times makes one document over the whole recording."""
    (only,) = made(Transcript(text="Hello.", duration=7.5), "segment")
    assert (only.metadata["start"], only.metadata["end"]) == (0.0, 7.5)


def test_unknown_grain() -> None:
    """A granularity that does not exist is refused, and the refusal says which do."""
    with pytest.raises(ConfigurationError, match="recording, passage, segment"):
        DocumentOptions("sentence")  # type: ignore[arg-type]


def test_impossible_overlap() -> None:
    """Passages cannot overlap by more than they are long."""
    with pytest.raises(ConfigurationError, match="overlap"):
        DocumentOptions(max_seconds=10, overlap=10).split(TRANSCRIPT)
