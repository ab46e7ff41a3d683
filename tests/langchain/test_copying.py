"""Objects with a client can be copied, configured by LangChain, and pickled."""

import copy
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import ConfigurableField

from apertis_audio_tools import ApertisAudio, ConfigurationError, FileAccess
from apertis_audio_tools.adapters.client_handle import ClientOptions
from apertis_audio_tools.langchain import (
    ApertisAudioToolkit,
    AskAboutAudio,
    ChatApertisAudio,
    ListRecordings,
    SpeakText,
    TranscribeAudio,
    TranslateAudio,
)
from apertis_audio_tools.langchain.parser import ParserOptions
from apertis_audio_tools.models import MODELS
from support.langchain_chat import Ask
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json

CLIPS = Path(__file__).parents[1] / "clips"
TOOLS = [TranscribeAudio, TranslateAudio, AskAboutAudio, SpeakText, ListRecordings]
WAYS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "model_copy": lambda each: each.model_copy(deep=True),
}


@pytest.fixture
def client(sandbox_url: str) -> Iterator[ApertisAudio]:
    with ApertisAudio("sk-shared", base_url=sandbox_url) as client:
        yield client


@pytest.fixture
def settings(sandbox_url: str) -> dict[str, Any]:
    return {"api_key": "sk-own-key", "base_url": sandbox_url}


@pytest.fixture
def access(tmp_path: Path) -> FileAccess:
    return FileAccess(CLIPS, output=tmp_path / "out")


@pytest.fixture(params=["neither", "both"])
def _environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with and without settings in the environment."""
    if request.param == "both":
        monkeypatch.setenv("APERTIS_API_KEY", "sk-environment")
        monkeypatch.setenv("APERTIS_BASE_URL", "http://127.0.0.1:9/v1")


@pytest.mark.usefixtures("_environment")
class TestConfiguring:
    """LangChain makes an object from all its fields when one of them is configured."""

    def test_chat_model(self, client: ApertisAudio, invoke: Ask) -> None:
        """A configured model keeps its shared client."""
        field = ConfigurableField(id="t")
        model = ChatApertisAudio(client=client).configurable_fields(temperature=field)
        configured = model.with_config(configurable={"t": 0.5})
        assert "Hello" in invoke(configured, "Hello?").text

    def test_tool(self, client: ApertisAudio, access: FileAccess) -> None:
        """A configured tool keeps its shared client."""
        field = ConfigurableField(id="v")
        tool = SpeakText(client=client, access=access).configurable_fields(voice=field)
        assert "Spoken" in tool.with_config(configurable={"v": "nova"}).invoke({"text": "Hi."})

    @pytest.mark.parametrize("name", ["api_key", "base_url"])
    def test_settings_next_to_a_client(self, client: ApertisAudio, name: str) -> None:
        """A setting next to a client is refused, also one that the environment has."""
        setting: Any = {name: "http://127.0.0.1:9/v1"}
        with pytest.raises(ConfigurationError, match=f"its own {name}"):
            ChatApertisAudio(client=client, **setting)


class TestCopies:
    """Copies work, and share the client."""

    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("kind", TOOLS)
    @pytest.mark.parametrize("is_shared", [True, False])
    def test_tools(
        self,
        client: ApertisAudio,
        settings: dict[str, Any],
        access: FileAccess,
        kind: type,
        way: str,
        *,
        is_shared: bool,
    ) -> None:
        """A copy of a tool has the client of the tool, shared or its own."""
        tool = kind(access=access, **({"client": client} if is_shared else settings))
        copied = WAYS[way](tool)
        assert copied is not tool
        assert copied._lazy_client.client is tool._lazy_client.client

    def test_copies_with_other_settings(self, settings: dict[str, Any], access: FileAccess) -> None:
        """A tool that was copied with another setting, or pickled, follows its settings."""
        tool = SpeakText(access=access, **settings)
        copied = [tool.model_copy(update={"audio_format": "wav"}), pickle.loads(pickle.dumps(tool))]
        results = [each.invoke({"text": "Hi."}) for each in (*copied, tool)]
        assert ["audio/wav" in each for each in results] == [True, False, False]
        assert all("Spoken" in each for each in results)

    def test_copies_with_another_server(
        self, client: ApertisAudio, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A copy with other settings of the client, or another client, uses these."""
        monkeypatch.setenv("APERTIS_API_KEY", "sk-environment")
        reply = respond_json({"choices": [{"message": {"content": "Hi."}}]})
        with LoopbackServer([reply]) as server:
            model = ChatApertisAudio(base_url="http://127.0.0.1:9/v1")
            copied = model.model_copy(update={"base_url": server.url})
            assert copied.invoke("Hello?").text == "Hi."
        model = ChatApertisAudio()
        assert "Hello" in model.model_copy(update={"client": client}).invoke("Hello?").text

    @pytest.mark.parametrize("way", WAYS)
    def test_transcripts_are_shared(self, access: FileAccess, way: str) -> None:
        """A copy has the transcripts of the tool; with another model it has its own."""
        with LoopbackServer([respond_json({"text": "Hello."})]) as server:
            tool = TranscribeAudio(access=access, api_key="sk-own-key", base_url=server.url)
            copies = [WAYS[way](tool), tool.model_copy(update={"model": "gpt-4o-transcribe"})]
            results = [each.invoke("clip.ogg") for each in (tool, *copies, tool)]
            assert results == ["[00:00:00] Hello."] * 4
            assert len(server.requests) == 2

    def test_toolkit_with_other_folders(
        self, client: ApertisAudio, access: FileAccess, tmp_path: Path
    ) -> None:
        """A copy with other folders has the tools for those, and reads no others."""
        toolkit = ApertisAudioToolkit(client=client, access=access)
        copied = toolkit.model_copy(update={"access": FileAccess(tmp_path)})
        assert len(copied.get_tools()) == len(TOOLS) - 1
        assert "There is no file" in copied.get_tools()[0].invoke("clip.ogg")

    @pytest.mark.parametrize("way", WAYS)
    def test_models_and_toolkits(self, client: ApertisAudio, access: FileAccess, way: str) -> None:
        """Models and toolkits can be copied."""
        assert "Hello" in WAYS[way](ChatApertisAudio(client=client)).invoke("Hello?").text
        toolkit = ApertisAudioToolkit(client=client, access=access)
        assert len(WAYS[way](toolkit).get_tools()) == len(TOOLS)

    def test_pickling_with_a_client(self, client: ApertisAudio, access: FileAccess) -> None:
        """A shared client cannot be pickled, and the error says so."""
        objects = [
            ChatApertisAudio(client=client),
            ApertisAudioToolkit(client=client, access=access),
            *(kind(client=client, access=access) for kind in TOOLS),
        ]
        for each in objects:
            with pytest.raises(ConfigurationError, match="cannot be sent to another process"):
                pickle.dumps(each)


class TestClientSettings:
    """Every object has all settings of a client."""

    @pytest.mark.parametrize("kind", [ChatApertisAudio, ApertisAudioToolkit, *TOOLS])
    def test_names(self, kind: type[Any]) -> None:
        """There is a field for each setting; the cache of a chat model is LangChain's own."""
        assert ClientOptions.__annotations__.keys() <= kind.model_fields.keys()
        assert ClientOptions.__annotations__.keys() <= ParserOptions.__annotations__.keys()

    def test_cache_of_a_chat_model(self, client: ApertisAudio) -> None:
        """A model with a shared client may have a cache of replies."""
        assert ChatApertisAudio(client=client, cache=False).cache is False

    @pytest.mark.parametrize(
        "invalid", [{"max_wait": 0}, {"max_concurrency": 0}, {"requests_per_minute": 0}]
    )
    def test_settings_reach_the_client(
        self, settings: dict[str, Any], access: FileAccess, invalid: dict[str, Any]
    ) -> None:
        """The client validates its settings."""
        for kind in (ChatApertisAudio, SpeakText):
            folders: dict[str, Any] = {"access": access} if kind is SpeakText else {}
            with pytest.raises(ConfigurationError, match=next(iter(invalid))):
                kind(**folders, **settings, **invalid)

    def test_models(self, settings: dict[str, Any]) -> None:
        """A table of models can be passed and pickled, and is not serialized."""
        table = {"my-chat": MODELS["gpt-4o-audio-preview"]}
        model = ChatApertisAudio(models=table, **settings)
        assert pickle.loads(pickle.dumps(model)).models == table
        assert "models" not in model.model_dump()
        assert ChatApertisAudio(models=MODELS, **settings).model_copy(deep=True).models == MODELS
        no_table: Any = "my-chat"
        with pytest.raises(ValueError, match="models must be a mapping"):
            ChatApertisAudio(models=no_table, **settings)


class TestKeysOfTheEnvironment:
    """A key from the environment stays in its process; the other process has its own."""

    @pytest.mark.parametrize("kind", [ChatApertisAudio, ApertisAudioToolkit, *TOOLS])
    def test_pickles(
        self, access: FileAccess, monkeypatch: pytest.MonkeyPatch, kind: Callable[..., Any]
    ) -> None:
        """A pickle has no key, and what is made from it reads the environment anew."""
        monkeypatch.setenv("APERTIS_API_KEY", "sk-environment")
        options = {} if kind is ChatApertisAudio else {"access": access}
        made = kind(**options)
        assert made._lazy_client.client
        pickled = pickle.dumps([made, copy.deepcopy(made), kind(**dict(made))])
        assert b"sk-environment" not in pickled
        monkeypatch.delenv("APERTIS_API_KEY")
        for restored in pickle.loads(pickled):
            with pytest.raises(ConfigurationError, match="no API key"):
                assert restored._lazy_client.client
        monkeypatch.setenv("APERTIS_API_KEY", "sk-other-process")
        assert pickle.loads(pickled)[0]._lazy_client.client

    def test_keys_in_code(self) -> None:
        """A key that was passed in code travels with the pickle."""
        pickled = pickle.dumps(ChatApertisAudio(api_key="sk-passed-in-code"))
        assert b"sk-passed-in-code" in pickled
