"""Recordings that fail, and invalid settings of the loader."""

import asyncio
import logging
import pickle
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document

from apertis_audio_tools import (
    APIError,
    APIStatusError,
    ConfigurationError,
    InvalidRequestError,
    RecordingError,
    ServerError,
)
from apertis_audio_tools.langchain import ApertisAudioLoader, RecordingBlobLoader
from support.digest_recogniser import RECORDING_COUNT, recognise_by_digest
from support.loopback_server import Behaviour, LoopbackServer
from support.scripted_responses import reset_connection, respond, respond_error


def make_loader(server: LoopbackServer, paths: Any, **options: Any) -> ApertisAudioLoader:
    settings: dict[str, Any] = {"api_key": "sk-loader", "base_url": server.url} | options
    return ApertisAudioLoader(paths, **settings)


def load_all(loader: ApertisAudioLoader, mode: str) -> list[Document]:
    return loader.load() if mode == "sync" else asyncio.run(loader.aload())


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

    def test_documents_before_a_failure(self, server: LoopbackServer, broken: Path) -> None:
        """Documents of recordings before a failure are yielded."""
        documents = make_loader(server, broken, granularity="recording").lazy_load()
        assert [next(documents).metadata["source"][-5] for _ in range(3)] == ["0", "1", "2"]
        with pytest.raises(RecordingError):
            next(documents)

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
        """A missing folder is raised, not skipped."""
        with pytest.raises(RecordingError, match="There is no file or folder"):
            load_all(make_loader(server, "nowhere", on_error="skip"), mode)


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
