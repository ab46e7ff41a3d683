"""Indexes stay true: what recordings that change, move or go do to vector stores.

The stores besides the one in memory are tested if they are installed, see ``make stores``.
"""

import os
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.indexing import InMemoryRecordManager, index
from langchain_core.indexing.base import RecordManager
from langchain_core.vectorstores import InMemoryVectorStore, VectorStore

from apertis_audio_tools import ConfigurationError
from apertis_audio_tools.langchain import ApertisAudioLoader
from support.digest_recogniser import expected_text, recognise_by_digest
from support.doc_pages import ROOT, code_blocks, copy_recordings, run_code
from support.loopback_server import LoopbackServer
from support.wav_files import write_silent_wav

SIZE = 8
EMBEDDING = DeterministicFakeEmbedding(size=SIZE)


def memory_store(_: Path) -> VectorStore:
    return InMemoryVectorStore(EMBEDDING)


def chroma_store(folder: Path) -> VectorStore:
    chroma = pytest.importorskip("langchain_chroma")
    made = chroma.Chroma("meetings", EMBEDDING, persist_directory=str(folder / "chroma"))
    return cast("VectorStore", made)


def qdrant_store(folder: Path) -> VectorStore:
    qdrant = pytest.importorskip("langchain_qdrant")
    qdrant_client = pytest.importorskip("qdrant_client")
    models = qdrant_client.models
    client = qdrant_client.QdrantClient(path=str(folder / "qdrant"))
    params = models.VectorParams(size=SIZE, distance=models.Distance.COSINE)
    client.create_collection("meetings", vectors_config=params)
    return cast("VectorStore", qdrant.QdrantVectorStore(client, "meetings", EMBEDDING))


def faiss_store(_: Path) -> VectorStore:
    faiss = pytest.importorskip("faiss")
    stores = pytest.importorskip("langchain_community.vectorstores")
    docstore = pytest.importorskip("langchain_community.docstore.in_memory").InMemoryDocstore()
    return cast("VectorStore", stores.FAISS(EMBEDDING, faiss.IndexFlatL2(SIZE), docstore, {}))


STORES: dict[str, Callable[[Path], VectorStore]] = {
    "memory": memory_store,
    "chroma": chroma_store,
    "qdrant": qdrant_store,
    "faiss": faiss_store,
}

pytestmark = pytest.mark.filterwarnings("default")  # those of the stores


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> VectorStore:
    """Return one empty store after the other."""
    return STORES[request.param](tmp_path)


@pytest.fixture
def records(store: VectorStore, tmp_path: Path) -> RecordManager:
    """Return an empty record manager: in a database, except for the store in memory."""
    manager: RecordManager = InMemoryRecordManager("meetings")
    if not isinstance(store, InMemoryVectorStore):
        classic = pytest.importorskip("langchain_classic.indexes")
        url = f"sqlite:///{tmp_path / 'records.db'}"
        manager = classic.SQLRecordManager("meetings", db_url=url)
    manager.create_schema()
    return manager


@pytest.fixture
def meetings(tmp_path: Path) -> Path:
    """Return a folder with three recordings."""
    folder = tmp_path / "meetings"
    folder.mkdir()
    for number in range(3):
        write_silent_wav(folder / f"{number}.wav", 64_000 + 2 * number, rate=1000)
    return folder


class Indexer:
    """Indexes a folder as docs/langchain.md does, and tells what is found."""

    def __init__(
        self, server: LoopbackServer, records: RecordManager, store: VectorStore, cleanup: Any
    ) -> None:
        self.server = server
        self.records = records
        self.store = store
        self.cleanup = cleanup

    def run(self, folder: Path, **options: Any) -> tuple[int, int, int, int]:
        """Return how many documents were added, updated, skipped and deleted."""
        loader = ApertisAudioLoader(
            folder, api_key="sk-example", base_url=self.server.url, max_seconds=10.0, **options
        )
        result = index(
            loader,
            self.records,
            self.store,
            cleanup=self.cleanup,
            source_id_key="source",
            key_encoder=lambda document: document.id or "",
        )
        names = ("num_added", "num_updated", "num_skipped", "num_deleted")
        return cast("tuple[int, int, int, int]", tuple(cast("Any", result)[name] for name in names))

    def found(self) -> dict[str, set[str]]:
        """Return the texts of each source in the store."""
        texts: dict[str, set[str]] = {}
        for document in self.store.similarity_search("anything", k=100):
            texts.setdefault(document.metadata["source"], set()).add(document.page_content)
        return texts


def texts_of(folder: Path) -> dict[str, set[str]]:
    """Return the texts of each recording in a folder, by its resolved path."""
    return {
        str(path.resolve()): {expected_text(path.read_bytes(), part) for part in range(3)}
        for path in folder.iterdir()
    }


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """Yield a server that transcribes every recording into words of its own."""
    with LoopbackServer([recognise_by_digest()]) as server:
        yield server


def test_full_cleanup(
    server: LoopbackServer, records: RecordManager, store: VectorStore, meetings: Path
) -> None:
    """With ``full``, an index has exactly the passages of the recordings that are there."""
    indexer = Indexer(server, records, store, "full")
    assert indexer.run(meetings) == (9, 0, 0, 0)
    assert indexer.found() == texts_of(meetings)
    assert indexer.run(meetings) == (0, 0, 9, 0)
    write_silent_wav(meetings / "0.wav", 65_000, rate=1000)
    assert indexer.run(meetings) == (3, 0, 6, 3)
    assert indexer.found() == texts_of(meetings)
    (meetings / "1.wav").rename(meetings / "one.wav")
    assert indexer.run(meetings) == (3, 0, 6, 3)
    assert indexer.found() == texts_of(meetings)
    (meetings / "2.wav").unlink()
    assert indexer.run(meetings) == (0, 0, 6, 3)
    assert indexer.found() == texts_of(meetings)


@pytest.mark.parametrize("cleanup", ["incremental", "scoped_full", None])
def test_other_cleanups(
    server: LoopbackServer,
    records: RecordManager,
    store: VectorStore,
    meetings: Path,
    cleanup: str | None,
) -> None:
    """Others keep renamed and removed recordings, and without cleanup also changed ones."""
    indexer = Indexer(server, records, store, cleanup)
    assert indexer.run(meetings) == (9, 0, 0, 0)
    assert indexer.run(meetings) == (0, 0, 9, 0)
    changed, first = str((meetings / "0.wav").resolve()), texts_of(meetings)
    write_silent_wav(meetings / "0.wav", 65_000, rate=1000)
    assert indexer.run(meetings) == (3, 0, 6, 3 if cleanup else 0)
    kept = texts_of(meetings)
    if cleanup is None:
        kept[changed] |= first[changed]
    assert indexer.found() == kept
    (meetings / "1.wav").rename(meetings / "one.wav")
    (meetings / "2.wav").unlink()
    assert indexer.run(meetings) == (3, 0, 3, 0)
    assert indexer.found() == {**texts_of(meetings), **kept}


def test_store_of_the_page(
    sandbox_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's example with a persistent store runs, and finds nothing new in a second run."""
    pytest.importorskip("langchain_chroma")
    monkeypatch.setenv("APERTIS_API_KEY", "sk-example")
    monkeypatch.setenv("APERTIS_BASE_URL", sandbox_url)
    monkeypatch.chdir(copy_recordings(tmp_path))
    (block,) = code_blocks(ROOT / "docs" / "langchain.md", "py")
    for added in (1, 0):
        space: dict[str, Any] = {}
        run_code(block, "pasted.py", space=space)
        assert space["result"]["num_added"] == added


def sources(server: LoopbackServer, paths: Any, **options: Any) -> tuple[list[str], list[str]]:
    """Return the sources and the ids of documents."""
    loader = ApertisAudioLoader(
        paths, api_key="sk-example", base_url=server.url, granularity="recording", **options
    )
    documents = loader.load()
    return [each.metadata["source"] for each in documents], [each.id or "" for each in documents]


class TestSources:
    """A recording has one source, however its path is spelled."""

    def test_spellings(
        self, server: LoopbackServer, meetings: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The source is the resolved absolute path."""
        expected = sources(server, meetings)
        assert expected[0] == [str((meetings / f"{number}.wav").resolve()) for number in range(3)]
        monkeypatch.chdir(meetings.parent)
        (meetings.parent / "link").symlink_to(meetings)
        for spelling in ("meetings", "./meetings/", "meetings/../meetings", "link"):
            assert sources(server, spelling) == expected
        monkeypatch.chdir(meetings)
        assert sources(server, ".") == expected
        assert all(uuid.UUID(each) for each in expected[1])

    def test_root(
        self, server: LoopbackServer, meetings: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With a root, the source is the path below it, and moving it changes nothing."""
        (meetings / "team").mkdir()
        (meetings / "2.wav").rename(meetings / "team" / "2.wav")
        expected = sources(server, meetings, root=meetings)
        assert expected[0] == ["0.wav", "1.wav", "team/2.wav"]
        moved = meetings.parent / "elsewhere"
        shutil.move(meetings, moved)
        assert sources(server, moved, root=moved) == expected
        monkeypatch.chdir(moved)
        assert sources(server, ".", root=".") == expected
        assert sources(server, moved / "team", root=os.curdir)[0] == ["team/2.wav"]

    @pytest.mark.parametrize("on_error", ["raise", "skip"])
    def test_outside_of_root(
        self, server: LoopbackServer, meetings: Path, tmp_path: Path, on_error: Any
    ) -> None:
        """A file that is not below the root is an error."""
        (tmp_path / "root").mkdir()
        with pytest.raises(ConfigurationError, match="is not below root"):
            sources(server, meetings, root=tmp_path / "root", on_error=on_error)

    def test_files_outside_of_root(self, server: LoopbackServer, meetings: Path) -> None:
        """With a list of files, nothing is sent if one of them is not below the root."""
        (meetings / "team").mkdir()
        (meetings / "2.wav").rename(meetings / "team" / "2.wav")
        files = [meetings / "team" / "2.wav", meetings / "0.wav"]
        with pytest.raises(ConfigurationError, match="is not below root"):
            sources(server, files, root=meetings / "team")
        assert server.requests == []

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
    def test_name_that_is_not_utf8(self, server: LoopbackServer, meetings: Path) -> None:
        """Bytes of a name that are not UTF-8 are escaped, as no database takes them."""
        name = os.fsdecode(b"caf\xe9.wav")
        (meetings / "0.wav").rename(meetings / name)
        assert sources(server, meetings / name, root=meetings)[0] == ["caf\\udce9.wav"]

    def test_empty_root(self, meetings: Path) -> None:
        """An empty root is refused at once."""
        with pytest.raises(ConfigurationError, match="A path is empty"):
            ApertisAudioLoader(meetings, api_key="sk-example", root="")
