"""The loader of LangChain: files, folders and blobs become documents."""

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
from support.contract.langchain_loaders import Listed, LoaderContract, Sent, counts, record_manager
from support.digest_recogniser import COUNT, PARTS, hears, words_in
from support.loopback import Loopback
from support.timeouts import PATIENCE


def loading(server: Loopback, places: Any, **options: Any) -> ApertisAudioLoader:
    settings: dict[str, Any] = {"api_key": "sk-loader", "base_url": server.url} | options
    return ApertisAudioLoader(places, **settings)


class TestContract(LoaderContract):
    """Every duty of a loader, at each granularity, one and several recordings at once."""

    @pytest.fixture(params=[("passage", 1), ("segment", 2), ("recording", 1)])
    def loader(self, request: pytest.FixtureRequest, server: Loopback, folder: Path) -> BaseLoader:
        """Of a folder, by a server of ours."""
        granularity, at_once = request.param
        return loading(server, folder, granularity=granularity, max_concurrency=at_once)

    @pytest.fixture
    def sent(self, server: Loopback) -> Sent:
        """The requests that have arrived."""
        return lambda: len(server.requests)


def collected(loader: BaseLoader, colour: str) -> list[Document]:
    return loader.load() if colour == "sync" else asyncio.run(loader.aload())


def test_order_and_content(server: Loopback, folder: Path, colour: str) -> None:
    """Documents come in the order of the recordings, with what was said in each, and when."""
    documents = collected(loading(server, folder, granularity="segment"), colour)
    expected = [
        (str(path), part * 10.0, words_in(path.read_bytes(), part))
        for path in sorted(folder.iterdir())
        for part in range(PARTS)
    ]
    assert [(d.metadata["source"], d.metadata["start"], d.page_content) for d in documents] == (
        expected
    )


def test_several_at_once(folder: Path, colour: str) -> None:
    """As many recordings are under way as the client may have."""
    together = threading.Barrier(4)
    with Loopback([hears(before=lambda _: together.wait(PATIENCE))]) as server:
        documents = collected(
            loading(server, folder, granularity="recording", max_concurrency=4), colour
        )
    assert len(documents) == COUNT


def test_one_request_at_a_time_is_one_ahead_at_most(server: Loopback, folder: Path) -> None:
    """Before a recording's documents were asked for, hardly more than it is sent."""
    with contextlib.closing(loading(server, folder, max_concurrency=1).lazy_load()) as documents:
        for number in range(1, COUNT + 1):
            next(documents)
            assert number <= len(server.requests) <= number + 1


def test_leaving_early_leaves_no_connection(server: Loopback, folder: Path) -> None:
    """Whoever stops early has hung up as well."""
    documents = loading(server, folder).lazy_load()
    next(documents)
    documents.close()
    if sys.version_info >= (3, 13):
        # Errors that httpcore swallows make cycles with the frames below them, ours among them.
        gc.collect()
    server.wait_until_disconnected()


def test_leaving_early_leaves_no_connection_with_asyncio(server: Loopback, folder: Path) -> None:
    """Likewise when the event loop ends, and no task is left behind before."""

    async def leave_early() -> None:
        documents = loading(server, folder).alazy_load()
        await anext(documents)
        await documents.aclose()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(leave_early())
    server.wait_until_disconnected()


async def test_documents_need_no_threads(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many documents a recording gives, the number of hops to threads is the same."""
    hops: list[object] = []
    loop = asyncio.get_running_loop()
    original = loop.run_in_executor

    def counted(*args: Any) -> Any:
        hops.append(args)
        return original(*args)

    monkeypatch.setattr(loop, "run_in_executor", counted)

    async def hops_for(parts: int) -> int:
        hops.clear()
        with Loopback([hears(parts=parts)]) as server:
            documents = await loading(server, folder, granularity="segment").aload()
        assert len(documents) == COUNT * parts
        return len(hops)

    assert await hops_for(1) == await hops_for(60)


async def test_a_blob_loader_that_blocks_does_not_block_the_loop(server: Loopback) -> None:
    """Blobs are waited for in a thread, while the event loop goes on."""
    released = threading.Event()

    class Slow(BlobLoader):
        def yield_blobs(self) -> Iterator[Blob]:
            """One, as soon as it is allowed to."""
            assert released.wait(PATIENCE)
            yield Blob.from_data(b"no audio")

    documents = asyncio.create_task(loading(server, Slow(), on_error="skip").aload())
    await asyncio.sleep(0)
    released.set()
    assert await documents == []


def test_a_shared_client_stays_open(server: Loopback, folder: Path, colour: str) -> None:
    """A client that was given is used, and still there afterwards."""
    with ApertisAudio("sk-shared", base_url=server.url) as client:
        loader = ApertisAudioLoader(folder, client=client)
        assert collected(loader, colour) == collected(loader, colour)
        assert client.transcribe(folder / "meeting0.wav").text


def test_a_cache_pays_once(server: Loopback, folder: Path, tmp_path: Path, colour: str) -> None:
    """With a cache, loading again asks for nothing."""
    loader = loading(server, folder, cache=str(tmp_path / "cache"))
    first = collected(loader, colour)
    asked = len(server.requests)
    assert collected(loader, colour) == first
    assert len(server.requests) == asked == COUNT


@pytest.mark.parametrize(
    ("asked", "others", "again"),
    [
        ({}, {"granularity": "segment"}, 0),
        ({}, {"granularity": "recording"}, 0),
        ({}, {"max_seconds": 60.0, "overlap": 5.0, "max_characters": 10}, 0),
        ({}, {"prompt": "Names: Apertis"}, COUNT),
        ({}, {"language": "cy"}, COUNT),
        ({}, {"temperature": 0.5}, COUNT),
        ({}, {"piece_seconds": 60.0}, COUNT),
        ({}, {"task": "translate"}, COUNT),
        ({}, {"model": "whisper-large-v3"}, COUNT),
        ({"model": "gpt-4o-transcribe"}, {"granularity": "segment"}, 0),
        ({"model": "gpt-4o-transcribe"}, {"granularity": "recording"}, COUNT),
        ({"model": "gpt-4o-transcribe"}, {"max_seconds": 60.0}, COUNT),
    ],
)
def test_what_is_paid_for_anew(
    server: Loopback,
    folder: Path,
    tmp_path: Path,
    asked: dict[str, Any],
    others: dict[str, Any],
    again: int,
) -> None:
    """To arrange differently what is kept costs nothing; to ask or to cut differently does."""
    kept: dict[str, Any] = {"cache": str(tmp_path / "cache"), **asked}
    loading(server, folder, **kept).load()
    renamed = folder.rename(tmp_path / "renamed")
    loading(server, renamed, **{**kept, **others}).load()
    assert len(server.requests) == COUNT + again


def test_translation(server: Loopback, folder: Path, colour: str) -> None:
    """The task says which endpoint is asked, and the documents say so."""
    documents = collected(loading(server, folder, task="translate"), colour)
    assert {each.metadata["task"] for each in documents} == {"translate"}
    assert {each.target for each in server.requests} == {"/v1/audio/translations"}


def test_options_are_sent(server: Loopback, folder: Path) -> None:
    """What is asked for reaches the service."""
    loading(server, folder, language="cy", prompt="Names: Apertis", temperature=0.5).load()
    form = server.requests[0].body
    for sent in (b"cy", b"Names: Apertis", b"0.5", b"whisper-1"):
        assert sent in form


def test_size_of_passages(server: Loopback, folder: Path) -> None:
    """Passages are packed to the size that is asked for, and overlap if they should."""
    short = loading(server, folder, max_seconds=20).load()
    overlapping = loading(server, folder, max_seconds=20, overlap=10).load()
    assert [d.metadata["start"] for d in short[:2]] == [0.0, 20.0]
    assert [d.metadata["start"] for d in overlapping[:2]] == [0.0, 10.0]
    assert {d.id for d in short}.isdisjoint(d.id for d in overlapping)


def test_progress(server: Loopback, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bar counts recordings on standard error; a function is told of each."""
    told: list[int] = []
    loading(server, folder, show_progress=True).load()
    assert f"{COUNT}recording" in capsys.readouterr().err
    loading(server, folder, show_progress=lambda progress: told.append(progress.done)).load()
    assert told == list(range(1, COUNT + 1))


class TestPlaces:
    """What can be loaded."""

    def sources(self, loader: BaseLoader) -> list[str]:
        """What was loaded, one document after the other."""
        return [document.metadata["source"] for document in loader.lazy_load()]

    def test_files_folders_and_patterns(self, server: Loopback, folder: Path) -> None:
        """A file, several, a folder, and a part of a folder."""
        files = [str(path) for path in sorted(folder.iterdir())]
        assert self.sources(loading(server, files[0])) == files[:1]
        assert self.sources(loading(server, [files[1], Path(files[0])])) == [files[1], files[0]]
        assert self.sources(loading(server, folder, glob="*[12].wav")) == files[1:3]
        assert self.sources(loading(server, folder, suffixes=["mp3"])) == []
        assert self.sources(loading(server, folder, suffixes=["WAV"])) == files

    def test_any_blob_loader(self, server: Loopback, folder: Path, colour: str) -> None:
        """Blobs of anybody's, in memory or not, with what is known of them."""
        path = folder / "meeting0.wav"
        blobs = Listed(
            [
                Blob.from_path(path, metadata={"team": "platform"}),
                Blob.from_data(path.read_bytes(), metadata={"source": "s3://meetings/0"}),
            ]
        )
        documents = collected(loading(server, blobs), colour)
        assert [each.metadata["source"] for each in documents] == [str(path), "s3://meetings/0"]
        assert documents[0].metadata["team"] == "platform"
        assert documents[0].id != documents[1].id


def test_replacing_a_recording_changes_its_documents_only(server: Loopback, folder: Path) -> None:
    """Indexed again, a folder costs what has changed: one recording's documents."""
    store, records = InMemoryVectorStore(DeterministicFakeEmbedding(size=8)), record_manager()
    loader = loading(server, folder, granularity="segment")

    def indexed() -> object:
        return index(
            loader,
            records,
            store,
            cleanup="incremental",
            source_id_key="source",
            key_encoder="sha256",
        )

    assert indexed() == counts(added=COUNT * PARTS)
    assert indexed() == counts(skipped=COUNT * PARTS)
    changed = folder / "meeting5.wav"
    changed.write_bytes((folder / "meeting6.wav").read_bytes() + b"\0\0")
    assert indexed() == counts(added=PARTS, skipped=(COUNT - 1) * PARTS, deleted=PARTS)
    of_it = [d for d in store.store.values() if d["metadata"]["source"] == str(changed)]
    assert {d["text"] for d in of_it} == {
        words_in(changed.read_bytes(), part) for part in range(PARTS)
    }
