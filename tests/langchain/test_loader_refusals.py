"""What becomes of recordings that fail, and of settings that cannot be."""

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
from support.digest_recogniser import COUNT, hears
from support.loopback import Behaviour, Loopback
from support.scripted_responses import answer, error, reset


def loading(server: Loopback, places: Any, **options: Any) -> ApertisAudioLoader:
    settings: dict[str, Any] = {"api_key": "sk-loader", "base_url": server.url} | options
    return ApertisAudioLoader(places, **settings)


def collected(loader: ApertisAudioLoader, colour: str) -> list[Document]:
    return loader.load() if colour == "sync" else asyncio.run(loader.aload())


class TestFailures:
    """What becomes of recordings that fail."""

    @pytest.fixture
    def broken(self, folder: Path) -> Path:
        """Recordings of which one is none."""
        (folder / "meeting3.wav").write_bytes(b"no audio")
        return folder

    def test_raised(self, server: Loopback, broken: Path, colour: str) -> None:
        """By default the recording's own error is raised."""
        with pytest.raises(RecordingError, match=r"meeting3\.wav"):
            collected(loading(server, broken), colour)

    def test_documents_before_it_are_handed_over(self, server: Loopback, broken: Path) -> None:
        """What comes before a recording that fails is not lost."""
        documents = loading(server, broken, granularity="recording").lazy_load()
        assert [next(documents).metadata["source"][-5] for _ in range(3)] == ["0", "1", "2"]
        with pytest.raises(RecordingError):
            next(documents)

    def test_skipped(
        self, server: Loopback, broken: Path, colour: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Skipped recordings are logged and listed, and all others are there."""
        loader = loading(server, broken, on_error="skip", granularity="recording")
        with caplog.at_level(logging.WARNING):
            documents = collected(loader, colour)
        assert len(documents) == COUNT - 1
        (failure,) = loader.failures
        assert failure.source == str(broken / "meeting3.wav")
        assert isinstance(failure.error, RecordingError)
        assert f"{failure.source} was skipped" in caplog.text

    def test_each_load_has_its_own_list(self, server: Loopback, broken: Path) -> None:
        """What failed in an earlier load is forgotten when another begins."""
        loader = loading(server, broken, on_error="skip")
        loader.load()
        assert len(loader.load()) == COUNT - 1
        assert len(loader.failures) == 1

    def test_refused_by_the_service(self, folder: Path, colour: str) -> None:
        """A recording that the service refuses is skipped like one that cannot be read."""
        with Loopback([error(400), hears()]) as server:
            loader = loading(server, folder, on_error="skip", max_concurrency=1)
            assert len(collected(loader, colour)) == COUNT - 1
        (failure,) = loader.failures
        assert isinstance(failure.error, InvalidRequestError)

    @pytest.mark.parametrize("status", [401, 402, 403, 404, 429])
    def test_what_befalls_all_is_never_skipped(
        self, folder: Path, colour: str, status: int
    ) -> None:
        """A wrong key, an empty balance or an unknown model is raised, at the first recording."""
        with Loopback([error(status)]) as server:
            loader = loading(server, folder, on_error="skip", max_retries=0, max_concurrency=1)
            with pytest.raises(APIStatusError):
                collected(loader, colour)
            assert len(server.requests) < COUNT

    @pytest.mark.parametrize("unheard", [error(500), reset(), answer(200, b"<html>")])
    def test_an_outage_is_never_skipped(
        self, folder: Path, colour: str, unheard: Behaviour
    ) -> None:
        """When the service answers none, nothing is wrong with the recordings."""
        with Loopback([unheard]) as server:
            loader = loading(server, folder, on_error="skip", max_retries=0, max_concurrency=1)
            with pytest.raises(APIError):
                collected(loader, colour)
            assert (len(loader.failures), len(server.requests)) == (2, 3)

    def test_an_outage_half_way(self, folder: Path, colour: str) -> None:
        """It is told even if the first recordings were answered, before the rest is skipped."""
        with Loopback([hears(), *[error(503)] * COUNT]) as server:
            loader = loading(server, folder, on_error="skip", max_retries=0, max_concurrency=1)
            with pytest.raises(ServerError):
                collected(loader, colour)
            assert len(server.requests) == 4

    def test_the_only_recording_is_not_answered(self, folder: Path, colour: str) -> None:
        """One that is the only one is all of them."""
        with Loopback([error(503)]) as server:
            loader = loading(server, folder / "meeting0.wav", on_error="skip", max_retries=0)
            with pytest.raises(ServerError):
                collected(loader, colour)

    def test_recordings_that_the_service_cannot_bear(self, folder: Path, colour: str) -> None:
        """Two that are never answered are skipped, as long as others are."""
        with Loopback([error(500), error(500), hears()]) as server:
            loader = loading(server, folder, on_error="skip", max_retries=0, max_concurrency=1)
            assert len(collected(loader, colour)) == COUNT - 2
        assert [type(failure.error) for failure in loader.failures] == [ServerError] * 2

    def test_a_missing_folder_is_no_recording_to_skip(self, server: Loopback, colour: str) -> None:
        """A folder that is not there is an error of its own, whatever is to be skipped."""
        with pytest.raises(RecordingError, match="There is no file or folder"):
            collected(loading(server, "nowhere", on_error="skip"), colour)


class TestSettings:
    """What cannot be is refused before anything is read or sent."""

    def test_no_key(self, folder: Path) -> None:
        """Without a key it is said at once."""
        with pytest.raises(ConfigurationError, match="There is no API key"):
            ApertisAudioLoader(folder)

    @pytest.mark.parametrize(
        ("places", "sentence"),
        [
            ("", r"A path is empty; the current folder is '\.'\."),
            (["a.wav", ""], r"A path is empty; the current folder is '\.'\."),
            (None, r"A path .* os\.PathLike, not NoneType\."),
            (b"sound", r"A path .* os\.PathLike, not bytes\."),
        ],
    )
    def test_no_place(self, places: Any, sentence: str) -> None:
        """What names no file and no folder is refused at once, and never read as another."""
        with pytest.raises(ConfigurationError, match=sentence):
            ApertisAudioLoader(places, api_key="sk-x")

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
    def test_wrong_values(self, folder: Path, wrong: dict[str, Any]) -> None:
        """A value that cannot be is refused at once."""
        with pytest.raises(ConfigurationError):
            ApertisAudioLoader(folder, **{"api_key": "sk-x", **wrong})

    def test_misspelt(self, folder: Path) -> None:
        """An argument that there is not is refused."""
        misspelt: Any = {"modle": "whisper-1"}
        with pytest.raises(TypeError, match="modle"):
            ApertisAudioLoader(folder, **misspelt)

    def test_client_and_settings(self, server: Loopback, folder: Path) -> None:
        """A client has settings of its own."""
        with (
            server.client() as client,
            pytest.raises(ConfigurationError, match="its own timeout"),
        ):
            ApertisAudioLoader(folder, client=client, timeout=1.0)

    def test_blob_loaders_find_by_themselves(self, server: Loopback, folder: Path) -> None:
        """What to find in folders says nothing to a blob loader."""
        with pytest.raises(ConfigurationError, match="blob loader has its own"):
            loading(server, RecordingBlobLoader(folder), glob="*.wav")

    def test_the_key_is_never_shown(self, server: Loopback, folder: Path) -> None:
        """No printout of a loader or what it is made of has the key."""
        loader = loading(server, folder, api_key="sk-never-shown")
        parser = loader._parser
        shown = f"{loader!r} {vars(loader)} {vars(parser)} {vars(parser._borrowed)}"
        assert "sk-never-shown" not in shown

    def test_a_client_cannot_be_pickled(self, server: Loopback, folder: Path) -> None:
        """A loader with a client of the caller's says why it cannot go to another process."""
        with (
            server.client() as client,
            pytest.raises(ConfigurationError, match="pass its settings instead"),
        ):
            pickle.dumps(ApertisAudioLoader(folder, client=client))
