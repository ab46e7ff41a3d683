"""Tests of a reader of files, for any reader of LlamaIndex.

LlamaIndex has no conformance suite to install. This one makes the assertions of LlamaIndex's own
tests of readers, and those that its callers rely on. A subclass provides the reader and a file.
"""

import asyncio
import json
import logging
import pickle
import shutil
import uuid
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pytest
from llama_index.core import MockEmbedding, SimpleDirectoryReader
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.readers.base import BasePydanticReader, BaseReader, ReaderConfig
from llama_index.core.readers.loading import ALL_READERS, load_reader
from llama_index.core.schema import Document
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores import SimpleVectorStore
from llama_index.core.vector_stores.utils import node_to_metadata_dict

Load = Callable[..., list[Document]]


def _aload(name: str) -> Load:
    async def load(reader: BaseReader, *args: Any, **options: Any) -> list[Document]:
        documents: Awaitable[Iterable[Document]] = getattr(reader, name)(*args, **options)
        return list(await documents)

    return lambda *args, **options: asyncio.run(load(*args, **options))


LOADS: dict[str, Load] = {
    "load_data": lambda reader, *args, **options: reader.load_data(*args, **options),
    "lazy_load_data": lambda reader, *args, **options: [*reader.lazy_load_data(*args, **options)],
    "aload_data": _aload("aload_data"),
    "alazy_load_data": _aload("alazy_load_data"),
}
"""The four methods that load documents, by their names."""


def read_folder(reader: SimpleDirectoryReader, mode: str, **options: Any) -> list[Document]:
    """Return the documents of a folder, loaded in the mode ``sync`` or ``async``."""
    if mode == "sync":
        return reader.load_data(**options)
    return asyncio.run(reader.aload_data(**options))


class ReaderContract(ABC):
    """Tests of a reader whose first argument is the path of a file.

    Attributes:
        SECRET: Value that the reader holds and never shows or serialises.
    """

    SECRET: str = ""

    @pytest.fixture
    @abstractmethod
    def reader(self) -> BasePydanticReader:
        """Return the reader."""

    @pytest.fixture
    @abstractmethod
    def file(self) -> Path:
        """Return the path of a file the reader accepts."""

    @pytest.fixture(params=LOADS)
    def load(self, request: pytest.FixtureRequest) -> Load:
        """Return each of the four methods that load documents."""
        return LOADS[request.param]

    @pytest.fixture(params=["sync", "async"])
    def mode(self, request: pytest.FixtureRequest) -> str:
        """Return ``sync`` and ``async``."""
        return str(request.param)

    @pytest.fixture
    def folder(self, file: Path, tmp_path: Path) -> Path:
        """Make a folder with the file, a broken file with its suffix, and a text file."""
        folder = tmp_path / "mixed"
        folder.mkdir()
        shutil.copy(file, folder / f"good{file.suffix}")
        (folder / f"broken{file.suffix}").write_bytes(b"not a valid file")
        (folder / "notes.txt").write_text("Some notes.")
        return folder

    # --- the class and its settings

    def test_class(self, reader: BasePydanticReader) -> None:
        """The reader is a subclass of BaseReader."""
        assert BaseReader.__name__ in [base.__name__ for base in type(reader).__mro__]

    def test_class_name(self, reader: BasePydanticReader) -> None:
        """The reader has a class name of its own."""
        assert reader.class_name() not in {"base_component", BasePydanticReader.class_name()}

    def test_serialisation(self, reader: BasePydanticReader) -> None:
        """A reader loaded from a dictionary or from JSON has the same settings."""
        serialised = reader.to_dict()
        assert json.loads(reader.to_json()) == serialised
        assert serialised["class_name"] == reader.class_name()
        assert type(reader).from_dict(serialised).to_dict() == serialised
        assert type(reader).from_json(reader.to_json()).to_dict() == serialised

    def test_load_reader(self, reader: BasePydanticReader, monkeypatch: pytest.MonkeyPatch) -> None:
        """Once its class is registered, LlamaIndex loads it from its serialised form."""
        monkeypatch.setitem(ALL_READERS, reader.class_name(), type(reader))
        loaded = load_reader(reader.to_dict())
        assert type(loaded) is type(reader)
        assert loaded.to_dict() == reader.to_dict()

    def test_secrets_stay_secret(self, reader: BasePydanticReader) -> None:
        """Neither the reprs nor the serialised forms of the reader show the secret."""
        assert self.SECRET
        for text in (repr(reader), str(reader), reader.to_json(), str(reader.model_dump())):
            assert self.SECRET not in text

    def test_pickling(
        self, reader: BasePydanticReader, file: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A pickled copy of a used reader loads the same documents, and logs no warning."""
        before = reader.load_data(file)
        with caplog.at_level(logging.WARNING):
            copied = pickle.loads(pickle.dumps(reader))
        assert caplog.records == []
        assert copied.load_data(file) == before

    # --- loading

    def test_load_methods(self, reader: BasePydanticReader, file: Path, load: Load) -> None:
        """All four methods return documents with the same ids and hashes, every time."""
        expected = reader.load_data(file)
        documents = load(reader, file)
        assert expected
        assert [(each.id_, each.hash) for each in documents] == [
            (each.id_, each.hash) for each in expected
        ]

    def test_lazy(self, reader: BasePydanticReader) -> None:
        """Nothing is read before the first document is requested."""
        reader.lazy_load_data("there is no such file")

    def test_metadata_is_flat(self, reader: BasePydanticReader, file: Path) -> None:
        """Metadata are JSON-safe, and vector stores that accept only plain values accept them."""
        for document in reader.load_data(file):
            node_to_metadata_dict(document, flat_metadata=True)
            assert json.loads(json.dumps(document.metadata)) == document.metadata

    def test_excluded_keys_are_not_shared(self, reader: BasePydanticReader, file: Path) -> None:
        """No two documents share a list of excluded keys: SimpleDirectoryReader extends them."""
        documents = [*reader.load_data(file), *reader.load_data(file)]
        lists = [
            id(keys)
            for each in documents
            for keys in (each.excluded_embed_metadata_keys, each.excluded_llm_metadata_keys)
        ]
        assert len(set(lists)) == len(lists)

    def test_extra_info(self, reader: BasePydanticReader, file: Path, load: Load) -> None:
        """Metadata of the caller are added, and the caller's mapping is not changed."""
        extra = {"team": "core"}
        documents = load(reader, file, extra_info=extra)
        assert {document.metadata["team"] for document in documents} == {"core"}
        assert extra == {"team": "core"}

    def test_serialised_documents(self, reader: BasePydanticReader, file: Path) -> None:
        """A document loaded from a dictionary has the same value and the same hash."""
        for document in reader.load_data(file):
            copied = Document.from_dict(document.to_dict())
            assert copied == document
            assert copied.hash == document.hash

    # --- SimpleDirectoryReader

    def test_directory(self, reader: BasePydanticReader, folder: Path, mode: str) -> None:
        """In a mixed folder, the reader gets its files; broken files are skipped."""
        expected = [each.text for each in reader.load_data(self._good(folder))]
        texts = [each.text for each in read_folder(self._over(reader, folder), mode)]
        assert texts == [*expected, "Some notes."]

    def test_directory_raising(self, reader: BasePydanticReader, folder: Path, mode: str) -> None:
        """With ``raise_on_error``, a broken file is an error."""
        with pytest.raises(Exception, match=r"."):
            read_folder(self._over(reader, folder, raise_on_error=True), mode)

    def test_directory_metadata(self, reader: BasePydanticReader, folder: Path, mode: str) -> None:
        """Metadata that SimpleDirectoryReader adds are there, and excluded as it requires."""
        for document in read_folder(self._over(reader, folder), mode):
            assert Path(document.metadata["file_path"]).parent.name == folder.name
            assert "file_size" in document.excluded_embed_metadata_keys
            assert "file_size" in document.excluded_llm_metadata_keys

    def test_directory_ids(self, reader: BasePydanticReader, folder: Path, mode: str) -> None:
        """Documents keep the ids of the reader, unless file names are requested as ids."""
        own = {each.id_ for each in reader.load_data(self._good(folder))}
        assert own <= {each.id_ for each in read_folder(self._over(reader, folder), mode)}
        named = read_folder(self._over(reader, folder, filename_as_id=True), mode)
        assert named[0].id_ == f"{self._good(folder)}_part_0"

    @pytest.mark.slow
    @pytest.mark.timeout(600)
    def test_directory_in_processes(self, reader: BasePydanticReader, folder: Path) -> None:
        """Worker processes load the same documents."""
        reader.load_data(self._good(folder))  # a used reader can be sent as well
        alone = self._over(reader, folder).load_data()
        together = self._over(reader, folder).load_data(num_workers=2)
        assert _contents(together) == _contents(alone)

    def test_directory_with_workers(self, reader: BasePydanticReader, folder: Path) -> None:
        """Concurrent tasks load the same documents."""
        alone = self._over(reader, folder).load_data()
        together = asyncio.run(self._over(reader, folder).aload_data(num_workers=2))
        assert _contents(together) == _contents(alone)

    def test_other_file_systems(self, reader: BasePydanticReader, file: Path, mode: str) -> None:
        """Paths may belong to a file system other than the local one."""
        memory = fsspec.filesystem("memory")
        root = f"/{uuid.uuid4().hex}"
        memory.pipe(f"{root}/far{file.suffix}", file.read_bytes())
        options: dict[str, Any] = {"file_extractor": {file.suffix: reader}, "raise_on_error": True}
        documents = read_folder(SimpleDirectoryReader(root, fs=memory, **options), mode)
        assert [each.text for each in documents] == [each.text for each in reader.load_data(file)]

    # --- pipelines

    def test_upsert(self, reader: BasePydanticReader, file: Path, mode: str) -> None:
        """A pipeline has nothing to do if unchanged files are loaded again."""
        pipeline = IngestionPipeline(
            transformations=[SentenceSplitter(), MockEmbedding(embed_dim=3)],
            docstore=SimpleDocumentStore(),
            vector_store=SimpleVectorStore(),
        )
        counts = []
        for _ in range(2):
            if mode == "sync":
                counts.append(len(pipeline.run(documents=reader.load_data(file))))
            else:
                counts.append(len(asyncio.run(_arun(pipeline, reader, file))))
        assert counts[0] > 0
        assert counts[1] == 0

    def test_reader_in_a_pipeline(self, reader: BasePydanticReader, file: Path) -> None:
        """A pipeline can run the reader itself."""
        config = ReaderConfig(reader=reader, reader_args=[str(file)])
        pipeline = IngestionPipeline(readers=[config], transformations=[SentenceSplitter()])
        texts = " ".join(node.get_content() for node in pipeline.run())
        assert texts == " ".join(each.text for each in reader.load_data(file))
        assert json.loads(config.to_json())["loader"]["class_name"] == reader.class_name()

    def test_small_chunks(self, reader: BasePydanticReader, file: Path) -> None:
        """Metadata, which splitters copy into every chunk, fit in small chunks."""
        splitter = SentenceSplitter(chunk_size=256, chunk_overlap=0)
        nodes = splitter.get_nodes_from_documents(reader.load_data(file))
        assert {node.ref_doc_id for node in nodes} == {each.id_ for each in reader.load_data(file)}

    @staticmethod
    def _good(folder: Path) -> Path:
        return next(folder.glob("good.*"))

    def _over(
        self, reader: BasePydanticReader, folder: Path, **options: Any
    ) -> SimpleDirectoryReader:
        extractor: dict[str, BaseReader] = {self._good(folder).suffix: reader}
        return SimpleDirectoryReader(folder, file_extractor=extractor, **options)


async def _arun(pipeline: IngestionPipeline, reader: BaseReader, file: Path) -> Any:
    return await pipeline.arun(documents=await reader.aload_data(file))


def _contents(documents: list[Document]) -> list[tuple[str, dict[str, Any]]]:
    """Return all but the ids, which are random for the documents of text files."""
    return [(document.text, document.metadata) for document in documents]
