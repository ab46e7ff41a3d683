"""What document loaders and blob parsers of LangChain owe their users; langchain-tests has none.

Subclass a suite, define its fixtures, and pytest runs it; nothing in here knows what is loaded.
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

from support.timeouts import PATIENCE

NOT_TO_BE_OVERRIDDEN = ("load", "aload", "load_and_split")
"""LangChain derives them; a loader that has its own is not lazy, or behaves unlike the others."""

Sent = Callable[[], int]


def assert_documents(documents: list[Document]) -> None:
    """They have words, a source, ids of their own, and metadata any index can hold."""
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
    assert len(orders) == 1, "The keys of the metadata are not always the same, or in one order."


class LoaderContract(ABC):
    """What a document loader owes.

    Fixtures to define: `loader`, which gives several documents of at least four things that are
    loaded, and can be pickled; and `sent`, which tells how many of those were asked for so far.
    """

    @pytest.fixture
    @abstractmethod
    def loader(self) -> BaseLoader:
        """The loader."""

    @pytest.fixture
    @abstractmethod
    def sent(self) -> Sent:
        """How many things were asked for so far."""

    def test_documents(self, loader: BaseLoader) -> None:
        """Documents have text, ids and metadata as an index needs them."""
        assert_documents(loader.load())

    def test_all_ways_give_the_same(self, loader: BaseLoader) -> None:
        """Loaded at once or lazily, again and again, the documents are the same."""
        documents = loader.load()
        assert list(loader.lazy_load()) == documents
        assert loader.load() == documents

    async def test_both_colours_give_the_same(self, loader: BaseLoader) -> None:
        """With asyncio the documents are the same, in the same order."""
        documents = await loader.aload()
        assert [document async for document in loader.alazy_load()] == documents
        assert loader.load() == documents

    def test_nothing_is_overridden_that_langchain_derives(self, loader: BaseLoader) -> None:
        """Only the lazy ways are the loader's own, and both of them are."""
        own = {name for name in dir(BaseLoader) if is_overridden(type(loader), BaseLoader, name)}
        assert own.isdisjoint(NOT_TO_BE_OVERRIDDEN)
        assert {"lazy_load", "alazy_load"} <= own

    def test_laziness(self, loader: BaseLoader, sent: Sent) -> None:
        """Nothing is asked for before the first document is; then not everything."""
        before = sent()
        documents = loader.lazy_load()
        assert sent() == before
        next(documents)
        first = sent() - before
        close(documents)
        loader.load()
        assert 0 < first < sent() - before - first

    async def test_laziness_with_asyncio(self, loader: BaseLoader, sent: Sent) -> None:
        """Likewise."""
        before = sent()
        documents = loader.alazy_load()
        assert sent() == before
        await anext(documents)
        first = sent() - before
        await aclose(documents)
        await loader.aload()
        assert 0 < first < sent() - before - first

    def test_leaving_early(self, loader: BaseLoader, sent: Sent) -> None:
        """Whoever stops early leaves no thread behind, and not everything is asked for."""
        before, asked = set(threading.enumerate()), sent()
        documents = loader.lazy_load()
        next(documents)
        close(documents)
        assert threads_left(before) == []
        early = sent() - asked
        loader.load()
        assert early < sent() - asked - early

    def test_splitting(self, loader: BaseLoader) -> None:
        """Split documents keep what is known of the whole ones, and lose no words."""
        whole = loader.load()
        split = loader.load_and_split(
            CharacterTextSplitter(separator=" ", chunk_size=12, chunk_overlap=0)
        )
        assert len(split) > len(whole)
        assert words(split) == words(whole)
        known = [document.metadata for document in whole]
        assert all(document.metadata in known for document in split)

    def test_pickling(self, loader: BaseLoader) -> None:
        """A loader that was sent to another process loads the same."""
        assert pickle.loads(pickle.dumps(loader)).load() == loader.load()

    def test_indexing_again_is_free(self, loader: BaseLoader) -> None:
        """Documents that an index has are neither added again nor deleted."""
        store, records = InMemoryVectorStore(DeterministicFakeEmbedding(size=8)), record_manager()
        options: dict[str, Any] = {"cleanup": "full", "key_encoder": "sha256"}
        first = index(loader, records, store, **options)
        again = index(loader, records, store, **options)
        count = len(loader.load())
        assert first == counts(added=count)
        assert again == counts(skipped=count)

    async def test_indexing_again_is_free_with_asyncio(self, loader: BaseLoader) -> None:
        """Likewise, and cleaned up source by source."""
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
    """What a blob parser owes.

    Fixtures to define: `parser`, which can be pickled, and `blob`, a file that it parses into
    several documents.
    """

    @pytest.fixture
    @abstractmethod
    def parser(self) -> BaseBlobParser:
        """The parser."""

    @pytest.fixture
    @abstractmethod
    def blob(self) -> Blob:
        """A file."""

    def test_documents(self, parser: BaseBlobParser, blob: Blob) -> None:
        """Documents have text, ids and metadata as an index needs them."""
        assert_documents(parser.parse(blob))

    def test_all_ways_give_the_same(self, parser: BaseBlobParser, blob: Blob) -> None:
        """Parsed at once or lazily, again and again, the documents are the same."""
        documents = parser.parse(blob)
        assert list(parser.lazy_parse(blob)) == documents
        assert parser.parse(blob) == documents

    def test_memory_is_as_good_as_a_file(self, parser: BaseBlobParser, blob: Blob) -> None:
        """The same content in memory, under the same name, gives the same documents."""
        in_memory = Blob.from_data(blob.as_bytes(), path=blob.source)
        assert parser.parse(in_memory) == parser.parse(blob)

    def test_the_source_is_the_blobs(self, parser: BaseBlobParser, blob: Blob) -> None:
        """Documents say where they are from in the words of the blob."""
        named = Blob.from_data(blob.as_bytes(), metadata={"source": "s3://bucket/it"})
        assert {each.metadata["source"] for each in parser.parse(named)} == {"s3://bucket/it"}

    def test_metadata_of_the_blob_is_kept(self, parser: BaseBlobParser, blob: Blob) -> None:
        """What is known of a blob is known of its documents."""
        marked = Blob.from_path(str(blob.path), metadata={"team": "platform", "year": 2026})
        documents = parser.parse(marked)
        assert {(each.metadata["team"], each.metadata["year"]) for each in documents} == {
            ("platform", 2026)
        }

    def test_any_blob_loader_can_feed_it(self, parser: BaseBlobParser, blob: Blob) -> None:
        """It works in a loader that goes blob by blob, as the generic ones do."""
        loader = BlobByBlob(Listed([blob, blob]), parser)
        assert loader.load() == 2 * parser.parse(blob)

    def test_pickling(self, parser: BaseBlobParser, blob: Blob) -> None:
        """A parser that was sent to another process parses the same."""
        assert pickle.loads(pickle.dumps(parser)).parse(blob) == parser.parse(blob)


class Listed(BlobLoader):
    """Blobs that are there."""

    def __init__(self, blobs: list[Blob]) -> None:
        self._blobs = blobs

    def yield_blobs(self) -> Iterator[Blob]:
        """One after the other."""
        yield from self._blobs


class BlobByBlob(BaseLoader):
    """Any blob loader with any parser, which is what ``GenericLoader`` of the community does."""

    def __init__(self, blobs: BlobLoader, parser: BaseBlobParser) -> None:
        self._blobs = blobs
        self._parser = parser

    def lazy_load(self) -> Iterator[Document]:
        """One blob after the other."""
        for blob in self._blobs.yield_blobs():
            yield from self._parser.lazy_parse(blob)


def is_overridden(kind: type, original: type, name: str) -> bool:
    """Whether a class has a method of its own."""
    return getattr(kind, name) is not getattr(original, name)


def threads_left(before: set[threading.Thread]) -> list[threading.Thread]:
    """The threads that have come since, would keep a process alive, and do not end."""
    came = [each for each in threading.enumerate() if each not in before and not each.daemon]
    for each in came:
        each.join(PATIENCE)
    return [each for each in came if each.is_alive()]


def close(documents: Iterator[Document]) -> None:
    """Leave a generator early."""
    documents.close()  # type: ignore[attr-defined]


async def aclose(documents: AsyncIterator[Document]) -> None:
    """Likewise."""
    await documents.aclose()  # type: ignore[attr-defined]


def words(documents: list[Document]) -> list[str]:
    """All of them, in order."""
    return [word for document in documents for word in document.page_content.split()]


def record_manager() -> InMemoryRecordManager:
    """What remembers what is in an index."""
    records = InMemoryRecordManager("contract")
    records.create_schema()
    return records


def counts(*, added: int = 0, skipped: int = 0, deleted: int = 0) -> dict[str, int]:
    """What indexing says it has done."""
    return {
        "num_added": added,
        "num_updated": 0,
        "num_skipped": skipped,
        "num_deleted": deleted,
    }
