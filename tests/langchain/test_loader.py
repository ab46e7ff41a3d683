"""The LangChain loader: files, folders and blobs become documents."""

import asyncio
import contextlib
import gc
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.document_loaders import BaseLoader, Blob, BlobLoader
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.indexing import index
from langchain_core.vectorstores import InMemoryVectorStore

from apertis_audio_tools import ApertisAudio
from apertis_audio_tools.langchain import ApertisAudioLoader
from support.contract.langchain_loaders import (
    BlobList,
    LoaderContract,
    Sent,
    counts,
    record_manager,
)
from support.digest_recogniser import (
    RECORDING_COUNT,
    SEGMENT_COUNT,
    expected_text,
    recognise_by_digest,
)
from support.loopback_server import LoopbackServer
from support.timeouts import TIMEOUT


def make_loader(server: LoopbackServer, paths: Any, **options: Any) -> ApertisAudioLoader:
    settings: dict[str, Any] = {"api_key": "sk-loader", "base_url": server.url} | options
    return ApertisAudioLoader(paths, **settings)


class TestContract(LoaderContract):
    """The loader contract, at each granularity, with one and several recordings at once."""

    @pytest.fixture(params=[("passage", 1), ("segment", 2), ("recording", 1)])
    def loader(
        self, request: pytest.FixtureRequest, server: LoopbackServer, folder: Path
    ) -> BaseLoader:
        """Return a loader of a folder."""
        granularity, max_concurrency = request.param
        return make_loader(server, folder, granularity=granularity, max_concurrency=max_concurrency)

    @pytest.fixture
    def sent(self, server: LoopbackServer) -> Sent:
        """Return a function that counts the requests."""
        return lambda: len(server.requests)


def load_all(loader: BaseLoader, mode: str) -> list[Document]:
    return loader.load() if mode == "sync" else asyncio.run(loader.aload())


def test_order_and_content(server: LoopbackServer, folder: Path, mode: str) -> None:
    """Documents come in the order of the recordings, with their words and times."""
    documents = load_all(make_loader(server, folder, granularity="segment"), mode)
    expected = [
        (str(path), part * 10.0, expected_text(path.read_bytes(), part))
        for path in sorted(folder.iterdir())
        for part in range(SEGMENT_COUNT)
    ]
    assert [(d.metadata["source"], d.metadata["start"], d.page_content) for d in documents] == (
        expected
    )


def test_concurrency(folder: Path, mode: str) -> None:
    """As many recordings are transcribed at once as the client allows."""
    together = threading.Barrier(4)
    with LoopbackServer([recognise_by_digest(before=lambda _: together.wait(TIMEOUT))]) as server:
        documents = load_all(
            make_loader(server, folder, granularity="recording", max_concurrency=4), mode
        )
    assert len(documents) == RECORDING_COUNT


def test_requests_ahead(server: LoopbackServer, folder: Path) -> None:
    """At most one recording ahead of the documents consumed is sent."""
    with contextlib.closing(
        make_loader(server, folder, max_concurrency=1).lazy_load()
    ) as documents:
        for number in range(1, RECORDING_COUNT + 1):
            next(documents)
            assert number <= len(server.requests) <= number + 1


def test_closing_early(server: LoopbackServer, folder: Path) -> None:
    """Closing the iterator early closes the connections."""
    documents = make_loader(server, folder).lazy_load()
    next(documents)
    documents.close()
    if sys.version_info >= (3, 13):
        # Errors that httpcore swallows make cycles with the frames below them, ours among them.
        gc.collect()
    server.wait_until_disconnected()


def test_closing_early_with_asyncio(server: LoopbackServer, folder: Path) -> None:
    """Closing the async iterator early leaves no task, and no connection after the loop ends."""

    async def leave_early() -> None:
        documents = make_loader(server, folder).alazy_load()
        await anext(documents)
        await documents.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(leave_early())
    server.wait_until_disconnected()


async def test_thread_hops(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of calls in threads does not depend on the number of documents."""
    hops: list[object] = []
    loop = asyncio.get_running_loop()
    original = loop.run_in_executor

    def counting(*args: Any) -> Any:
        hops.append(args)
        return original(*args)

    monkeypatch.setattr(loop, "run_in_executor", counting)

    async def hops_for(parts: int) -> int:
        hops.clear()
        with LoopbackServer([recognise_by_digest(parts=parts)]) as server:
            documents = await make_loader(server, folder, granularity="segment").aload()
        assert len(documents) == RECORDING_COUNT * parts
        return len(hops)

    assert await hops_for(1) == await hops_for(60)


async def test_blocking_blob_loader(server: LoopbackServer) -> None:
    """A blob loader that blocks runs in a thread, and does not block the event loop."""
    released = threading.Event()

    class BlockingLoader(BlobLoader):
        def yield_blobs(self) -> Iterator[Blob]:
            """Yield one blob once it is released."""
            assert released.wait(TIMEOUT)
            yield Blob.from_data(b"no audio")

    documents = asyncio.create_task(make_loader(server, BlockingLoader(), on_error="skip").aload())
    await asyncio.sleep(0)
    released.set()
    assert await documents == []


def test_shared_client(server: LoopbackServer, folder: Path, mode: str) -> None:
    """A shared client is used, and stays open."""
    with ApertisAudio("sk-shared", base_url=server.url) as client:
        loader = ApertisAudioLoader(folder, client=client)
        assert load_all(loader, mode) == load_all(loader, mode)
        assert client.transcribe(folder / "meeting0.wav").text


def test_cache(server: LoopbackServer, folder: Path, tmp_path: Path, mode: str) -> None:
    """With a cache, loading again sends nothing."""
    loader = make_loader(server, folder, cache=str(tmp_path / "cache"))
    first = load_all(loader, mode)
    sent = len(server.requests)
    assert load_all(loader, mode) == first
    assert len(server.requests) == sent == RECORDING_COUNT


@pytest.mark.parametrize(
    ("first", "second", "sent_again"),
    [
        ({}, {"granularity": "segment"}, 0),
        ({}, {"granularity": "recording"}, 0),
        ({}, {"max_seconds": 60.0, "overlap": 5.0, "max_characters": 10}, 0),
        ({}, {"prompt": "Names: Apertis"}, RECORDING_COUNT),
        ({}, {"language": "cy"}, RECORDING_COUNT),
        ({}, {"temperature": 0.5}, RECORDING_COUNT),
        ({}, {"piece_seconds": 60.0}, RECORDING_COUNT),
        ({}, {"task": "translate"}, RECORDING_COUNT),
        ({}, {"model": "whisper-large-v3"}, RECORDING_COUNT),
        ({"model": "gpt-4o-transcribe"}, {"granularity": "segment"}, 0),
        ({"model": "gpt-4o-transcribe"}, {"granularity": "recording"}, 0),
        ({"model": "gpt-4o-transcribe"}, {"max_seconds": 60.0}, 0),
    ],
)
def test_cache_keys(
    server: LoopbackServer,
    folder: Path,
    tmp_path: Path,
    first: dict[str, Any],
    second: dict[str, Any],
    sent_again: int,
) -> None:
    """Other document options send nothing; other requests or pieces send everything again."""
    options: dict[str, Any] = {"cache": str(tmp_path / "cache"), **first}
    make_loader(server, folder, **options).load()
    renamed = folder.rename(tmp_path / "renamed")
    make_loader(server, renamed, **{**options, **second}).load()
    assert len(server.requests) == RECORDING_COUNT + sent_again


def test_translation(server: LoopbackServer, folder: Path, mode: str) -> None:
    """The task selects the endpoint, and is in the metadata."""
    documents = load_all(make_loader(server, folder, task="translate"), mode)
    assert {each.metadata["task"] for each in documents} == {"translate"}
    assert {each.target for each in server.requests} == {"/v1/audio/translations"}


def test_options_are_sent(server: LoopbackServer, folder: Path) -> None:
    """Options of the transcription reach the service."""
    make_loader(server, folder, language="cy", prompt="Names: Apertis", temperature=0.5).load()
    form = server.requests[0].body
    for sent in (b"cy", b"Names: Apertis", b"0.5", b"whisper-1"):
        assert sent in form


def test_size_of_passages(server: LoopbackServer, folder: Path) -> None:
    """Passages have the size and overlap of the options."""
    short = make_loader(server, folder, max_seconds=20).load()
    overlapping = make_loader(server, folder, max_seconds=20, overlap=10).load()
    assert [d.metadata["start"] for d in short[:2]] == [0.0, 20.0]
    assert [d.metadata["start"] for d in overlapping[:2]] == [0.0, 10.0]
    assert {d.id for d in short}.isdisjoint(d.id for d in overlapping)


def test_progress(server: LoopbackServer, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bar counts recordings on standard error; a function is called for each."""
    done: list[int] = []
    make_loader(server, folder, show_progress=True).load()
    assert f"{RECORDING_COUNT}recording" in capsys.readouterr().err
    make_loader(server, folder, show_progress=lambda progress: done.append(progress.done)).load()
    assert done == list(range(1, RECORDING_COUNT + 1))


class TestPaths:
    """Paths and blob loaders as sources."""

    def sources(self, loader: BaseLoader) -> list[str]:
        """Return the source of each document."""
        return [document.metadata["source"] for document in loader.lazy_load()]

    def test_files_folders_and_patterns(self, server: LoopbackServer, folder: Path) -> None:
        """Files, folders, patterns and suffixes select recordings."""
        files = [str(path) for path in sorted(folder.iterdir())]
        assert self.sources(make_loader(server, files[0])) == files[:1]
        assert self.sources(make_loader(server, [files[1], Path(files[0])])) == [files[1], files[0]]
        assert self.sources(make_loader(server, folder, glob="*[12].wav")) == files[1:3]
        assert self.sources(make_loader(server, folder, suffixes=["mp3"])) == []
        assert self.sources(make_loader(server, folder, suffixes=["WAV"])) == files

    def test_blob_loader(self, server: LoopbackServer, folder: Path, mode: str) -> None:
        """Any blob loader works, with blobs in memory or not, and keeps their metadata."""
        path = folder / "meeting0.wav"
        blobs = BlobList(
            [
                Blob.from_path(path, metadata={"team": "platform"}),
                Blob.from_data(path.read_bytes(), metadata={"source": "s3://meetings/0"}),
            ]
        )
        documents = load_all(make_loader(server, blobs), mode)
        assert [each.metadata["source"] for each in documents] == [str(path), "s3://meetings/0"]
        assert documents[0].metadata["team"] == "platform"
        assert documents[0].id != documents[1].id


def test_indexing_a_changed_recording(server: LoopbackServer, folder: Path) -> None:
    """Indexing a folder again replaces the documents of changed recordings only."""
    store, records = InMemoryVectorStore(DeterministicFakeEmbedding(size=8)), record_manager()
    loader = make_loader(server, folder, granularity="segment")

    def indexed() -> object:
        return index(
            loader,
            records,
            store,
            cleanup="incremental",
            source_id_key="source",
            key_encoder="sha256",
        )

    assert indexed() == counts(added=RECORDING_COUNT * SEGMENT_COUNT)
    assert indexed() == counts(skipped=RECORDING_COUNT * SEGMENT_COUNT)
    changed = folder / "meeting5.wav"
    content = bytearray((folder / "meeting6.wav").read_bytes())
    content[-1] ^= 1
    changed.write_bytes(content)
    assert indexed() == counts(
        added=SEGMENT_COUNT, skipped=(RECORDING_COUNT - 1) * SEGMENT_COUNT, deleted=SEGMENT_COUNT
    )
    new = [d for d in store.store.values() if d["metadata"]["source"] == str(changed)]
    assert {d["text"] for d in new} == {
        expected_text(changed.read_bytes(), part) for part in range(SEGMENT_COUNT)
    }
