"""Settings come from an argument, the environment or a default, and secrets are hidden."""

import traceback
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from apertis_audio_tools import ApertisAudio, ConfigurationError
from apertis_audio_tools.client import settings

KEY = "sk-0123456789abcdef"
BAD_KEYS = [
    "sk-0123456789 abcdef",
    "sk-0123456789\nabcdef",
    "sk-0123456789\r\nX-Evil: abcdef",
    "sk-0123456789\0abcdef",
    "sk-0123456789\x7fabcdef",
    "sk-0123456789…abcdef",
    "“sk-0123456789abcdef”",
]


@pytest.mark.parametrize("given", [KEY, SecretStr(KEY), f"  {KEY}\n"])
def test_key_argument(given: str | SecretStr, monkeypatch: pytest.MonkeyPatch) -> None:
    """An argument takes precedence over the environment; surrounding space is stripped."""
    monkeypatch.setenv("APERTIS_API_KEY", "sk-of-the-environment")
    assert settings.resolve_api_key(given).get_secret_value() == KEY


def test_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument, the key is read from the environment."""
    monkeypatch.setenv("APERTIS_API_KEY", f"{KEY}\n")
    assert settings.resolve_api_key(None).get_secret_value() == KEY


@pytest.mark.parametrize("given", ["", "  ", SecretStr("")])
def test_empty_key(given: str | SecretStr, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty argument is an error, and the environment is not used instead."""
    monkeypatch.setenv("APERTIS_API_KEY", KEY)
    with pytest.raises(ConfigurationError, match="There is no API key: set APERTIS_API_KEY"):
        settings.resolve_api_key(given)


def test_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key, the message says where to set one and how to try without one."""
    with pytest.raises(ConfigurationError, match="apertis-audio sandbox"):
        ApertisAudio()
    monkeypatch.setenv("APERTIS_API_KEY", "")
    with pytest.raises(ConfigurationError, match="There is no API key"):
        ApertisAudio()


@pytest.mark.parametrize("bad", BAD_KEYS)
def test_bad_key(bad: str) -> None:
    """A key that cannot be sent in a header is refused without being shown."""
    with pytest.raises(ConfigurationError, match="too much was copied") as caught:
        settings.resolve_api_key(bad)
    assert "0123456789" not in f"{caught.value!r} {caught.value} {vars(caught.value)}"


def test_key_is_not_shown() -> None:
    """The representations of the key and of the client do not show the key."""
    audio = ApertisAudio(KEY, base_url="https://host.example/v1")
    assert KEY not in f"{settings.resolve_api_key(KEY)!r} {audio!r} {vars(audio)!r}"
    assert repr(audio) == "ApertisAudio(base_url='https://host.example/v1')"


def test_base_url_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """The base URL is the argument, else the environment's, else the service's."""
    assert settings.resolve_base_url(None) == "https://api.apertis.ai/v1"
    monkeypatch.setenv("APERTIS_BASE_URL", "http://127.0.0.1:8000/v1/")
    assert settings.resolve_base_url(None) == "http://127.0.0.1:8000/v1"
    assert settings.resolve_base_url("https://host.example") == "https://host.example"


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://host.example/v1//", "https://host.example/v1"),
        (" https://host.example/v1\n", "https://host.example/v1"),
        ("HTTPS://HOST.example", "HTTPS://HOST.example"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("https://xn--mnchen-3ya.example", "https://xn--mnchen-3ya.example"),
    ],
)
def test_base_url(given: str, used: str) -> None:
    """A base URL is stripped of slashes and space at its ends, and accepted by the client."""
    assert settings.resolve_base_url(given) == used
    ApertisAudio(KEY, base_url=given)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "  ",
        "api.apertis.ai/v1",
        "ftp://host.example",
        "file:///v1",
        "https://",
        "https:///v1",
        "https://host.example:99999/v1",
        "https://host.example:port/v1",
        "https://[::1/v1",
        "https://user:hunter2@host.example/v1",
        "https://host.example/v1?key=hunter2",
        "https://host.example/v1#hunter2",
        "https://host.example/v1\n.evil",
        "https://host .example/v1",
        "https://host.example\\v1",
        "https://\0host.example",
        "https://☃.example",
    ],
)
@pytest.mark.parametrize("origin", ["argument", "environment"])
def test_bad_base_url(bad: str, origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A base URL that is invalid is refused and not shown, as it may contain a password."""
    if origin == "environment" and "\0" not in bad:
        monkeypatch.setenv("APERTIS_BASE_URL", bad)
    with pytest.raises(ConfigurationError, match="must look like https://host/v1") as caught:
        ApertisAudio(KEY, base_url=bad if origin == "argument" or "\0" in bad else None)
    assert "hunter2" not in f"{caught.value!r} {caught.value}"
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("name", ["timeout", "deadline"])
@pytest.mark.parametrize("value", [0, -1.0, float("nan")])
def test_positive(name: str, value: float) -> None:
    """The error for a time that is not above zero names the setting."""
    with pytest.raises(
        ConfigurationError, match=f"{name} is .*; it must be a number of seconds above zero"
    ):
        ApertisAudio(KEY, **{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout", None),
        ("timeout", httpx.Timeout(5)),
        ("timeout", "30"),
        ("deadline", None),
        ("max_wait", [1]),
        ("max_retries", None),
        ("max_retries", float("inf")),
        ("max_concurrency", "8"),
        ("requests_per_minute", "8"),
        ("base_url", 5),
        ("api_key", 1234567),
        ("cache", 5),
    ],
)
def test_wrong_types(name: str, value: Any) -> None:
    """The error for a wrong type names the setting and the type or the permitted values."""
    with pytest.raises(ConfigurationError, match=f"^{name} (is|must) .*[.]$") as caught:
        ApertisAudio(**{"api_key": KEY, name: value})
    assert "1234567" not in str(caught.value)


def test_key_in_the_wrong_place() -> None:
    """A key that was passed as another setting is not shown."""
    with pytest.raises(ConfigurationError, match="timeout is of type str") as caught:
        ApertisAudio(KEY, timeout=KEY)  # type: ignore[arg-type]
    assert KEY not in str(caught.value)


def test_base_url_of_httpx() -> None:
    """A base URL may be an object whose text is a URL."""
    audio = ApertisAudio(KEY, base_url=httpx.URL("https://host.example/v1/"))  # type: ignore[arg-type]
    assert audio.base_url == "https://host.example/v1"


@pytest.mark.parametrize(
    "setting",
    [{"max_retries": -1}, {"max_retries": 1.5}, {"max_wait": 0}, {"timeout": -1}, {"deadline": 0}],
)
def test_impossible_numbers(setting: dict[str, Any]) -> None:
    """Invalid numbers of seconds or retries are refused when the client is constructed."""
    with pytest.raises(ConfigurationError, match=next(iter(setting))):
        ApertisAudio("sk-example", **setting)


@pytest.mark.parametrize("key", ["sk-0123456789 abcdef", "sk-0123456789…abcdef", ""])
def test_no_variable_shows_the_key(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of our frames shows a key, given or from the environment, when it is refused."""
    for given in (key, None):
        monkeypatch.setenv("APERTIS_API_KEY", key)
        with pytest.raises(ConfigurationError) as caught:
            ApertisAudio(given)
        frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        ours = [frame for frame in frames.stack if frame.filename != __file__]
        assert len(ours) > 1
        assert "0123456789" not in "".join(str(frame.locals) for frame in ours)
