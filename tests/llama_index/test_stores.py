"""Indexes in stores of other packages stay true when recordings change, move or go.

The stores are tested if they are installed, see ``make stores``. The docstore is saved after each
step, and loaded before the next one.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import MockEmbedding, StorageContext, VectorStoreIndex
from llama_index.core.base.llms.types import AudioBlock
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.schema import Document
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores.types import FilterOperator, MetadataFilter, MetadataFilters

from apertis_audio_tools.llama_index import (
    ApertisAudioReader,
    PassageClipPostprocessor,
    PassageNodeParser,
)
from support.digest_recogniser import expected_text, recognise_by_digest
from support.loopback_server import LoopbackServer
from support.wav_files import write_silent_wav

SIZE = 4
EMBEDDING = MockEmbedding(embed_dim=SIZE)
BYTES_PER_PASSAGE = 20_000
"""Bytes of ten seconds in a recording of 1 kHz, one segment, one passage."""

pytestmark = pytest.mark.filterwarnings("ignore")  # those of the stores


def chroma_store(folder: Path) -> Any:
    stores = pytest.importorskip("llama_index.vector_stores.chroma")
    client = pytest.importorskip("chromadb").PersistentClient(str(folder / "chroma"))
    return stores.ChromaVectorStore(client.get_or_create_collection("meetings"))


def qdrant_store(folder: Path) -> Any:
    stores = pytest.importorskip("llama_index.vector_stores.qdrant")
    client = pytest.importorskip("qdrant_client").QdrantClient(path=str(folder / "qdrant"))
    return stores.QdrantVectorStore("meetings", client=client)


STORES: dict[str, Callable[[Path], Any]] = {
    "chroma": chroma_store,
    "qdrant": qdrant_store,
}


def write(folder: Path, name: str, passages: int, extra: int = 0) -> None:
    """Write a recording of some passages; `extra` bytes make it another one."""
    write_silent_wav(folder / name, BYTES_PER_PASSAGE * passages + 2 * extra, rate=1000)


def count_passages(content: bytes) -> int:
    return len(content) // BYTES_PER_PASSAGE


def _same(_: Path) -> None:
    """Change nothing."""


def _change(meetings: Path) -> None:
    """Replace a recording by another of the same length."""
    write(meetings, "0.wav", 3, 100)


def _shorten(meetings: Path) -> None:
    """Replace a recording by one of two passages."""
    write(meetings, "0.wav", 2)


def _rename(meetings: Path) -> None:
    """Give a recording another name."""
    (meetings / "1.wav").rename(meetings / "one.wav")


def _remove(meetings: Path) -> None:
    """Delete a recording."""
    (meetings / "2.wav").unlink()


CHANGES = [_same, _same, _change, _shorten, _rename, _remove]
"""Changes of three recordings of three passages, one before each run."""


@pytest.fixture
def meetings(tmp_path: Path) -> Path:
    """Return a folder with three recordings of three passages."""
    folder = tmp_path / "meetings"
    folder.mkdir()
    for number in range(3):
        write(folder, f"{number}.wav", 3, number)
    return folder


class Stores:
    """A docstore and a vector store in a folder, and the recordings that are indexed in them."""

    def __init__(self, folder: Path, vectors: Any, reader: ApertisAudioReader) -> None:
        self.vectors = vectors
        self.reader = reader
        self._docstore_path = str(folder / "docstore.json")

    def docstore(self) -> SimpleDocumentStore:
        """Return the docstore as it was saved."""
        if Path(self._docstore_path).exists():
            return SimpleDocumentStore.from_persist_path(self._docstore_path)
        return SimpleDocumentStore()

    def run(self, strategy: DocstoreStrategy) -> int:
        """Run a pipeline over all recordings; return the number of nodes that were new."""
        docstore = self.docstore()
        pipeline = IngestionPipeline(
            transformations=[PassageNodeParser(), EMBEDDING],
            docstore=docstore,
            docstore_strategy=strategy,
            vector_store=self.vectors,
        )
        nodes = pipeline.run(documents=self.reader.load_data())
        docstore.persist(self._docstore_path)
        return len(nodes)

    def refresh(self) -> int:
        """Refresh an index with all recordings; return the number of those that were indexed."""
        index = self._index()
        refreshed = index.refresh_ref_docs(self.reader.load_data())
        index.docstore.persist(self._docstore_path)
        return sum(refreshed)

    def delete(self, document: Document) -> None:
        """Delete a recording from the index."""
        index = self._index()
        index.delete_ref_doc(document.id_, delete_from_docstore=True)
        index.docstore.persist(self._docstore_path)

    def found(self, *filters: MetadataFilter) -> list[str]:
        """Return the texts in the vector store."""
        retriever = VectorStoreIndex.from_vector_store(
            self.vectors, embed_model=EMBEDDING
        ).as_retriever(similarity_top_k=100, filters=MetadataFilters(filters=[*filters]))
        return sorted(each.node.get_content() for each in retriever.retrieve("anything"))

    def _index(self) -> VectorStoreIndex:
        storage = StorageContext.from_defaults(docstore=self.docstore(), vector_store=self.vectors)
        return VectorStoreIndex(
            nodes=[],
            storage_context=storage,
            embed_model=EMBEDDING,
            transformations=[PassageNodeParser()],
        )


@pytest.fixture(params=STORES)
def stores(request: pytest.FixtureRequest, tmp_path: Path, meetings: Path) -> Iterator[Stores]:
    """Return empty stores of one kind after the other."""
    vectors = STORES[request.param](tmp_path)
    with LoopbackServer([recognise_by_digest(parts=count_passages)]) as server:
        reader = ApertisAudioReader(
            input_dir=meetings,
            granularity="recording",
            max_seconds=10.0,
            api_key="sk-example",
            base_url=server.url,
        )
        yield Stores(tmp_path, vectors, reader)


def texts_of(*paths: Path) -> list[str]:
    """Return the texts of recordings."""
    contents = [path.read_bytes() for path in paths]
    return sorted(
        expected_text(content, part)
        for content in contents
        for part in range(count_passages(content))
    )


def test_upserts_and_delete(stores: Stores, meetings: Path) -> None:
    """With UPSERTS_AND_DELETE, the stores have exactly the passages of the recordings."""
    counts = []
    for change in CHANGES:
        change(meetings)
        counts.append(stores.run(DocstoreStrategy.UPSERTS_AND_DELETE))
        assert stores.found() == texts_of(*meetings.iterdir())
    assert counts == [9, 0, 3, 2, 3, 0]


def test_upserts(stores: Stores, meetings: Path) -> None:
    """UPSERTS replaces what changed or got shorter, but keeps what was renamed or removed."""
    counts, lengths = [], []
    for change in CHANGES:
        change(meetings)
        counts.append(stores.run(DocstoreStrategy.UPSERTS))
        lengths.append(len(stores.found()))
    assert counts == [9, 0, 3, 2, 3, 0]
    assert lengths == [9, 9, 9, 8, 11, 11]


def test_refresh_and_delete(stores: Stores, meetings: Path) -> None:
    """`refresh_ref_docs` does as UPSERTS does; `delete_ref_doc` removes a recording."""
    counts, lengths = [], []
    before = stores.reader.load_data()
    for change in CHANGES:
        change(meetings)
        counts.append(stores.refresh())
        lengths.append(len(stores.found()))
    assert counts == [3, 0, 1, 1, 1, 0]
    assert lengths == [9, 9, 9, 8, 11, 11]
    for document in before[1:]:
        stores.delete(document)
    assert stores.found() == texts_of(*meetings.iterdir())


def test_clips_and_time_filters(stores: Stores) -> None:
    """Stores filter by time, and keep the references to clips."""
    stores.reader = stores.reader.model_copy(update={"audio": "clip"})
    stores.run(DocstoreStrategy.UPSERTS)
    late = MetadataFilter(key="start", value=10.0, operator=FilterOperator.GTE)
    assert len(stores.found(late)) == 6
    index = VectorStoreIndex.from_vector_store(stores.vectors, embed_model=EMBEDDING)
    clips = PassageClipPostprocessor()
    (found,) = clips.postprocess_nodes(index.as_retriever(similarity_top_k=1).retrieve("any"))
    assert isinstance(found.node.get_content_blocks()[-1], AudioBlock)
