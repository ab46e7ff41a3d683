"""What LlamaIndex expects of a reader of files, as tests for any reader.

There is no conformance suite to install; this one makes the assertions of LlamaIndex's own tests of
readers, and those its callers rely on. A subclass names the reader and a file.
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


def _awaiting(verb: str) -> Load:
    async def loaded(reader: BaseReader, *args: Any, **options: Any) -> list[Document]:
        found: Awaitable[Iterable[Document]] = getattr(reader, verb)(*args, **options)
        return list(await found)

    return lambda *args, **options: asyncio.run(loaded(*args, **options))


LOADS: dict[str, Load] = {
    "load_data": lambda reader, *args, **options: reader.load_data(*args, **options),
    "lazy_load_data": lambda reader, *args, **options: [*reader.lazy_load_data(*args, **options)],
    "aload_data": _awaiting("aload_data"),
    "alazy_load_data": _awaiting("alazy_load_data"),
}
"""The four ways to load, as the base class calls them."""


def read_folder(reader: SimpleDirectoryReader, colour: str, **options: Any) -> list[Document]:
    """The documents of a folder, in a colour."""
    if colour == "sync":
        return reader.load_data(**options)
    return asyncio.run(reader.aload_data(**options))


class ReaderContract(ABC):
    """A reader of files, which are its first argument.

    Attributes:
        SECRET: What the reader knows and must never write down.
    """

    SECRET: str = ""

    @pytest.fixture
    @abstractmethod
    def reader(self) -> BasePydanticReader:
        """The reader."""

    @pytest.fixture
    @abstractmethod
    def file(self) -> Path:
        """A file it can read."""

    @pytest.fixture(params=LOADS)
    def load(self, request: pytest.FixtureRequest) -> Load:
        """Loads, in each of the four ways."""
        return LOADS[request.param]

    @pytest.fixture(params=["sync", "async"])
    def colour(self, request: pytest.FixtureRequest) -> str:
        """Which of the two."""
        return str(request.param)

    @pytest.fixture
    def folder(self, file: Path, tmp_path: Path) -> Path:
        """A folder with the file, a file that only looks like it, and a text."""
        folder = tmp_path / "mixed"
        folder.mkdir()
        shutil.copy(file, folder / f"good{file.suffix}")
        (folder / f"ill{file.suffix}").write_bytes(b"not what it says")
        (folder / "notes.txt").write_text("Some notes.")
        return folder

    # --- what it is

    def test_class(self, reader: BasePydanticReader) -> None:
        """It descends from LlamaIndex's reader."""
        assert BaseReader.__name__ in [base.__name__ for base in type(reader).__mro__]

    def test_class_name(self, reader: BasePydanticReader) -> None:
        """It has a name of its own."""
        assert reader.class_name() not in {"base_component", BasePydanticReader.class_name()}

    def test_settings_can_be_written_down(self, reader: BasePydanticReader) -> None:
        """What is read back from a dictionary, or from JSON, has the same settings."""
        written = reader.to_dict()
        assert json.loads(reader.to_json()) == written
        assert written["class_name"] == reader.class_name()
        assert type(reader).from_dict(written).to_dict() == written
        assert type(reader).from_json(reader.to_json()).to_dict() == written

    def test_load_reader(self, reader: BasePydanticReader, monkeypatch: pytest.MonkeyPatch) -> None:
        """Once its class is known, LlamaIndex makes it of what it was written down as."""
        monkeypatch.setitem(ALL_READERS, reader.class_name(), type(reader))
        found = load_reader(reader.to_dict())
        assert type(found) is type(reader)
        assert found.to_dict() == reader.to_dict()

    def test_secrets_stay_secret(self, reader: BasePydanticReader) -> None:
        """Nothing that shows the reader shows what it keeps to itself."""
        assert self.SECRET
        for shown in (repr(reader), str(reader), reader.to_json(), str(reader.model_dump())):
            assert self.SECRET not in shown

    def test_pickling(
        self, reader: BasePydanticReader, file: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A copy sent elsewhere reads the same, even of a reader in use, and nothing is lost."""
        before = reader.load_data(file)
        with caplog.at_level(logging.WARNING):
            sent = pickle.loads(pickle.dumps(reader))
        assert caplog.records == []
        assert sent.load_data(file) == before

    # --- loading

    def test_ways_to_load(self, reader: BasePydanticReader, file: Path, load: Load) -> None:
        """All four ways give the same documents, with ids and hashes, every time."""
        expected = reader.load_data(file)
        found = load(reader, file)
        assert expected
        assert [(each.id_, each.hash) for each in found] == [
            (each.id_, each.hash) for each in expected
        ]

    def test_lazy(self, reader: BasePydanticReader) -> None:
        """Nothing is read before it is asked for."""
        reader.lazy_load_data("there is no such file")

    def test_metadata_is_flat(self, reader: BasePydanticReader, file: Path) -> None:
        """Vector stores that take only plain values take it, and it is fit for JSON."""
        for document in reader.load_data(file):
            node_to_metadata_dict(document, flat_metadata=True)
            assert json.loads(json.dumps(document.metadata)) == document.metadata

    def test_exclusions_are_of_each_document(self, reader: BasePydanticReader, file: Path) -> None:
        """SimpleDirectoryReader extends these lists, so no two documents may share one."""
        found = [*reader.load_data(file), *reader.load_data(file)]
        lists = [
            id(names)
            for each in found
            for names in (each.excluded_embed_metadata_keys, each.excluded_llm_metadata_keys)
        ]
        assert len(set(lists)) == len(lists)

    def test_further_metadata(self, reader: BasePydanticReader, file: Path, load: Load) -> None:
        """What the caller knows is added, and what the caller holds is left alone."""
        extra = {"team": "core"}
        found = load(reader, file, extra_info=extra)
        assert {document.metadata["team"] for document in found} == {"core"}
        assert extra == {"team": "core"}

    def test_documents_can_be_written_down(self, reader: BasePydanticReader, file: Path) -> None:
        """A document read back from a dictionary is the same, by value and by hash."""
        for document in reader.load_data(file):
            copied = Document.from_dict(document.to_dict())
            assert copied == document
            assert copied.hash == document.hash

    # --- SimpleDirectoryReader

    def test_directory(self, reader: BasePydanticReader, folder: Path, colour: str) -> None:
        """In a mixed folder it reads its own; the rest is left to others, or left out."""
        expected = [each.text for each in reader.load_data(self._good(folder))]
        texts = [each.text for each in read_folder(self._over(reader, folder), colour)]
        assert texts == [*expected, "Some notes."]

    def test_directory_raising(self, reader: BasePydanticReader, folder: Path, colour: str) -> None:
        """Asked not to leave out anything, it fails."""
        with pytest.raises(Exception, match=r"."):
            read_folder(self._over(reader, folder, raise_on_error=True), colour)

    def test_directory_metadata(
        self, reader: BasePydanticReader, folder: Path, colour: str
    ) -> None:
        """What SimpleDirectoryReader knows of the file is there, and hidden as it wants."""
        for document in read_folder(self._over(reader, folder), colour):
            assert Path(document.metadata["file_path"]).parent.name == folder.name
            assert "file_size" in document.excluded_embed_metadata_keys
            assert "file_size" in document.excluded_llm_metadata_keys

    def test_directory_ids(self, reader: BasePydanticReader, folder: Path, colour: str) -> None:
        """The ids are the reader's own, unless file names are wanted as such."""
        own = {each.id_ for each in reader.load_data(self._good(folder))}
        assert own <= {each.id_ for each in read_folder(self._over(reader, folder), colour)}
        named = read_folder(self._over(reader, folder, filename_as_id=True), colour)
        assert named[0].id_ == f"{self._good(folder)}_part_0"

    @pytest.mark.slow
    @pytest.mark.timeout(600)
    def test_directory_in_processes(self, reader: BasePydanticReader, folder: Path) -> None:
        """Worker processes read the same."""
        reader.load_data(self._good(folder))  # what it keeps from now on must not be in the way
        alone = self._over(reader, folder).load_data()
        together = self._over(reader, folder).load_data(num_workers=2)
        assert _shown(together) == _shown(alone)

    def test_directory_with_workers(self, reader: BasePydanticReader, folder: Path) -> None:
        """So do tasks."""
        alone = self._over(reader, folder).load_data()
        together = asyncio.run(self._over(reader, folder).aload_data(num_workers=2))
        assert _shown(together) == _shown(alone)

    def test_other_file_systems(self, reader: BasePydanticReader, file: Path, colour: str) -> None:
        """Paths may be in a file system that is not the machine's."""
        memory = fsspec.filesystem("memory")
        root = f"/{uuid.uuid4().hex}"
        memory.pipe(f"{root}/far{file.suffix}", file.read_bytes())
        options: dict[str, Any] = {"file_extractor": {file.suffix: reader}, "raise_on_error": True}
        found = read_folder(SimpleDirectoryReader(root, fs=memory, **options), colour)
        assert [each.text for each in found] == [each.text for each in reader.load_data(file)]

    # --- pipelines

    def test_upsert(self, reader: BasePydanticReader, file: Path, colour: str) -> None:
        """Reading again what has not changed gives a pipeline nothing to do."""
        pipeline = IngestionPipeline(
            transformations=[SentenceSplitter(), MockEmbedding(embed_dim=3)],
            docstore=SimpleDocumentStore(),
            vector_store=SimpleVectorStore(),
        )
        counts = []
        for _ in range(2):
            if colour == "sync":
                counts.append(len(pipeline.run(documents=reader.load_data(file))))
            else:
                counts.append(len(asyncio.run(_arun(pipeline, reader, file))))
        assert counts[0] > 0
        assert counts[1] == 0

    def test_reader_in_a_pipeline(self, reader: BasePydanticReader, file: Path) -> None:
        """A pipeline reads by itself."""
        config = ReaderConfig(reader=reader, reader_args=[str(file)])
        pipeline = IngestionPipeline(readers=[config], transformations=[SentenceSplitter()])
        texts = " ".join(node.get_content() for node in pipeline.run())
        assert texts == " ".join(each.text for each in reader.load_data(file))
        assert json.loads(config.to_json())["loader"]["class_name"] == reader.class_name()

    def test_small_chunks(self, reader: BasePydanticReader, file: Path) -> None:
        """Splitters, which put the metadata into every chunk, have room for it."""
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


def _shown(documents: list[Document]) -> list[tuple[str, dict[str, Any]]]:
    """All but the ids, which SimpleDirectoryReader draws by lot for texts."""
    return [(document.text, document.metadata) for document in documents]
