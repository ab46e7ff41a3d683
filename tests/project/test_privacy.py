"""Where the key goes, and where it and the audio do not."""

import logging
import pickle
import traceback

import httpx
import pytest

from apertis_audio_tools import ApertisError, APIError, ConfigurationError
from support.loopback import Behaviour, Loopback
from support.scripted_responses import error, json_answer, raw, reset
from support.sync_async import Run
from support.wav_files import silence_of

MODELS = json_answer({"data": [{"id": "whisper-1"}]})
KEY = "key-of-a-test"


def test_authorization(run: Run) -> None:
    """The key travels in one header, as it is."""
    with Loopback([MODELS]) as server, server.client() as audio:
        run(audio, "models")
    (request,) = server.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert [name for name, value in request.headers.items() if KEY in value] == ["authorization"]
    assert KEY not in request.target


def test_client_does_not_show_it() -> None:
    """Neither the client nor what it is made of shows the key."""
    with Loopback([MODELS]) as server, server.client() as audio:
        audio.models()
        assert KEY not in repr(audio) + str(audio) + repr(vars(audio)) + repr(audio._batches)


@pytest.mark.parametrize("failure", [error(401, "invalid_api_key"), reset(), raw(b"?\r\n\r\n")])
def test_errors_do_not_show_it(run: Run, failure: Behaviour) -> None:
    """No form in which an error may be kept or shown has the key in it."""
    with Loopback([failure]) as server, server.client(max_retries=1) as audio:
        with pytest.raises(APIError) as caught:
            run(audio, "models")
        found = caught.value
    shown = repr(found) + str(found) + "".join(traceback.format_exception(found))
    assert KEY not in shown
    assert KEY.encode() not in pickle.dumps(found)
    assert str(pickle.loads(pickle.dumps(found))) == str(found)


def test_errors_hold_no_secrets(run: Run) -> None:
    """Tools that report errors with all variables find neither key nor request in the causes."""
    with Loopback([reset()]) as server, server.client(max_retries=0) as audio:
        with pytest.raises(APIError) as caught:
            run(audio, "transcribe", silence_of(1000))
        cause = caught.value.__cause__
        assert isinstance(cause, httpx.ReadError)
        assert "authorization" not in cause.request.headers
        while cause is not None:
            frames = [frame for frame, _ in traceback.walk_tb(cause.__traceback__)]
            assert not [frame for frame in frames if KEY in str(frame.f_locals)]
            assert not [f for f in frames if "httpcore" in f.f_code.co_filename and f.f_locals]
            cause = cause.__cause__


@pytest.mark.parametrize("first", [error(503), reset(), MODELS])
def test_logs(run: Run, caplog: pytest.LogCaptureFixture, first: Behaviour) -> None:
    """The most talkative logs tell of requests, and neither of the key nor of what was said."""
    for name in ("apertis_audio_tools", "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)
    transcript = json_answer({"text": "what was heard"})
    with Loopback([first, transcript]) as server, server.client() as audio:
        run(audio, "models") if first is MODELS else None
        run(audio, "transcribe", silence_of(1000), prompt="what is told")
    assert "/v1/audio/transcriptions" in caplog.text
    assert KEY not in caplog.text
    assert "what was heard" not in caplog.text
    assert "what is told" not in caplog.text


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_proxy(run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The proxy of the environment is used, with or without a scheme."""
    with Loopback([MODELS]) as proxy, Loopback([MODELS]) as second:
        for found, address in [(proxy, f"http://{proxy.address}"), (second, second.address)]:
            monkeypatch.setenv(name, address)
            with found.client(base_url="http://service.invalid/v1") as audio:
                assert run(audio, "models") == ("whisper-1",)
            assert found.requests[0].target == "http://service.invalid/v1/models"


@pytest.mark.parametrize("exempt", ["127.0.0.1", "{address}", "*", "example.org, 127.0.0.1"])
def test_no_proxy(run: Run, monkeypatch: pytest.MonkeyPatch, exempt: str) -> None:
    """Hosts that the environment exempts are asked directly."""
    with Loopback([MODELS]) as server, Loopback([MODELS]) as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        monkeypatch.setenv("no_proxy", exempt.format(address=server.address))
        with server.client() as audio:
            run(audio, "models")
    assert (server.connections, proxy.connections) == (1, 0)


@pytest.mark.parametrize("address", ["gopher://me:secret@proxy.invalid", "http://[::1", "http://"])
def test_impossible_proxy(run: Run, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """A proxy that cannot be is a mistake in the settings, told without its password."""
    monkeypatch.setenv("http_proxy", address)
    with (
        Loopback([MODELS]) as server,
        server.client(base_url="http://service.invalid/v1") as audio,
        pytest.raises(ConfigurationError, match="proxy") as caught,
    ):
        run(audio, "models")
    assert isinstance(caught.value, ApertisError)
    assert "secret" not in str(caught.value)
