"""Several languages, and the spelling of keywords, as each model accepts them."""

import re
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import ConfigurationError, UnsupportedError
from apertis_audio_tools.langchain import ApertisAudioParser
from apertis_audio_tools.llama_index import ApertisAudioReader
from apertis_audio_tools.sandbox import Sandbox
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json
from support.sync_async import Run
from support.tiny_recordings import tiny_recording

CLIP = Path(__file__).parents[1] / "clips" / "clip.wav"
TEXT = respond_json({"text": "hello"})
_FIELD = re.compile(rb'name="([\w\[\]]+)"\r\n\r\n(.*?)\r\n')


def sent_fields(server: LoopbackServer) -> list[tuple[str, str]]:
    """Return the fields about language and terms of the last request."""
    found = _FIELD.findall(server.requests[-1].body)
    return [
        (name.decode(), value.decode())
        for name, value in found
        if name not in {b"model", b"response_format"}
    ]


@pytest.mark.parametrize("verb", ["transcribe", "transcribe_many"])
@pytest.mark.parametrize(
    ("model", "options", "fields"),
    [
        ("gpt-transcribe", {"language": "de"}, [("languages[]", "de")]),
        (
            "gpt-transcribe",
            {"languages": ["de", "en"], "keywords": ["Zoë", "a b"], "prompt": "Talk."},
            [
                ("languages[]", "de"),
                ("languages[]", "en"),
                ("prompt", "Talk."),
                ("keywords[]", "Zoë"),
                ("keywords[]", "a b"),
            ],
        ),
        (
            "whisper-1",
            {"languages": ["de"], "keywords": ["Zoë", "a b"], "prompt": "Talk."},
            [("language", "de"), ("prompt", "Talk. Zoë, a b")],
        ),
        ("whisper-1", {"keywords": ("Zoë",)}, [("prompt", "Zoë")]),
        (
            "whisper-1",
            {"language": "de", "prompt": "Talk."},
            [("language", "de"), ("prompt", "Talk.")],
        ),
        (
            "parrot",
            {"languages": ["de", "en"], "keywords": ["Zoë"]},
            [("languages[]", "de"), ("languages[]", "en"), ("prompt", "Zoë")],
        ),
    ],
)
def test_fields(
    run: Run, verb: str, model: str, options: dict[str, Any], fields: list[tuple[str, str]]
) -> None:
    """Models that have several languages and keywords get them; others what comes closest."""
    source = tiny_recording("a")
    with LoopbackServer([TEXT]) as server, server.client() as audio:
        run(audio, verb, source if verb == "transcribe" else [source], model=model, **options)
        assert sent_fields(server) == fields


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"languages": ["de", "en"], "model": "whisper-1"}, "one language.*gpt-transcribe accepts"),
        ({"languages": ["german"]}, "ISO 639-1"),
        ({"languages": ["de\n"]}, "ISO 639-1"),
        ({"languages": [None]}, "ISO 639-1"),
        ({"languages": "de"}, "a list of texts"),
        ({"languages": ["de"], "language": "de"}, "not both"),
        ({"keywords": "Zoë"}, "a list of texts"),
        ({"keywords": [""]}, "in one line"),
        ({"keywords": ["a\nb"]}, "in one line"),
        ({"keywords": ["a\rb"]}, "in one line"),
        ({"keywords": ["a\u2028b"]}, "in one line"),
        ({"keywords": ["a\x00"]}, "in one line"),
        ({"keywords": [7]}, "in one line"),
        ({"keywords": ["<b"]}, "< or >"),
        ({"keywords": ["b>"]}, "< or >"),
    ],
)
def test_refused(run: Run, options: dict[str, Any], message: str) -> None:
    """Languages and keywords that the service would refuse are refused before anything is sent."""
    with LoopbackServer([TEXT]) as server, server.client() as audio:
        with pytest.raises(UnsupportedError, match=message):
            run(audio, "transcribe", tiny_recording("a"), **options)
        assert not server.requests


@pytest.mark.model_list
def test_chosen_model(run: Run) -> None:
    """For several languages, a model that accepts them is chosen; the sandbox checks the fields."""
    from apertis_audio_tools import ApertisAudio

    with Sandbox(recogniser="beacon") as url, ApertisAudio("sk-anybody", base_url=url) as audio:
        options = {"languages": ["de", "en"], "keywords": ["Zoë"]}
        assert run(audio, "transcribe", CLIP, **options).model == "gpt-transcribe"


def test_adapters() -> None:
    """Parser and reader accept both."""
    options: dict[str, Any] = {"languages": ["de"], "keywords": ["Zoë"], "api_key": "key-of-a-test"}
    ApertisAudioParser(**options)
    reader = ApertisAudioReader(**options)
    assert (reader.languages, reader.keywords) == (["de"], ["Zoë"])
    with pytest.raises(ConfigurationError, match="only for transcribing"):
        ApertisAudioParser(**options, task="translate")


@pytest.mark.parametrize("agent", ["Mozilla/5.0 (compatible)", "mine/1"])
def test_user_agent(run: Run, agent: str) -> None:
    """The User-Agent is that of the caller."""
    with LoopbackServer([TEXT]) as server, server.client(user_agent=agent) as audio:
        run(audio, "transcribe", tiny_recording("a"))
        assert server.requests[0].headers["user-agent"] == agent


@pytest.mark.parametrize("agent", ["a\r\nX: 1", "a\nb", "", " ", "Zoë", 7])
def test_invalid_user_agent(agent: Any) -> None:
    """A User-Agent that no header can have is refused."""
    with LoopbackServer([TEXT]) as server, pytest.raises(ConfigurationError, match="user_agent"):
        server.client(user_agent=agent)
