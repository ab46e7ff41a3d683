"""Contract tests of LangChain document loaders and blob parsers; langchain-tests has none.

Subclass a suite and define its fixtures. The suites do not depend on the kind of document.
"""

import json
import pickle
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from langchain_core.document_loaders import BaseBlobParser, BaseLoader, Blob, BlobLoader
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.indexing import InMemoryRecordManager, aindex, index
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_text_splitters import CharacterTextSplitter

from support.timeouts import TIMEOUT

NOT_TO_BE_OVERRIDDEN = ("load", "aload", "load_and_split")
"""Methods that LangChain derives; a loader that overrides them may not be lazy."""

Sent = Callable[[], int]


def assert_documents(documents: list[Document]) -> None:
    """Assert that documents have text, a source, unique ids, and metadata any index can store."""
    assert documents
    ids = [document.id for document in documents]
    assert len(set(ids)) == len(ids)
    assert [str(uuid.UUID(each)) for each in ids] == ids
    for document in documents:
        assert document.page_content.strip()
        assert document.metadata["source"]
        assert all(isinstance(value, str | int | float) for value in document.metadata.values())
        assert json.loads(json.dumps(document.metadata, allow_nan=False)) == document.metadata
    orders = {tuple(document.metadata) for document in documents}
    assert len(orders) == 1, "The keys of the metadata differ, or their order does."


class LoaderContract(ABC):
    """Contract of a document loader.

    Fixtures to define: `loader`, a loader that can be pickled and makes several documents from at
    least four sources; and `sent`, a function that counts the requests so far.
    """

    @pytest.fixture
    @abstractmethod
    def loader(self) -> BaseLoader:
        """Return the loader."""

    @pytest.fixture
    @abstractmethod
    def sent(self) -> Sent:
        """Return a function that counts the requests so far."""

    def test_documents(self, loader: BaseLoader) -> None:
        """Documents have text, ids and metadata as an index needs them."""
        assert_documents(loader.load())

    def test_eager_and_lazy_agree(self, loader: BaseLoader) -> None:
        """Loaded eagerly or lazily, any number of times, the documents are the same."""
        documents = loader.load()
        assert list(loader.lazy_load()) == documents
        assert loader.load() == documents

    async def test_sync_and_async_agree(self, loader: BaseLoader) -> None:
        """The async methods load the same documents, in the same order."""
        documents = await loader.aload()
        assert [document async for document in loader.alazy_load()] == documents
        assert loader.load() == documents

    def test_overridden_methods(self, loader: BaseLoader) -> None:
        """The loader overrides both lazy methods, and none that LangChain derives."""
        own = {name for name in dir(BaseLoader) if is_overridden(type(loader), BaseLoader, name)}
        assert own.isdisjoint(NOT_TO_BE_OVERRIDDEN)
        assert {"lazy_load", "alazy_load"} <= own

    def test_laziness(self, loader: BaseLoader, sent: Sent) -> None:
        """Nothing is requested before the first document, and then not everything."""
        before = sent()
        documents = loader.lazy_load()
        assert sent() == before
        next(documents)
        first = sent() - before
        close(documents)
        loader.load()
        assert 0 < first < sent() - before - first

    async def test_laziness_with_asyncio(self, loader: BaseLoader, sent: Sent) -> None:
        """The async version is as lazy as the sync one."""
        before = sent()
        documents = loader.alazy_load()
        assert sent() == before
        await anext(documents)
        first = sent() - before
        await aclose(documents)
        await loader.aload()
        assert 0 < first < sent() - before - first

    def test_closing_early(self, loader: BaseLoader, sent: Sent) -> None:
        """Closing early leaves no thread behind, and does not request everything."""
        before, sent_before = set(threading.enumerate()), sent()
        documents = loader.lazy_load()
        next(documents)
        close(documents)
        assert threads_left(before) == []
        early = sent() - sent_before
        loader.load()
        assert early < sent() - sent_before - early

    def test_splitting(self, loader: BaseLoader) -> None:
        """Split documents keep the metadata of the whole ones, and lose no words."""
        whole = loader.load()
        split = loader.load_and_split(
            CharacterTextSplitter(separator=" ", chunk_size=12, chunk_overlap=0)
        )
        assert len(split) > len(whole)
        assert words(split) == words(whole)
        metadata = [document.metadata for document in whole]
        assert all(document.metadata in metadata for document in split)

    def test_pickling(self, loader: BaseLoader) -> None:
        """A pickled loader loads the same documents."""
        assert pickle.loads(pickle.dumps(loader)).load() == loader.load()

    def test_indexing_again(self, loader: BaseLoader) -> None:
        """Documents that an index has are neither added again nor deleted."""
        store, records = InMemoryVectorStore(DeterministicFakeEmbedding(size=8)), record_manager()
        options: dict[str, Any] = {"cleanup": "full", "key_encoder": "sha256"}
        first = index(loader, records, store, **options)
        again = index(loader, records, store, **options)
        count = len(loader.load())
        assert first == counts(added=count)
        assert again == counts(skipped=count)

    async def test_indexing_again_with_asyncio(self, loader: BaseLoader) -> None:
        """Async indexing that cleans up by source neither adds nor deletes documents again."""
        store, records = InMemoryVectorStore(DeterministicFakeEmbedding(size=8)), record_manager()
        options: dict[str, Any] = {
            "cleanup": "incremental",
            "source_id_key": "source",
            "key_encoder": "sha256",
        }
        first = await aindex(loader, records, store, **options)
        again = await aindex(loader, records, store, **options)
        count = len(await loader.aload())
        assert first == counts(added=count)
        assert again == counts(skipped=count)


class ParserContract(ABC):
    """Contract of a blob parser.

    Fixtures to define: `parser`, a parser that can be pickled, and `blob`, a file that it parses
    into several documents.
    """

    @pytest.fixture
    @abstractmethod
    def parser(self) -> BaseBlobParser:
        """Return the parser."""

    @pytest.fixture
    @abstractmethod
    def blob(self) -> Blob:
        """Return a file."""

    def test_documents(self, parser: BaseBlobParser, blob: Blob) -> None:
        """Documents have text, ids and metadata as an index needs them."""
        assert_documents(parser.parse(blob))

    def test_eager_and_lazy_agree(self, parser: BaseBlobParser, blob: Blob) -> None:
        """Parsed eagerly or lazily, any number of times, the documents are the same."""
        documents = parser.parse(blob)
        assert list(parser.lazy_parse(blob)) == documents
        assert parser.parse(blob) == documents

    def test_blob_in_memory(self, parser: BaseBlobParser, blob: Blob) -> None:
        """Equal content in memory, under an equal name, makes equal documents."""
        in_memory = Blob.from_data(blob.as_bytes(), path=blob.source)
        assert parser.parse(in_memory) == parser.parse(blob)

    def test_source_of_the_blob(self, parser: BaseBlobParser, blob: Blob) -> None:
        """Documents have the source of the blob."""
        named = Blob.from_data(blob.as_bytes(), metadata={"source": "s3://bucket/it"})
        assert {each.metadata["source"] for each in parser.parse(named)} == {"s3://bucket/it"}

    def test_metadata_of_the_blob(self, parser: BaseBlobParser, blob: Blob) -> None:
        """Documents keep the metadata of the blob."""
        marked = Blob.from_path(str(blob.path), metadata={"team": "platform", "year": 2026})
        documents = parser.parse(marked)
        assert {(each.metadata["team"], each.metadata["year"]) for each in documents} == {
            ("platform", 2026)
        }

    def test_generic_loader(self, parser: BaseBlobParser, blob: Blob) -> None:
        """The parser works in a loader that passes blobs one by one, as generic loaders do."""
        loader = SimpleGenericLoader(BlobList([blob, blob]), parser)
        assert loader.load() == 2 * parser.parse(blob)

    def test_pickling(self, parser: BaseBlobParser, blob: Blob) -> None:
        """A pickled parser makes the same documents."""
        assert pickle.loads(pickle.dumps(parser)).parse(blob) == parser.parse(blob)


class BlobList(BlobLoader):
    """Blob loader with a list of blobs."""

    def __init__(self, blobs: list[Blob]) -> None:
        self._blobs = blobs

    def yield_blobs(self) -> Iterator[Blob]:
        """Yield the blobs."""
        yield from self._blobs


class SimpleGenericLoader(BaseLoader):
    """Loader that combines any blob loader with any parser, like the community's."""

    def __init__(self, blobs: BlobLoader, parser: BaseBlobParser) -> None:
        self._blobs = blobs
        self._parser = parser

    def lazy_load(self) -> Iterator[Document]:
        """Yield the documents blob by blob."""
        for blob in self._blobs.yield_blobs():
            yield from self._parser.lazy_parse(blob)


def is_overridden(kind: type, original: type, name: str) -> bool:
    """Return whether a class overrides a method."""
    return getattr(kind, name) is not getattr(original, name)


def threads_left(before: set[threading.Thread]) -> list[threading.Thread]:
    """Return the non-daemon threads started since that do not end."""
    started = [each for each in threading.enumerate() if each not in before and not each.daemon]
    for each in started:
        each.join(TIMEOUT)
    return [each for each in started if each.is_alive()]


def close(documents: Iterator[Document]) -> None:
    """Close a generator early."""
    documents.close()  # type: ignore[attr-defined]


async def aclose(documents: AsyncIterator[Document]) -> None:
    """Async version of `close`."""
    await documents.aclose()  # type: ignore[attr-defined]


def words(documents: list[Document]) -> list[str]:
    """Return all words, in order."""
    return [word for document in documents for word in document.page_content.split()]


def record_manager() -> InMemoryRecordManager:
    """Return a record manager for indexing."""
    records = InMemoryRecordManager("contract")
    records.create_schema()
    return records


def counts(*, added: int = 0, skipped: int = 0, deleted: int = 0) -> dict[str, int]:
    """Return the result that indexing should have."""
    return {
        "num_added": added,
        "num_updated": 0,
        "num_skipped": skipped,
        "num_deleted": deleted,
    }
