"""Recordings that fail, and invalid settings of the loader."""

import asyncio
import logging
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.document_loaders import Blob, BlobLoader
from langchain_core.documents import Document

from apertis_audio_tools import (
    APIError,
    APIStatusError,
    ConfigurationError,
    InvalidRequestError,
    PaymentError,
    RecordingError,
    ServerError,
)
from apertis_audio_tools.langchain import ApertisAudioLoader, RecordingBlobLoader
from support.digest_recogniser import RECORDING_COUNT, recognise_by_digest
from support.loopback_server import Behaviour, Exchange, LoopbackServer
from support.scripted_responses import reset_connection, respond, respond_error
from support.timeouts import TIMEOUT


def make_loader(server: LoopbackServer, paths: Any, **options: Any) -> ApertisAudioLoader:
    settings: dict[str, Any] = {"api_key": "sk-loader", "base_url": server.url} | options
    return ApertisAudioLoader(paths, **settings)


def load_all(loader: ApertisAudioLoader, mode: str) -> list[Document]:
    return loader.load() if mode == "sync" else asyncio.run(loader.aload())


def collect(loader: ApertisAudioLoader, mode: str) -> tuple[list[Document], Exception | None]:
    """Return the documents that were yielded, and the error that ended loading."""
    documents: list[Document] = []

    async def load() -> None:
        async for document in loader.alazy_load():
            documents.append(document)  # noqa: PERF401  # kept if it raises

    try:
        if mode == "sync":
            documents.extend(loader.lazy_load())
        else:
            asyncio.run(load())
    except Exception as error:  # noqa: BLE001
        return documents, error
    return documents, None


class TestFailures:
    """Recordings that fail are raised or skipped."""

    @pytest.fixture
    def broken(self, folder: Path) -> Path:
        """Return a folder in which one file is no recording."""
        (folder / "meeting3.wav").write_bytes(b"no audio")
        return folder

    def test_raised(self, server: LoopbackServer, broken: Path, mode: str) -> None:
        """By default the error of the recording is raised."""
        with pytest.raises(RecordingError, match=r"meeting3\.wav"):
            load_all(make_loader(server, broken), mode)

    def test_everything_sent_is_yielded(
        self, server: LoopbackServer, broken: Path, mode: str
    ) -> None:
        """Documents of all recordings that were sent are yielded before the failure is raised."""
        loader = make_loader(server, broken, granularity="recording", max_concurrency=2)
        documents, error = collect(loader, mode)
        assert isinstance(error, RecordingError)
        assert [each.metadata["source"][-5] for each in documents[:3]] == ["0", "1", "2"]
        assert len(documents) == len(server.requests) < RECORDING_COUNT

    def test_blob_loader_that_raises(self, server: LoopbackServer, folder: Path, mode: str) -> None:
        """An exception of a blob loader is raised after the documents of what was sent."""

        class Failing(BlobLoader):
            def yield_blobs(self) -> Iterator[Blob]:
                yield from map(Blob.from_path, sorted(folder.iterdir())[:5])
                raise LookupError("The bucket is gone.")

        loader = make_loader(server, Failing(), granularity="recording", on_error="skip")
        documents, error = collect(loader, mode)
        assert isinstance(error, LookupError)
        assert len(documents) == len(server.requests) == 5

    @pytest.mark.parametrize("place", [0, 1])
    def test_missing_path_is_found_first(
        self, server: LoopbackServer, folder: Path, mode: str, place: int
    ) -> None:
        """A list of paths is checked before anything is sent."""
        paths: list[Path] = [folder]
        paths.insert(place, folder.parent / "missing.wav")
        documents, error = collect(make_loader(server, paths), mode)
        assert (documents, server.requests) == ([], [])
        assert isinstance(error, RecordingError)

    @pytest.mark.parametrize("name", ["missing.wav", "missing\0.wav"])
    def test_missing_path_is_skipped(
        self, server: LoopbackServer, folder: Path, mode: str, name: str
    ) -> None:
        """With skipping, a missing path is a failure, and all others are loaded."""
        paths = [folder.parent / name, folder]
        loader = make_loader(server, paths, on_error="skip", granularity="recording")
        assert len(load_all(loader, mode)) == RECORDING_COUNT
        assert [failure.source for failure in loader.failures] == [str(paths[0])]

    def test_missing_blob_is_found_first(
        self, server: LoopbackServer, folder: Path, mode: str
    ) -> None:
        """The files of a list of blobs are checked before anything is sent."""
        blobs = [*map(Blob.from_path, sorted(folder.iterdir())), Blob.from_path("missing.wav")]
        parser = make_loader(server, folder)._parser

        async def first() -> Document:
            return await anext(parser.alazy_parse_all(blobs))

        with pytest.raises(RecordingError):
            _ = asyncio.run(first()) if mode == "async" else next(parser.lazy_parse_all(blobs))
        assert server.requests == []

    def test_under_way_when_the_balance_ends(self, folder: Path, mode: str) -> None:
        """With skipping too, what was under way is handed over before a fatal error is raised."""
        together = threading.Barrier(3)
        names = recognise_by_digest(before=lambda _: together.wait(TIMEOUT))
        refusal = respond_error(402)

        def refuse(exchange: Exchange) -> None:
            exchange.read_body()
            together.wait(TIMEOUT)
            refusal(exchange)

        with LoopbackServer([names, refuse, names, recognise_by_digest()]) as server:
            options: dict[str, Any] = {"max_concurrency": 3, "granularity": "recording"}
            loader = make_loader(server, folder, on_error="skip", **options)
            documents, error = collect(loader, mode)
            assert isinstance(error, PaymentError)
            assert len(documents) == len(server.requests) - 1
        assert loader.failures == []

    def test_skipped(
        self, server: LoopbackServer, broken: Path, mode: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Skipped recordings are logged and listed, and all others are loaded."""
        loader = make_loader(server, broken, on_error="skip", granularity="recording")
        with caplog.at_level(logging.WARNING):
            documents = load_all(loader, mode)
        assert len(documents) == RECORDING_COUNT - 1
        (failure,) = loader.failures
        assert failure.source == str(broken / "meeting3.wav")
        assert isinstance(failure.error, RecordingError)
        assert f"{failure.source} was skipped" in caplog.text

    def test_failures_of_each_load(self, server: LoopbackServer, broken: Path) -> None:
        """A new load starts with an empty list of failures."""
        loader = make_loader(server, broken, on_error="skip")
        loader.load()
        assert len(loader.load()) == RECORDING_COUNT - 1
        assert len(loader.failures) == 1

    def test_refusal_of_the_service(self, folder: Path, mode: str) -> None:
        """A recording that the service refuses is skipped like one that cannot be read."""
        with LoopbackServer([respond_error(400), recognise_by_digest()]) as server:
            loader = make_loader(server, folder, on_error="skip", max_concurrency=1)
            assert len(load_all(loader, mode)) == RECORDING_COUNT - 1
        (failure,) = loader.failures
        assert isinstance(failure.error, InvalidRequestError)

    @pytest.mark.parametrize("status", [401, 402, 403, 404, 429])
    def test_fatal_errors(self, folder: Path, mode: str, status: int) -> None:
        """A wrong key, an empty balance or an unknown model is raised at the first recording."""
        with LoopbackServer([respond_error(status)]) as server:
            loader = make_loader(server, folder, on_error="skip", max_retries=0, max_concurrency=1)
            with pytest.raises(APIStatusError):
                load_all(loader, mode)
            assert len(server.requests) < RECORDING_COUNT

    @pytest.mark.parametrize(
        "failure", [respond_error(500), reset_connection(), respond(200, b"<html>")]
    )
    def test_outage(self, folder: Path, mode: str, failure: Behaviour) -> None:
        """An error is raised, not skipped, if the service answers none of the recordings."""
        with LoopbackServer([failure]) as server:
            loader = make_loader(server, folder, on_error="skip", max_retries=0, max_concurrency=1)
            with pytest.raises(APIError):
                load_all(loader, mode)
            assert (len(loader.failures), len(server.requests)) == (2, 3)

    def test_outage_half_way(self, folder: Path, mode: str) -> None:
        """An outage is raised even if the first recordings were answered."""
        with LoopbackServer(
            [recognise_by_digest(), *[respond_error(503)] * RECORDING_COUNT]
        ) as server:
            loader = make_loader(server, folder, on_error="skip", max_retries=0, max_concurrency=1)
            with pytest.raises(ServerError):
                load_all(loader, mode)
            assert len(server.requests) == 4

    def test_outage_with_one_recording(self, folder: Path, mode: str) -> None:
        """An unanswered recording is raised if it is the only one."""
        with LoopbackServer([respond_error(503)]) as server:
            loader = make_loader(server, folder / "meeting0.wav", on_error="skip", max_retries=0)
            with pytest.raises(ServerError):
                load_all(loader, mode)

    def test_unanswered_recordings(self, folder: Path, mode: str) -> None:
        """Two unanswered recordings are skipped, as long as others are answered."""
        with LoopbackServer(
            [respond_error(500), respond_error(500), recognise_by_digest()]
        ) as server:
            loader = make_loader(server, folder, on_error="skip", max_retries=0, max_concurrency=1)
            assert len(load_all(loader, mode)) == RECORDING_COUNT - 2
        assert [type(failure.error) for failure in loader.failures] == [ServerError] * 2

    def test_missing_folder(self, server: LoopbackServer, mode: str) -> None:
        """A missing folder is raised, or a failure."""
        with pytest.raises(RecordingError, match="There is no file or folder"):
            load_all(make_loader(server, "nowhere"), mode)
        loader = make_loader(server, "nowhere", on_error="skip")
        assert load_all(loader, mode) == []
        assert [each.source for each in loader.failures] == [str(Path("nowhere").resolve())]


class TestSettings:
    """Invalid settings are refused before anything is read or sent."""

    def test_no_key(self, folder: Path) -> None:
        """A missing key is refused at once."""
        with pytest.raises(ConfigurationError, match="There is no API key"):
            ApertisAudioLoader(folder)

    @pytest.mark.parametrize(
        ("paths", "sentence"),
        [
            ("", r"A path is empty; the current folder is '\.'\."),
            (["a.wav", ""], r"A path is empty; the current folder is '\.'\."),
            (None, r"A path .* os\.PathLike, not NoneType\."),
            (b"sound", r"A path .* os\.PathLike, not bytes\."),
        ],
    )
    def test_invalid_paths(self, paths: Any, sentence: str) -> None:
        """An empty path, or a value that is no path, is refused at once."""
        with pytest.raises(ConfigurationError, match=sentence):
            ApertisAudioLoader(paths, api_key="sk-example")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"granularity": "word"},
            {"task": "summarise"},
            {"on_error": "ignore"},
            {"overlap": 30.0},
            {"max_characters": 0},
            {"timeout": -1},
            {"base_url": "nowhere"},
            {"task": "translate", "language": "cy"},
        ],
    )
    def test_invalid_values(self, folder: Path, wrong: dict[str, Any]) -> None:
        """An invalid value is refused at once."""
        with pytest.raises(ConfigurationError):
            ApertisAudioLoader(folder, **{"api_key": "sk-example", **wrong})

    def test_misspelt(self, folder: Path) -> None:
        """An unknown argument is refused."""
        misspelt: Any = {"modle": "whisper-1"}
        with pytest.raises(TypeError, match="modle"):
            ApertisAudioLoader(folder, **misspelt)

    def test_client_and_settings(self, server: LoopbackServer, folder: Path) -> None:
        """Settings next to a client are refused."""
        with (
            server.client() as client,
            pytest.raises(ConfigurationError, match="its own timeout"),
        ):
            ApertisAudioLoader(folder, client=client, timeout=1.0)

    def test_pattern_next_to_a_blob_loader(self, server: LoopbackServer, folder: Path) -> None:
        """A pattern for folders is refused next to a blob loader."""
        with pytest.raises(ConfigurationError, match="blob loader has its own"):
            make_loader(server, RecordingBlobLoader(folder), glob="*.wav")

    def test_key_is_not_shown(self, server: LoopbackServer, folder: Path) -> None:
        """No representation of a loader or its parts contains the key."""
        loader = make_loader(server, folder, api_key="sk-never-shown")
        parser = loader._parser
        shown = f"{loader!r} {vars(loader)} {vars(parser)} {vars(parser._lazy_client)}"
        assert "sk-never-shown" not in shown

    def test_pickling_with_a_client(self, server: LoopbackServer, folder: Path) -> None:
        """Pickling a loader with a shared client is an error that says what to do."""
        with (
            server.client() as client,
            pytest.raises(ConfigurationError, match="pass its settings instead"),
        ):
            pickle.dumps(ApertisAudioLoader(folder, client=client))
