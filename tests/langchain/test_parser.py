"""The parser of LangChain: any blob becomes documents."""

import asyncio
import hashlib
import logging
from pathlib import Path
from typing import Any

import pytest
from langchain_core.document_loaders import Blob
from langchain_core.documents import Document

from apertis_audio_tools import InvalidRequestError, RecordingError
from apertis_audio_tools.langchain import ApertisAudioParser, RecordingBlobLoader
from support.contract.langchain_loaders import ParserContract
from support.digest_recogniser import PARTS, hears, recordings_in, words_in
from support.loopback import Loopback
from support.scripted_responses import error

CLIPS = Path(__file__).parent.parent / "clips"


@pytest.fixture
def blob(tmp_path: Path) -> Blob:
    (path,) = recordings_in(tmp_path / "meetings", 1)
    return Blob.from_path(path)


def parsing(server: Loopback, **options: Any) -> ApertisAudioParser:
    settings: dict[str, Any] = {
        "api_key": "sk-parser",
        "base_url": server.url,
        "granularity": "segment",
    }
    return ApertisAudioParser(**{**settings, **options})


def parsed(parser: ApertisAudioParser, blob: Blob, colour: str) -> list[Document]:
    async def awaited() -> list[Document]:
        return [document async for document in parser.alazy_parse(blob)]

    return parser.parse(blob) if colour == "sync" else asyncio.run(awaited())


class TestContract(ParserContract):
    """All that a parser owes."""

    @pytest.fixture
    def parser(self, server: Loopback) -> ApertisAudioParser:
        """One that gives segments."""
        return parsing(server)

    @pytest.fixture
    def blob(self, blob: Blob) -> Blob:
        """A recording in a file."""
        return blob


def test_both_colours_give_the_same(server: Loopback, blob: Blob) -> None:
    """With asyncio the documents are the same."""
    parser = parsing(server)
    assert parsed(parser, blob, "async") == parsed(parser, blob, "sync")


def test_documents(server: Loopback, blob: Blob, colour: str) -> None:
    """Documents say what was said, from when to when, and how it was found out."""
    documents = parsed(parsing(server), blob, colour)
    assert [each.page_content for each in documents] == [
        words_in(blob.as_bytes(), part) for part in range(PARTS)
    ]
    assert list(documents[1].metadata.items()) == [
        ("source", blob.source),
        ("start", 10.0),
        ("end", 19.0),
        ("timecode", "00:00:10"),
        ("duration", 30.0),
        ("language", "english"),
        ("model", "whisper-1"),
        ("task", "transcribe"),
    ]


def test_nothing_is_sent_before_it_is_asked_for(server: Loopback, blob: Blob) -> None:
    """Parsing lazily begins with the first document."""
    documents = parsing(server).lazy_parse(blob)
    assert server.requests == []
    next(documents)
    assert len(server.requests) == 1


def test_recordings_without_words(blob: Blob, colour: str) -> None:
    """A recording in which nothing is said gives no document."""
    with Loopback([hears(parts=0)]) as server:
        assert parsed(parsing(server), blob, colour) == []


@pytest.mark.parametrize("granularity", ["recording", "passage", "segment"])
def test_grains(server: Loopback, blob: Blob, granularity: str) -> None:
    """One document for the recording, one for each passage, or one for each segment."""
    documents = parsing(server, granularity=granularity, max_seconds=20).parse(blob)
    assert len(documents) == {"recording": 1, "passage": 2, "segment": 3}[granularity]
    said = " ".join(words_in(blob.as_bytes(), part) for part in range(PARTS))
    assert " ".join(document.page_content for document in documents) == said


class TestMetadata:
    """What is known of a blob, beside what was heard in it."""

    def test_what_was_heard_wins(self, server: Loopback, blob: Blob) -> None:
        """A blob's metadata never replaces what a document says of itself."""
        marked = Blob.from_path(str(blob.path), metadata={"start": "Monday", "room": 7})
        document = parsing(server).parse(marked)[0]
        assert document.metadata["start"] == 0.0
        assert document.metadata["room"] == 7

    def test_what_no_index_can_hold_is_left_out(
        self, server: Loopback, blob: Blob, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Values that are not flat, or no JSON, are left out with a warning that names them."""
        odd = {"tags": ["a"], "ratio": float("nan"), "owner": {"id": 1}, "nobody": None, "fine": 1}
        marked = Blob.from_path(str(blob.path), metadata=odd)
        with caplog.at_level(logging.WARNING):
            document = parsing(server).parse(marked)[0]
        assert odd.keys() & document.metadata.keys() == {"fine"}
        assert "left out: ['tags', 'ratio', 'owner']" in caplog.text


class TestBlobsInMemory:
    """Recordings that are no files."""

    def test_a_source_makes_a_name(self, server: Loopback, blob: Blob) -> None:
        """A blob is called by its source, its path or its id, whichever it has."""
        content = blob.as_bytes()
        parser = parsing(server, granularity="recording")
        for named, expected in [
            (
                Blob.from_data(content, metadata={"source": "s3://bucket/a.wav"}),
                "s3://bucket/a.wav",
            ),
            (Blob.from_data(content, path="calls/a.wav"), "calls/a.wav"),
            (Blob(data=content, id="call-7"), "call-7"),
        ]:
            assert [each.metadata["source"] for each in parser.parse(named)] == [expected]

    def test_without_a_name_it_is_called_by_its_content(
        self, server: Loopback, tmp_path: Path
    ) -> None:
        """Blobs without a name differ in their source if, and only if, their content does."""
        one, other = (path.read_bytes() for path in recordings_in(tmp_path / "r", 2))
        parser = parsing(server, granularity="recording")
        sources = [
            parser.parse(Blob.from_data(content))[0].metadata["source"]
            for content in (one, other, one)
        ]
        assert sources[0] == sources[2] != sources[1]
        assert sources[0] == f"sha256:{hashlib.sha256(one).hexdigest()}"

    @pytest.mark.parametrize("data", [b"", b"no audio", "text, which is no audio"])
    def test_no_audio(self, server: Loopback, colour: str, data: bytes | str) -> None:
        """What is no audio is an error that says so, and nothing is sent."""
        with pytest.raises(RecordingError):
            parsed(parsing(server), Blob.from_data(data), colour)
        assert server.requests == []


class TestFailures:
    """What becomes of recordings that fail."""

    def test_a_missing_file(self, server: Loopback, colour: str) -> None:
        """A file that is gone is an error that names it."""
        with pytest.raises(RecordingError, match=r"gone\.wav"):
            parsed(parsing(server), Blob.from_path("gone.wav"), colour)

    def test_failures_add_up(self, blob: Blob, colour: str) -> None:
        """A parser, which is called blob by blob, remembers all it has skipped."""
        with Loopback([error(400)]) as server:
            parser = parsing(server, on_error="skip")
            assert parsed(parser, blob, colour) == []
            assert parsed(parser, Blob.from_data(b"no audio", path="x.wav"), colour) == []
            assert parsed(parser, Blob(data=b"no audio", id="call-7"), colour) == []
            assert parsed(parser, Blob.from_data(b"no audio"), colour) == []
        kinds = [(failure.source, type(failure.error)) for failure in parser.failures]
        assert kinds == [
            (blob.source, InvalidRequestError),
            *((name, RecordingError) for name in ("x.wav", "call-7", "the given bytes")),
        ]


def test_real_recognition(sandbox_url: str) -> None:
    """Encoded clips, found in a folder and sent to the sandbox, give the words that are said."""
    parser = ApertisAudioParser(api_key="sk-parser", base_url=sandbox_url)
    blobs = RecordingBlobLoader(CLIPS, suffixes=["ogg", "aiff"]).yield_blobs()
    documents = list(parser.lazy_parse_all(blobs))
    assert [document.page_content for document in documents] == 2 * ["The meeting is tomorrow."]
