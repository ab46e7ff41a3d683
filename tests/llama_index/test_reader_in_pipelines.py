"""The reader in pipelines and directories, its errors, and its client."""

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
from support.beacon_recordings import FORMATS, write_beacons
from support.contract.llama_index_readers import Load, read_folder
from support.loopback_server import LoopbackServer
from support.tiny_recordings import NameRecogniser
from support.wav_files import silent_wav


def texts(documents: list[Document]) -> list[str]:
    return [document.text for document in documents]


SOME_FORMATS = ("flac", "m4a", "mp3", "ogg", "wav", "webm")


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with recordings in several formats, a text file and a broken file."""
    folder = tmp_path_factory.mktemp("formats")
    for name in SOME_FORMATS:
        write_beacons(FORMATS[name], folder / f"beacon.{name}", 2)
    (folder / "notes.txt").write_text("Some notes.")
    (folder / "broken.mp3").write_text("No audio.")
    return folder


class TestPipelines:
    @pytest.fixture
    def folder(self, meetings: Path, tmp_path: Path) -> Path:
        """Return a copy of the meetings, which the test may change."""
        return Path(shutil.copytree(meetings, tmp_path / "meetings"))

    @pytest.mark.parametrize("mode", ["sync", "async"])
    def test_upsert(self, reader: ApertisAudioReader, folder: Path, mode: str) -> None:
        """A pipeline processes only changed recordings, and removes deleted ones."""
        vectors, docstore = SimpleVectorStore(), SimpleDocumentStore()
        pipeline = IngestionPipeline(
            transformations=[SentenceSplitter(), MockEmbedding(embed_dim=3)],
            docstore=docstore,
            vector_store=vectors,
            docstore_strategy=DocstoreStrategy.UPSERTS_AND_DELETE,
        )

        def run() -> tuple[int, int, int]:
            if mode == "sync":
                nodes = pipeline.run(documents=reader.load_data(folder))
            else:
                nodes = asyncio.run(arun(pipeline, reader, folder))
            return len(nodes), len(vectors.data.embedding_dict), len(docstore.docs)

        assert run() == (6, 6, 6)
        assert run() == (0, 6, 6)
        write_beacons(FORMATS["ogg"], folder / "later" / "tuesday.ogg", 15)
        assert run() == (3, 7, 7)
        (folder / "monday.mp3").unlink()
        assert run() == (0, 3, 3)

    def test_directory_upsert(self, reader: ApertisAudioReader, folder: Path) -> None:
        """A pipeline processes an unchanged directory once."""
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
        """A splitter keeps passages whole, with their metadata."""
        documents = reader.load_data(monday)
        nodes = SentenceSplitter().get_nodes_from_documents(documents)
        assert [node.get_content() for node in nodes] == texts(documents)
        assert [node.metadata for node in nodes] == [each.metadata for each in documents]
        assert [node.ref_doc_id for node in nodes] == [each.id_ for each in documents]


class TestDirectories:
    def test_every_suffix(self, reader: ApertisAudioReader) -> None:
        """The file extractor has the reader for every suffix of recordings."""
        assert audio_file_extractor(reader) == dict.fromkeys(SUFFIXES, reader)
        assert ".ts" not in audio_file_extractor(reader), "TypeScript is no recording"
        assert audio_file_extractor(reader, also=[".ts"])[".ts"] is reader

    @pytest.mark.parametrize("mode", ["sync", "async"])
    def test_mixed_folder(self, reader: ApertisAudioReader, mixed: Path, mode: str) -> None:
        """In a mixed folder, recordings are transcribed and no audio is read as text."""
        extractor = audio_file_extractor(reader)
        directory = SimpleDirectoryReader(mixed, file_extractor=extractor)
        texts_by_name = {
            Path(each.metadata["file_path"]).name: each.text
            for each in read_folder(directory, mode)
        }
        expected = {f"beacon.{name}": "00000 00001" for name in SOME_FORMATS}
        assert texts_by_name == {**expected, "notes.txt": "Some notes."}

    def test_max_concurrency(self, tmp_path: Path) -> None:
        """The limit of the client holds for a directory, which loads all files at once."""
        for name in range(12):
            (tmp_path / f"{name}.wav").write_bytes(silent_wav(3200))
        names = NameRecogniser()
        with LoopbackServer([names]) as server:
            reader = ApertisAudioReader(
                api_key="key-of-a-test", base_url=server.url, max_concurrency=2
            )
            directory = SimpleDirectoryReader(tmp_path, file_extractor=audio_file_extractor(reader))
            documents = asyncio.run(directory.aload_data())
        assert sorted(texts(documents), key=int) == [str(number) for number in range(12)]
        assert names.max_concurrent <= 2


class TestErrors:
    @pytest.fixture
    def folder(self, monday: Path, tmp_path: Path) -> Path:
        """Make a folder with a broken file and, after it, a recording."""
        shutil.copy(monday, tmp_path / "b.mp3")
        (tmp_path / "a.mp3").write_bytes(b"no audio")
        return tmp_path

    def test_raising(self, reader: ApertisAudioReader, folder: Path, load: Load) -> None:
        """A recording that is none is an error."""
        with pytest.raises(RecordingError, match=r"a.mp3 is damaged, or not on the list"):
            load(reader, folder)

    def test_skipping(
        self, beacon_url: str, folder: Path, load: Load, caplog: pytest.LogCaptureFixture
    ) -> None:
        """With ``on_error="skip"``, a broken file is logged and listed as a failure."""
        reader = ApertisAudioReader(api_key="sk-payg-1234", base_url=beacon_url, on_error="skip")
        with caplog.at_level(logging.WARNING, "apertis_audio_tools"):
            assert {each.metadata["source"] for each in load(reader, folder)} == {
                str(folder / "b.mp3")
            }
        (failure,) = reader.failures
        assert failure.source == str(folder / "a.mp3")
        assert isinstance(failure.error, RecordingError)
        assert "a.mp3 is damaged, or not on the list" in caplog.text

    def test_skipping_other_values(self, beacon_url: str, monday: Path, load: Load) -> None:
        """A value that is no recording is skipped, and the recordings after it are read."""
        reader = ApertisAudioReader(api_key="sk-payg-1234", base_url=beacon_url, on_error="skip")
        sources: list[Any] = [("a.mp3", monday.read_bytes()), None, ("b.mp3", monday.read_bytes())]
        assert {each.metadata["source"] for each in load(reader, sources)} == {"a.mp3", "b.mp3"}
        (failure,) = reader.failures
        assert "not NoneType" in str(failure.error)

    def test_stopping_early(self, reader: ApertisAudioReader, meetings: Path) -> None:
        """The generator of documents can be closed early."""
        documents = reader.lazy_load_data(meetings)
        assert next(documents).text
        documents.close()

    @pytest.mark.parametrize(
        "settings",
        [{"task": "sing"}, {"granularity": "word"}, {"on_error": "ignore"}, {"modle": "whisper-1"}],
    )
    def test_invalid_settings(self, settings: dict[str, Any]) -> None:
        """An invalid setting is an error when the reader is made, without the key."""
        with pytest.raises(ValidationError) as caught:
            ApertisAudioReader(api_key="sk-payg-secret", **settings)
        assert "sk-payg-secret" not in str(caught.value)

    def test_contradictory_settings(self) -> None:
        """Settings that exclude each other are an error when the reader is made."""
        with pytest.raises(ConfigurationError, match="language"):
            ApertisAudioReader(task="translate", language="de")

    def test_missing_key(self, monday: Path, load: Load) -> None:
        """A reader can be made without a key; loading without one is an error."""
        with pytest.raises(ConfigurationError, match="There is no API key"):
            load(ApertisAudioReader(), monday)


class TestClients:
    def test_shared_client(self, beacon_url: str, monday: Path, load: Load) -> None:
        """A client of the caller is used and not serialised."""
        with ApertisAudio("sk-payg-1234", base_url=beacon_url) as client:
            reader = ApertisAudioReader(client=client)
            assert load(reader, monday)
            assert "client" not in reader.to_dict()

    def test_client_and_settings(self, beacon_url: str) -> None:
        """A client together with settings of one is an error."""
        with (
            ApertisAudio("sk-payg-1234", base_url=beacon_url) as client,
            pytest.raises(ConfigurationError, match="The client has its own base_url"),
        ):
            ApertisAudioReader(client=client, base_url=beacon_url)

    def test_pickling_a_shared_client(self, beacon_url: str) -> None:
        """A reader with a client of the caller cannot be pickled."""
        with ApertisAudio("sk-payg-1234", base_url=beacon_url) as client:
            reader = ApertisAudioReader(client=client)
            with pytest.raises(ConfigurationError, match="another process"):
                pickle.dumps(reader)

    def test_copies(self, reader: ApertisAudioReader, monday: Path) -> None:
        """A deep copy of a used reader works."""
        expected = reader.load_data(monday)
        assert copy.deepcopy(reader).load_data(monday) == expected

    def test_several_loops(self, reader: ApertisAudioReader, monday: Path) -> None:
        """A reader works on several event loops, one after the other."""
        first, second = (asyncio.run(reader.aload_data(monday)) for _ in range(2))
        assert first == second


async def arun(pipeline: IngestionPipeline, reader: ApertisAudioReader, folder: Path) -> Any:
    return await pipeline.arun(documents=await reader.aload_data(folder))


def test_error_class(reader: ApertisAudioReader) -> None:
    """Errors of the reader are subclasses of ApertisError."""
    with pytest.raises(ApertisError):
        reader.load_data(b"")
