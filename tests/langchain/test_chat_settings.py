"""The settings of the chat model: accepted, refused, shown and serialized."""

import copy
import doctest
import inspect
import json
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.load import dumpd, dumps, load
from langchain_core.rate_limiters import BaseRateLimiter
from pydantic import ValidationError

from apertis_audio_tools import (
    ApertisAudio,
    AuthenticationError,
    ConfigurationError,
    FileAccess,
    UnsupportedError,
)
from apertis_audio_tools.langchain import ChatApertisAudio
from support.fake_clock import IGNORE_RETIREMENT
from support.langchain_chat import Ask
from support.loopback_server import Exchange, LoopbackServer
from support.scripted_responses import respond_error, respond_json
from support.timeouts import TIMEOUT

CLIPS = Path(__file__).parents[1] / "clips"
SECRET = "sk-very-secret"


def test_settings_reach_the_service() -> None:
    """Every setting is sent, and arguments of a call override those of the model."""
    reply = {"choices": [{"message": {"content": "Hi."}}]}
    with LoopbackServer([respond_json(reply)]) as server, server.client() as client:
        model = ChatApertisAudio(
            model="m-1",
            temperature=0.5,
            top_p=0.25,
            max_tokens=7,
            stop=["x"],
            seed=3,
            model_kwargs={"user": "me"},
            client=client,
        )
        model.invoke("Hello?")
        model.invoke("Hello?", temperature=0, stop=["y"], model_kwargs={"user": "you"})
        first, second = [json.loads(request.body) for request in server.requests]
    own = {"temperature": 0.5, "top_p": 0.25, "max_tokens": 7, "stop": ["x"], "seed": 3}
    messages = [{"role": "user", "content": "Hello?"}]
    assert first == {"model": "m-1", "messages": messages, "user": "me", **own}
    assert second == {**first, "temperature": 0, "stop": ["y"], "user": "you"}


def test_aliases() -> None:
    """Names that other integrations use for a setting are accepted."""
    names: dict[str, Any] = {
        "model_name": "m-1",
        "stop_sequences": ["x"],
        "max_completion_tokens": 7,
        "request_timeout": 5,
    }
    model = ChatApertisAudio(api_key=SECRET, **names)
    assert (model.model, model.model_name, model.stop) == ("m-1", "m-1", ["x"])
    assert (model.max_tokens, model.timeout) == (7, 5)


@pytest.mark.parametrize("options", [{"temprature": 0.5}, {"api_kye": SECRET}, {"n": 2}])
def test_misspelt_settings(options: dict[str, Any]) -> None:
    """An unknown setting is refused, without showing its value."""
    with pytest.raises(ValidationError, match="Extra inputs are not permitted") as caught:
        ChatApertisAudio(**{"api_key": SECRET, **options})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "There is no API key"),
        ({"api_key": "two words"}, "characters that no key has"),
        ({"api_key": "sk-example", "base_url": "ftp://x"}, "base_url must look like"),
        ({"api_key": "sk-example", "timeout": 0}, "timeout is 0"),
        ({"api_key": "sk-example", "deadline": -1}, "deadline is -1"),
        ({"api_key": "sk-example", "max_retries": -1}, "max_retries is -1"),
    ],
)
def test_invalid_settings(options: dict[str, Any], sentence: str) -> None:
    """An invalid setting is refused when the model is made."""
    with pytest.raises(ConfigurationError, match=sentence):
        ChatApertisAudio(**options)


def test_versions_in_traces() -> None:
    """Traces of the model carry the versions that LangChain records for every model."""
    other = FakeListChatModel(responses=["Hi."])
    assert ChatApertisAudio(api_key=SECRET).metadata == other.metadata


def test_client_and_settings() -> None:
    """Settings next to a shared client are refused."""
    with (
        ApertisAudio("sk-client") as client,
        pytest.raises(ConfigurationError, match="its own timeout"),
    ):
        ChatApertisAudio(client=client, timeout=5)


def test_a_shared_client_stays_open(sandbox_url: str, ask: Ask) -> None:
    """A shared client outlives the models that used it."""
    with ApertisAudio("sk-shared", base_url=sandbox_url) as client:
        for _ in range(2):
            assert ask(ChatApertisAudio(client=client), "Hello?").text


def test_copies_outlive_the_original(sandbox_url: str) -> None:
    """A client of the model's own stays open until the last copy is gone."""
    model = ChatApertisAudio(api_key="sk-own-key", base_url=sandbox_url)
    model.invoke("Hello?")
    copies = [
        model.model_copy(update={"temperature": 0.5}),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ]
    del model
    assert all(each.invoke("Hello?").text for each in copies)


def test_threads() -> None:
    """Two threads that use a new model at once share one client, which stays open."""
    both = threading.Barrier(2)

    def wait(exchange: Exchange) -> None:
        both.wait(TIMEOUT)
        respond_json({"choices": [{"message": {"content": "Hi."}}]})(exchange)

    with LoopbackServer([wait]) as server:
        model = ChatApertisAudio(api_key=SECRET, base_url=server.url)
        replies = model.batch(["Hello?", "Hello?"])
        del model
    assert [reply.text for reply in replies] == ["Hi.", "Hi."]


def test_the_example(sandbox_url: str, tmp_path: Path) -> None:
    """The example in the docstring of the class runs as it stands."""
    (tmp_path / "meeting.m4a").write_bytes((CLIPS / "clip.m4a").read_bytes())
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(ChatApertisAudio) or "")
    code = "".join(example.source for example in examples)
    settings = {"APERTIS_API_KEY": "sk-reader", "APERTIS_BASE_URL": sandbox_url}
    run = subprocess.run(
        [sys.executable, "-W", "error", *IGNORE_RETIREMENT, "-c", code],
        cwd=tmp_path,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert "tomorrow" in run.stdout


@pytest.mark.parametrize("name", ["temprature", "speech", "n"])
def test_unknown_arguments_of_a_call(name: str) -> None:
    """An unknown argument is refused, and the error names the place for further fields."""
    options: dict[str, Any] = {name: 1}
    with pytest.raises(UnsupportedError, match=f"no argument '{name}'.*model_kwargs"):
        ChatApertisAudio(api_key=SECRET).invoke("Hello?", **options)


def test_secrets_stay_secret() -> None:
    """The key and the folders are in no representation, trace parameter or serialization."""
    model = ChatApertisAudio(api_key=SECRET, file_access=FileAccess("/tmp"), voice="nova")
    for shown in (
        repr(model),
        str(model),
        dumps(model),
        str(model._identifying_params),
        repr(dumpd(model)),
    ):
        assert SECRET not in shown
        assert "/tmp" not in shown
    assert model._get_ls_params() == {
        "ls_provider": "apertis",
        "ls_model_name": "auto",
        "ls_model_type": "chat",
    }


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
def test_serialization(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings can be serialized and loaded; the key then comes from the environment."""
    model = ChatApertisAudio(
        api_key=SECRET, temperature=0.0, stop=["x"], modalities=["text"], timeout=5
    )
    monkeypatch.setenv("APERTIS_API_KEY", "sk-other")
    again = load(
        json.loads(dumps(model)),
        allowed_objects=[ChatApertisAudio],
        valid_namespaces=["apertis_audio_tools"],
        secrets_from_env=True,
    )
    assert again._identifying_params == model._identifying_params
    assert (again.timeout, again.stop) == (5, ["x"])
    assert again.api_key.get_secret_value() == "sk-other"


def test_tracing_parameters() -> None:
    """Tracing parameters of a call are the call's own."""
    model = ChatApertisAudio(api_key=SECRET, temperature=0.5, max_tokens=7, stop="x")
    params = model._get_ls_params(stop=["y"], model="m-2", temperature=0.0)
    assert (params["ls_model_name"], params["ls_temperature"]) == ("m-2", 0.0)
    assert (params["ls_max_tokens"], params["ls_stop"]) == (7, ["y"])


def test_profile() -> None:
    """A known model has a profile; an unknown one has none."""
    profile = ChatApertisAudio(api_key=SECRET).profile
    assert profile is not None
    assert profile["audio_inputs"]
    assert profile["audio_outputs"]
    assert profile["tool_calling"]
    assert not profile["structured_output"]  # so that agents use a tool
    assert not profile["image_inputs"]
    assert ChatApertisAudio(api_key=SECRET, model="m-1").profile is None


class CountingLimiter(BaseRateLimiter):
    """Rate limiter without a limit that counts requests."""

    passed = 0

    def acquire(self, *, blocking: bool = True) -> bool:
        """Count the request."""
        self.passed += blocking
        return True

    async def aacquire(self, *, blocking: bool = True) -> bool:
        """Async version of `acquire`."""
        return self.acquire(blocking=blocking)


def test_rate_limiter(sandbox_url: str, ask: Ask) -> None:
    """A rate limiter is acquired before each request."""
    limiter = CountingLimiter()
    ask(ChatApertisAudio(api_key="sk-limit", base_url=sandbox_url, rate_limiter=limiter), "Hello?")
    assert limiter.passed == 1


def test_errors_stay_typed(ask: Ask) -> None:
    """A refusal of the service is the same error as from the client itself."""
    with (
        LoopbackServer([respond_error(401, "invalid_api_key")]) as server,
        server.client() as client,
        pytest.raises(AuthenticationError) as caught,
    ):
        ask(ChatApertisAudio(client=client), "Hello?")
    assert caught.value.code == "invalid_api_key"


SPOKEN = {"voice": "nova", "format": "mp3"}


@pytest.mark.parametrize(
    ("settings", "arguments"),
    [
        ({"audio": SPOKEN}, {}),
        ({"audio": SPOKEN, "modalities": ["text", "audio"]}, {}),
        ({"model_kwargs": {"modalities": ["text", "audio"], "audio": SPOKEN}}, {}),
        ({}, {"audio": SPOKEN}),
        ({"voice": "alloy", "audio_format": "wav"}, {"audio": SPOKEN}),
        ({"audio": {"voice": "alloy", "format": "wav"}}, {"voice": "nova", "audio_format": "mp3"}),
        ({}, {"model_kwargs": {"audio": SPOKEN}}),
    ],
)
def test_audio_of_the_reference(settings: Any, arguments: Any) -> None:
    """Voice and format are taken as the API reference writes them, wherever they stand."""
    with LoopbackServer([respond_json({"choices": [{"message": {"content": "Hi."}}]})]) as server:
        model = ChatApertisAudio(api_key=SECRET, base_url=server.url, **settings)
        model.bind(**arguments).invoke("Hello?")
        body = json.loads(server.requests[0].body)
    assert (body["audio"], body["modalities"]) == (SPOKEN, ["text", "audio"])


@pytest.mark.parametrize(
    "settings", [{"audio": {"voice": "nova", "speed": 2}}, {"model_kwargs": {"audio": "nova"}}]
)
def test_invalid_audio(settings: Any) -> None:
    """Other fields of ``audio`` are refused."""
    with pytest.raises(UnsupportedError, match="audio"):
        ChatApertisAudio(api_key=SECRET, **settings).invoke("Hello?")
