"""The reader at work: in pipelines and directories, and on bad days."""

import asyncio
import copy
import logging
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import MockEmbedding, SimpleDirectoryReader
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import Document
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores import SimpleVectorStore
from pydantic import ValidationError

from apertis_audio_tools import ApertisAudio, ApertisError, ConfigurationError, RecordingError
from apertis_audio_tools.files.discovery import SUFFIXES
from apertis_audio_tools.llama_index import ApertisAudioReader, audio_file_extractor
from support.beacon_recordings import FORMATS, write
from support.contract.llama_index_readers import Load, read_folder
from support.loopback import Loopback
from support.tiny_recordings import Names
from support.wav_files import silence_of


def texts(documents: list[Document]) -> list[str]:
    return [document.text for document in documents]


SOME_FORMATS = ("flac", "m4a", "mp3", "ogg", "wav", "webm")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with four seconds in several formats, a text, and a hoax."""
    folder = tmp_path_factory.mktemp("formats")
    for name in SOME_FORMATS:
        write(FORMATS[name], folder / f"beacon.{name}", 2)
    (folder / "notes.txt").write_text("Some notes.")
    (folder / "hoax.mp3").write_text("Some hoax.")
    return folder


class TestPipelines:
    @pytest.fixture
    def folder(self, meetings: Path, tmp_path: Path) -> Path:
        """A folder of meetings that may be changed."""
        return Path(shutil.copytree(meetings, tmp_path / "meetings"))

    @pytest.mark.parametrize("colour", ["sync", "async"])
    def test_upsert(self, reader: ApertisAudioReader, folder: Path, colour: str) -> None:
        """Of an unchanged folder nothing runs again; of a changed recording, its own passages."""
        vectors, kept = SimpleVectorStore(), SimpleDocumentStore()
        pipeline = IngestionPipeline(
            transformations=[SentenceSplitter(), MockEmbedding(embed_dim=3)],
            docstore=kept,
            vector_store=vectors,
            docstore_strategy=DocstoreStrategy.UPSERTS_AND_DELETE,
        )

        def ran() -> tuple[int, int, int]:
            if colour == "sync":
                nodes = pipeline.run(documents=reader.load_data(folder))
            else:
                nodes = asyncio.run(arun(pipeline, reader, folder))
            return len(nodes), len(vectors.data.embedding_dict), len(kept.docs)

        assert ran() == (6, 6, 6)
        assert ran() == (0, 6, 6)
        write(FORMATS["ogg"], folder / "later" / "tuesday.ogg", 15)
        assert ran() == (3, 7, 7)
        (folder / "monday.mp3").unlink()
        assert ran() == (0, 3, 3)

    def test_directory_upsert(self, reader: ApertisAudioReader, folder: Path) -> None:
        """So it is through SimpleDirectoryReader."""
        pipeline = IngestionPipeline(
            transformations=[SentenceSplitter(), MockEmbedding(embed_dim=3)],
            docstore=SimpleDocumentStore(),
            vector_store=SimpleVectorStore(),
        )
        directory = SimpleDirectoryReader(
            folder, recursive=True, file_extractor=audio_file_extractor(reader)
        )
        counts = [len(pipeline.run(documents=directory.load_data())) for _ in range(2)]
        assert counts == [6, 0]

    def test_splitting_again(self, reader: ApertisAudioReader, monday: Path) -> None:
        """A splitter leaves passages whole; their nodes know the times and their document."""
        documents = reader.load_data(monday)
        nodes = SentenceSplitter().get_nodes_from_documents(documents)
        assert [node.get_content() for node in nodes] == texts(documents)
        assert [node.metadata for node in nodes] == [each.metadata for each in documents]
        assert [node.ref_doc_id for node in nodes] == [each.id_ for each in documents]


class TestDirectories:
    def test_every_suffix(self, reader: ApertisAudioReader) -> None:
        """Every kind of recording is read by the reader, not as text."""
        assert audio_file_extractor(reader) == dict.fromkeys(SUFFIXES, reader)

    @pytest.mark.parametrize("colour", ["sync", "async"])
    def test_mixed_folder(self, reader: ApertisAudioReader, mixed: Path, colour: str) -> None:
        """Of a mixed folder come speech and texts, and nothing of sound read as text."""
        extractor = audio_file_extractor(reader)
        directory = SimpleDirectoryReader(mixed, file_extractor=extractor)
        found = {
            Path(each.metadata["file_path"]).name: each.text
            for each in read_folder(directory, colour)
        }
        spoken = {f"beacon.{name}": "00000 00001" for name in SOME_FORMATS}
        assert found == {**spoken, "notes.txt": "Some notes."}

    def test_bound(self, tmp_path: Path) -> None:
        """However many files are gathered at once, the client's own bound holds."""
        for name in range(12):
            (tmp_path / f"{name}.wav").write_bytes(silence_of(3200))
        names = Names()
        with Loopback([names]) as server:
            reader = ApertisAudioReader(
                api_key="key-of-a-test", base_url=server.url, max_concurrency=2
            )
            directory = SimpleDirectoryReader(tmp_path, file_extractor=audio_file_extractor(reader))
            found = asyncio.run(directory.aload_data())
        assert sorted(texts(found), key=int) == [str(number) for number in range(12)]
        assert names.max_concurrent <= 2


class TestBadDays:
    @pytest.fixture
    def folder(self, monday: Path, tmp_path: Path) -> Path:
        """A folder with a recording, and before it one that is none."""
        shutil.copy(monday, tmp_path / "b.mp3")
        (tmp_path / "a.mp3").write_bytes(b"no sound")
        return tmp_path

    def test_raising(self, reader: ApertisAudioReader, folder: Path, load: Load) -> None:
        """A recording that is none is an error."""
        with pytest.raises(RecordingError, match=r"a.mp3 is no audio file"):
            load(reader, folder)

    def test_skipping(
        self, beacon_url: str, folder: Path, load: Load, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Asked to, the reader goes on, says so, and knows what it left out."""
        reader = ApertisAudioReader(api_key="sk-payg", base_url=beacon_url, on_error="skip")
        with caplog.at_level(logging.WARNING, "apertis_audio_tools"):
            assert {each.metadata["source"] for each in load(reader, folder)} == {
                str(folder / "b.mp3")
            }
        (failure,) = reader.failures
        assert failure.source == str(folder / "a.mp3")
        assert isinstance(failure.error, RecordingError)
        assert "a.mp3 is no audio file" in caplog.text

    def test_skipping_what_is_no_recording(self, beacon_url: str, monday: Path, load: Load) -> None:
        """Nothing in the place of a recording fails by itself; those after it are read."""
        reader = ApertisAudioReader(api_key="sk-payg", base_url=beacon_url, on_error="skip")
        given: list[Any] = [("a.mp3", monday.read_bytes()), None, ("b.mp3", monday.read_bytes())]
        assert {each.metadata["source"] for each in load(reader, given)} == {"a.mp3", "b.mp3"}
        (failure,) = reader.failures
        assert "not NoneType" in str(failure.error)

    def test_stopping_halfway(self, reader: ApertisAudioReader, meetings: Path) -> None:
        """Whoever has seen enough leaves, and nothing stays open."""
        documents = reader.lazy_load_data(meetings)
        assert next(documents).text
        documents.close()

    @pytest.mark.parametrize(
        "wrong",
        [{"task": "sing"}, {"granularity": "word"}, {"on_error": "ignore"}, {"modle": "whisper-1"}],
    )
    def test_wrong_settings(self, wrong: dict[str, Any]) -> None:
        """A setting that cannot be is refused at once, and the key is not shown."""
        with pytest.raises(ValidationError) as caught:
            ApertisAudioReader(api_key="sk-payg-secret", **wrong)
        assert "sk-payg-secret" not in str(caught.value)

    def test_impossible_settings(self) -> None:
        """So are settings that do not go together."""
        with pytest.raises(ConfigurationError, match="language"):
            ApertisAudioReader(task="translate", language="de")

    def test_no_key(self, monday: Path, load: Load) -> None:
        """A reader can be made without a key, and says that it needs one when it does."""
        with pytest.raises(ConfigurationError, match="There is no API key"):
            load(ApertisAudioReader(), monday)


class TestClients:
    def test_given(self, beacon_url: str, monday: Path, load: Load) -> None:
        """A client of the caller's is used, and not written down."""
        with ApertisAudio("sk-payg", base_url=beacon_url) as client:
            reader = ApertisAudioReader(client=client)
            assert load(reader, monday)
            assert "client" not in reader.to_dict()

    def test_given_twice(self, beacon_url: str) -> None:
        """It has settings of its own."""
        with (
            ApertisAudio("sk-payg", base_url=beacon_url) as client,
            pytest.raises(ConfigurationError, match="The client has its own base_url"),
        ):
            ApertisAudioReader(client=client, base_url=beacon_url)

    def test_given_cannot_travel(self, beacon_url: str) -> None:
        """A worker process would ask somebody else, so it is refused."""
        with ApertisAudio("sk-payg", base_url=beacon_url) as client:
            reader = ApertisAudioReader(client=client)
            with pytest.raises(ConfigurationError, match="another process"):
                pickle.dumps(reader)

    def test_copies(self, reader: ApertisAudioReader, monday: Path) -> None:
        """A copy of a reader in use reads as well."""
        expected = reader.load_data(monday)
        assert copy.deepcopy(reader).load_data(monday) == expected

    def test_many_loops(self, reader: ApertisAudioReader, monday: Path) -> None:
        """One reader serves one event loop after the other."""
        first, second = (asyncio.run(reader.aload_data(monday)) for _ in range(2))
        assert first == second


async def arun(pipeline: IngestionPipeline, reader: ApertisAudioReader, folder: Path) -> Any:
    return await pipeline.arun(documents=await reader.aload_data(folder))


def test_errors_are_ours(reader: ApertisAudioReader) -> None:
    """All that the reader raises on its own account descends from one class."""
    with pytest.raises(ApertisError):
        reader.load_data(b"")
