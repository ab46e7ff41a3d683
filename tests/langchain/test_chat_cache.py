"""LangChain's cache of replies matches equal requests only."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_core.messages import HumanMessage

from apertis_audio_tools import FileAccess
from apertis_audio_tools.langchain import ChatApertisAudio
from support.langchain_chat import Ask
from support.loopback_server import Behaviour, LoopbackServer
from support.scripted_responses import respond_json

CLIPS = Path(__file__).parents[1] / "clips"
ABOUT_A_FILE = [HumanMessage([{"type": "audio", "path": "note.wav"}])]


def replies_with(words: str) -> Behaviour:
    return respond_json({"choices": [{"message": {"content": words}}]})


@pytest.fixture(autouse=True)
def _cached() -> Iterator[None]:
    """Set a global cache, as a program does once for all of its models."""
    set_llm_cache(InMemoryCache())
    yield
    set_llm_cache(None)


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """Yield a server that gives another reply every time."""
    with LoopbackServer([replies_with(str(number)) for number in range(9)]) as server:
        yield server


def note(folder: Path, suffix: str) -> FileAccess:
    """Return the access to a new folder with a note."""
    folder.mkdir(exist_ok=True)
    shutil.copy(CLIPS / f"clip.{suffix}", folder / "note.wav")
    return FileAccess(folder)


def test_equal_requests(server: LoopbackServer, invoke: Ask) -> None:
    """An equal request is answered from the cache."""
    models = [ChatApertisAudio(api_key="key-of-a-test", base_url=server.url) for _ in range(2)]
    assert [invoke(model, "Hello?").text for model in models] == ["0", "0"]


def test_other_settings(server: LoopbackServer, invoke: Ask) -> None:
    """A copy with another setting has replies of its own."""
    model = ChatApertisAudio(api_key="key-of-a-test", base_url=server.url)
    models = [model, model.model_copy(update={"temperature": 0.5})]
    assert [invoke(each, "Hello?").text for each in models] == ["0", "1"]


@pytest.mark.parametrize("how", ["client", "settings", "environment"])
def test_other_servers(how: str, invoke: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replies of one server are not used for another, however it was configured."""

    def reply_of(server: LoopbackServer) -> str:
        with server.client() as client:
            if how == "environment":
                monkeypatch.setenv("APERTIS_BASE_URL", server.url)
            settings: dict[str, dict[str, Any]] = {
                "client": {"client": client},
                "settings": {"api_key": "key-of-a-test", "base_url": server.url},
                "environment": {"api_key": "key-of-a-test"},
            }
            return str(invoke(ChatApertisAudio(**settings[how]), "Hello?").text)

    with (
        LoopbackServer([replies_with("one")]) as one,
        LoopbackServer([replies_with("other")]) as other,
    ):
        assert [reply_of(one), reply_of(other), reply_of(one)] == ["one", "other", "one"]
        assert (len(one.requests), len(other.requests)) == (1, 1)


def test_files(server: LoopbackServer, invoke: Ask, tmp_path: Path) -> None:
    """Requests with files are not cached: a file may have changed since."""
    settings: dict[str, Any] = {"api_key": "key-of-a-test", "base_url": server.url}
    for folder, suffix in (("ada", "wav"), ("bob", "mp3"), ("ada", "flac")):
        access = note(tmp_path / folder, suffix)
        invoke(ChatApertisAudio(file_access=access, **settings), ABOUT_A_FILE)
    assert len({request.sha256 for request in server.requests}) == 3


def test_files_of_a_copy(server: LoopbackServer, invoke: Ask, tmp_path: Path) -> None:
    """Requests with files are not cached by a model that was copied with a file access."""
    settings: dict[str, Any] = {"api_key": "key-of-a-test", "base_url": server.url}
    original = ChatApertisAudio(**settings)
    for suffix in ("wav", "mp3"):
        model = original.model_copy(update={"file_access": note(tmp_path, suffix)})
        invoke(model, ABOUT_A_FILE)
    assert len({request.sha256 for request in server.requests}) == 2


def test_files_on_request(server: LoopbackServer, invoke: Ask, tmp_path: Path) -> None:
    """With an explicit cache, requests with files are cached per folder."""
    ada, bob = note(tmp_path / "ada", "wav"), note(tmp_path / "bob", "mp3")
    cases: list[tuple[FileAccess, Any]] = [(ada, True), (bob, True), (ada, True)]
    with server.client() as client:
        replies = [
            invoke(
                ChatApertisAudio(file_access=access, cache=cache, client=client), ABOUT_A_FILE
            ).text
            for access, cache in [*cases, (ada, InMemoryCache())]
        ]
    assert replies == ["0", "1", "0", "2"]
