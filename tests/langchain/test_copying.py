"""What has a client is copied, made anew by LangChain, and sent to other processes."""

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
    SpeakText,
    TranscribeAudio,
    TranslateAudio,
)
from apertis_audio_tools.langchain.parser import ParserOptions
from apertis_audio_tools.models import MODELS
from support.langchain_chat import Ask
from support.loopback import Loopback
from support.scripted_responses import json_answer

CLIPS = Path(__file__).parents[1] / "clips"
TOOLS = [TranscribeAudio, TranslateAudio, AskAboutAudio, SpeakText]
WAYS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "model_copy": lambda held: held.model_copy(deep=True),
}


@pytest.fixture
def client(sandbox_url: str) -> Iterator[ApertisAudio]:
    with ApertisAudio("sk-shared", base_url=sandbox_url) as client:
        yield client


@pytest.fixture
def settings(sandbox_url: str) -> dict[str, Any]:
    return {"api_key": "sk-own", "base_url": sandbox_url}


@pytest.fixture
def access(tmp_path: Path) -> FileAccess:
    return FileAccess(CLIPS, output=tmp_path / "out")


@pytest.fixture(params=["neither", "both"])
def _environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without settings in the environment."""
    if request.param == "both":
        monkeypatch.setenv("APERTIS_API_KEY", "sk-of-the-environment")
        monkeypatch.setenv("APERTIS_BASE_URL", "http://127.0.0.1:9/v1")


@pytest.mark.usefixtures("_environment")
class TestConfiguring:
    """Objects are made anew of all their fields when one of them is configured."""

    def test_model(self, client: ApertisAudio, invoke: Ask) -> None:
        """A model on a client is still on that client."""
        field = ConfigurableField(id="t")
        model = ChatApertisAudio(client=client).configurable_fields(temperature=field)
        configured = model.with_config(configurable={"t": 0.5})
        assert "Hello" in invoke(configured, "Hello?").text

    def test_tool(self, client: ApertisAudio, access: FileAccess) -> None:
        """So is a tool."""
        field = ConfigurableField(id="v")
        tool = SpeakText(client=client, access=access).configurable_fields(voice=field)
        assert "Spoken" in tool.with_config(configurable={"v": "nova"}).invoke({"text": "Hi."})

    @pytest.mark.parametrize("name", ["api_key", "base_url"])
    def test_given_all_the_same(self, client: ApertisAudio, name: str) -> None:
        """A setting next to a client is refused, also one the environment would give."""
        given: Any = {name: "http://127.0.0.1:9/v1"}
        with pytest.raises(ConfigurationError, match=f"its own {name}"):
            ChatApertisAudio(client=client, **given)


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
        """A copy of a tool has its client, whether that is a shared one or its own."""
        tool = kind(access=access, **({"client": client} if is_shared else settings))
        copied = WAYS[way](tool)
        assert copied is not tool
        assert copied._audio is tool._audio

    def test_a_copied_tool_at_work(self, settings: dict[str, Any], access: FileAccess) -> None:
        """Copied, sent elsewhere or set otherwise, a tool does what it is set to."""
        tool = SpeakText(access=access, **settings)
        copied = [tool.model_copy(update={"audio_format": "wav"}), pickle.loads(pickle.dumps(tool))]
        said = [each.invoke({"text": "Hi."}) for each in (*copied, tool)]
        assert ["audio/wav" in each for each in said] == [True, False, False]
        assert all("Spoken" in each for each in said)

    @pytest.mark.parametrize("way", WAYS)
    def test_what_was_heard(self, access: FileAccess, way: str) -> None:
        """A copy reads on in what the tool has heard; with another model it hears for itself."""
        with Loopback([json_answer({"text": "Hello."})]) as server:
            tool = TranscribeAudio(access=access, api_key="sk-own", base_url=server.url)
            others = [WAYS[way](tool), tool.model_copy(update={"model": "gpt-4o-transcribe"})]
            said = [each.invoke("clip.ogg") for each in (tool, *others, tool)]
            assert said == ["[00:00:00] Hello."] * 4
            assert len(server.requests) == 2

    def test_a_toolkit_set_otherwise(
        self, client: ApertisAudio, access: FileAccess, tmp_path: Path
    ) -> None:
        """A copy with other folders has the tools of those, and reads in no others."""
        toolkit = ApertisAudioToolkit(client=client, access=access)
        copied = toolkit.model_copy(update={"access": FileAccess(tmp_path)})
        assert len(copied.get_tools()) == len(TOOLS) - 1
        assert "There is no file" in copied.get_tools()[0].invoke("clip.ogg")

    @pytest.mark.parametrize("way", WAYS)
    def test_models_and_toolkits(self, client: ApertisAudio, access: FileAccess, way: str) -> None:
        """Models and toolkits can be copied as well."""
        assert "Hello" in WAYS[way](ChatApertisAudio(client=client)).invoke("Hello?").text
        toolkit = ApertisAudioToolkit(client=client, access=access)
        assert len(WAYS[way](toolkit).get_tools()) == len(TOOLS)

    def test_what_cannot_travel(self, client: ApertisAudio, access: FileAccess) -> None:
        """A client stays in its process, which one sentence says."""
        held = [
            ChatApertisAudio(client=client),
            ApertisAudioToolkit(client=client, access=access),
            *(kind(client=client, access=access) for kind in TOOLS),
        ]
        for each in held:
            with pytest.raises(ConfigurationError, match="cannot be sent to another process"):
                pickle.dumps(each)


class TestClientSettings:
    """Every adapter takes all settings of a client."""

    @pytest.mark.parametrize("kind", [ChatApertisAudio, ApertisAudioToolkit, *TOOLS])
    def test_names(self, kind: type[Any]) -> None:
        """There is a field for each; a chat's cache is LangChain's own, and has another meaning."""
        assert ClientOptions.__annotations__.keys() <= kind.model_fields.keys()
        assert ClientOptions.__annotations__.keys() <= ParserOptions.__annotations__.keys()

    def test_a_cache_of_replies_is_no_setting(self, client: ApertisAudio) -> None:
        """A model on a client may have a cache."""
        assert ChatApertisAudio(client=client, cache=False).cache is False

    @pytest.mark.parametrize(
        "impossible", [{"max_wait": 0}, {"max_concurrency": 0}, {"requests_per_minute": 0}]
    )
    def test_they_arrive(
        self, settings: dict[str, Any], access: FileAccess, impossible: dict[str, Any]
    ) -> None:
        """They are the client's to judge."""
        for kind in (ChatApertisAudio, SpeakText):
            given: dict[str, Any] = {"access": access} if kind is SpeakText else {}
            with pytest.raises(ConfigurationError, match=next(iter(impossible))):
                kind(**given, **settings, **impossible)

    def test_a_table_of_models(self, settings: dict[str, Any]) -> None:
        """What models can do may be told, travels along, and is not written down."""
        table = {"my-chat": MODELS["gpt-4o-audio-preview"]}
        model = ChatApertisAudio(models=table, **settings)
        assert pickle.loads(pickle.dumps(model)).models == table
        assert "models" not in model.model_dump()
        assert ChatApertisAudio(models=MODELS, **settings).model_copy(deep=True).models == MODELS
        no_table: Any = "my-chat"
        with pytest.raises(ValueError, match="models must be a mapping"):
            ChatApertisAudio(models=no_table, **settings)
