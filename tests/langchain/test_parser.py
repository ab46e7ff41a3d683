"""The LangChain parser: any blob becomes documents."""

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
from support.digest_recogniser import (
    SEGMENT_COUNT,
    expected_text,
    recognise_by_digest,
    write_recordings,
)
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_error

CLIPS = Path(__file__).parent.parent / "clips"


@pytest.fixture
def blob(tmp_path: Path) -> Blob:
    (path,) = write_recordings(tmp_path / "meetings", 1)
    return Blob.from_path(path)


def make_parser(server: LoopbackServer, **options: Any) -> ApertisAudioParser:
    settings: dict[str, Any] = {
        "api_key": "sk-parser",
        "base_url": server.url,
        "granularity": "segment",
    }
    return ApertisAudioParser(**{**settings, **options})


def parse_all(parser: ApertisAudioParser, blob: Blob, mode: str) -> list[Document]:
    async def collect() -> list[Document]:
        return [document async for document in parser.alazy_parse(blob)]

    return parser.parse(blob) if mode == "sync" else asyncio.run(collect())


class TestContract(ParserContract):
    """The parser contract."""

    @pytest.fixture
    def parser(self, server: LoopbackServer) -> ApertisAudioParser:
        """Return a parser that makes a document per segment."""
        return make_parser(server)

    @pytest.fixture
    def blob(self, blob: Blob) -> Blob:
        """Return a recording in a file."""
        return blob


def test_sync_and_async_agree(server: LoopbackServer, blob: Blob) -> None:
    """The async version makes the same documents."""
    parser = make_parser(server)
    assert parse_all(parser, blob, "async") == parse_all(parser, blob, "sync")


def test_documents(server: LoopbackServer, blob: Blob, mode: str) -> None:
    """Documents have the words, the times, and the options of the transcription."""
    documents = parse_all(make_parser(server), blob, mode)
    assert [each.page_content for each in documents] == [
        expected_text(blob.as_bytes(), part) for part in range(SEGMENT_COUNT)
    ]
    assert list(documents[1].metadata.items()) == [
        ("source", blob.source),
        ("start", 10.0),
        ("end", 19.0),
        ("timecode", "00:00:10"),
        ("duration", 30.0),
        ("language", "en"),
        ("language_reported", "english"),
        ("model", "whisper-1"),
        ("task", "transcribe"),
    ]


def test_laziness(server: LoopbackServer, blob: Blob) -> None:
    """Nothing is sent before the first document is requested."""
    documents = make_parser(server).lazy_parse(blob)
    assert server.requests == []
    next(documents)
    assert len(server.requests) == 1


def test_recording_without_speech(blob: Blob, mode: str) -> None:
    """A recording without speech makes no document."""
    with LoopbackServer([recognise_by_digest(parts=0)]) as server:
        assert parse_all(make_parser(server), blob, mode) == []


@pytest.mark.parametrize("granularity", ["recording", "passage", "segment"])
def test_granularity(server: LoopbackServer, blob: Blob, granularity: str) -> None:
    """There is one document per recording, passage or segment."""
    documents = make_parser(server, granularity=granularity, max_seconds=20).parse(blob)
    assert len(documents) == {"recording": 1, "passage": 2, "segment": 3}[granularity]
    words = " ".join(expected_text(blob.as_bytes(), part) for part in range(SEGMENT_COUNT))
    assert " ".join(document.page_content for document in documents) == words


class TestMetadata:
    """Metadata of a blob in its documents."""

    def test_own_metadata_wins(self, server: LoopbackServer, blob: Blob) -> None:
        """Metadata of a blob never replaces that of the transcript."""
        marked = Blob.from_path(str(blob.path), metadata={"start": "Monday", "room": 7})
        document = make_parser(server).parse(marked)[0]
        assert document.metadata["start"] == 0.0
        assert document.metadata["room"] == 7

    def test_nested_metadata(
        self, server: LoopbackServer, blob: Blob, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Values that are not flat, or not JSON, are left out with a warning that names them."""
        odd = {"tags": ["a"], "ratio": float("nan"), "owner": {"id": 1}, "nobody": None, "fine": 1}
        marked = Blob.from_path(str(blob.path), metadata=odd)
        with caplog.at_level(logging.WARNING):
            document = make_parser(server).parse(marked)[0]
        assert odd.keys() & document.metadata.keys() == {"fine"}
        assert "left out: ['tags', 'ratio', 'owner']" in caplog.text


class TestBlobsInMemory:
    """Recordings in memory."""

    def test_source_of_a_blob(self, server: LoopbackServer, blob: Blob) -> None:
        """The source is that of the blob, else its path, else its id."""
        content = blob.as_bytes()
        parser = make_parser(server, granularity="recording")
        for named, expected in [
            (
                Blob.from_data(content, metadata={"source": "s3://bucket/a.wav"}),
                "s3://bucket/a.wav",
            ),
            (Blob.from_data(content, path="calls/a.wav"), "calls/a.wav"),
            (Blob(data=content, id="call-7"), "call-7"),
        ]:
            assert [each.metadata["source"] for each in parser.parse(named)] == [expected]

    def test_source_without_a_name(self, server: LoopbackServer, tmp_path: Path) -> None:
        """The source of a blob without a name is the digest of its content."""
        one, other = (path.read_bytes() for path in write_recordings(tmp_path / "r", 2))
        parser = make_parser(server, granularity="recording")
        sources = [
            parser.parse(Blob.from_data(content))[0].metadata["source"]
            for content in (one, other, one)
        ]
        assert sources[0] == sources[2] != sources[1]
        assert sources[0] == f"sha256:{hashlib.sha256(one).hexdigest()}"

    @pytest.mark.parametrize("data", [b"", b"no audio", "text, which is no audio"])
    def test_no_audio(self, server: LoopbackServer, mode: str, data: bytes | str) -> None:
        """A blob without audio is an error, and nothing is sent."""
        with pytest.raises(RecordingError):
            parse_all(make_parser(server), Blob.from_data(data), mode)
        assert server.requests == []


class TestFailures:
    """Recordings that fail."""

    def test_missing_file(self, server: LoopbackServer, mode: str) -> None:
        """A missing file is an error that names it."""
        with pytest.raises(RecordingError, match=r"gone\.wav"):
            parse_all(make_parser(server), Blob.from_path("gone.wav"), mode)

    def test_failures_add_up(self, blob: Blob, mode: str) -> None:
        """A parser, which is called blob by blob, lists everything it has skipped."""
        with LoopbackServer([respond_error(400)]) as server:
            parser = make_parser(server, on_error="skip")
            assert parse_all(parser, blob, mode) == []
            assert parse_all(parser, Blob.from_data(b"no audio", path="x.wav"), mode) == []
            assert parse_all(parser, Blob(data=b"no audio", id="call-7"), mode) == []
            assert parse_all(parser, Blob.from_data(b"no audio"), mode) == []
        kinds = [(failure.source, type(failure.error)) for failure in parser.failures]
        assert kinds == [
            (blob.source, InvalidRequestError),
            *((name, RecordingError) for name in ("x.wav", "call-7", "the given bytes")),
        ]


def test_real_recognition(sandbox_url: str) -> None:
    """Encoded clips, found in a folder and sent to the sandbox, have the words spoken."""
    parser = ApertisAudioParser(api_key="sk-parser", base_url=sandbox_url)
    blobs = RecordingBlobLoader(CLIPS, suffixes=["ogg", "aiff"]).yield_blobs()
    documents = list(parser.lazy_parse_all(blobs))
    assert [document.page_content for document in documents] == 2 * ["The meeting is tomorrow."]
