"""Headers, proxy and certificates that the caller chooses."""

import pickle
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import ApertisAudio, ConfigurationError
from apertis_audio_tools.langchain import ApertisAudioLoader, ChatApertisAudio
from apertis_audio_tools.llama_index import ApertisAudioReader
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json
from support.sync_async import Run

KEY = "sk-connections"
MODELS = {"data": [{"id": "whisper-1"}]}


def test_headers(run: Run) -> None:
    """Further headers are sent with every request, beside the key."""
    headers = {"X-Team": "audio", "User-Agent": "our-program/1"}
    with LoopbackServer([respond_json(MODELS)]) as server:
        audio = ApertisAudio(KEY, base_url=server.url, default_headers=headers)
        run(audio, "models")
        sent = server.requests[0].headers
    assert (sent["x-team"], sent["user-agent"]) == ("audio", "our-program/1")
    assert sent["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer other"},
        {"authorization": "x"},
        {"HOST": "example.com"},
        {"Content-Length": "3"},
        {"Cookie": "a=b"},
        {"X-Team": "audio\r\nHost: example.com"},
        {"X-Team": "audio\n"},
        {"X-Team\r\n": "audio"},
        {"": "x"},
        {"X Team": "x"},
        {"X-Team": "ü"},
        {"X-Team": 7},
        {7: "x"},
    ],
)
def test_refused_headers(headers: Any) -> None:
    """Headers of the client itself, and those that would break the request, are refused."""
    with pytest.raises(ConfigurationError, match="default_headers"):
        ApertisAudio(KEY, default_headers=headers)


def test_proxy(run: Run) -> None:
    """Requests go through the given proxy, whatever the environment says."""
    with LoopbackServer([respond_json(MODELS)]) as proxy:
        address = proxy.url.removesuffix("/v1")
        audio = ApertisAudio(KEY, base_url="http://service.invalid/v1", proxy=address)
        assert run(audio, "models") == ("whisper-1",)
        assert proxy.requests[0].target == "http://service.invalid/v1/models"


@pytest.mark.parametrize("proxy", ["http://", "http://user:secret-word@:80", "::", "ftp://host"])
def test_invalid_proxy(run: Run, proxy: str) -> None:
    """A proxy that is none is refused without showing its password."""
    audio = ApertisAudio(KEY, base_url="http://service.invalid/v1", proxy=proxy)
    with pytest.raises(ConfigurationError) as raised:
        run(audio, "models")
    assert "secret-word" not in str(raised.value)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_invalid_verify(run: Run, tmp_path: Path, content: str | None) -> None:
    """A file without certificates is a sentence."""
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    audio = ApertisAudio(KEY, base_url="https://service.invalid", verify=tmp_path / "ca.pem")
    with pytest.raises(ConfigurationError, match="verify is"):
        run(audio, "models")


@pytest.mark.parametrize("component", [ChatApertisAudio, ApertisAudioLoader, ApertisAudioReader])
def test_components(component: Any, tmp_path: Path) -> None:
    """Everything that makes a client takes these settings, and pickles with them."""
    options: dict[str, Any] = {"default_headers": {"X-Team": "audio"}, "proxy": "http://p:1"}
    args = [tmp_path] if component is ApertisAudioLoader else []
    made = pickle.loads(pickle.dumps(component(*args, api_key=KEY, verify=False, **options)))
    assert "X-Team" not in repr(made)
