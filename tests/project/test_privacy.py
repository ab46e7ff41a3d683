"""The API key is sent in one header only; logs and errors contain neither key nor audio."""

import contextlib
import logging
import pickle
import traceback

import httpx
import pytest

from apertis_audio_tools import ApertisError, APIError, ConfigurationError
from support.loopback_server import Behaviour, LoopbackServer
from support.scripted_responses import reset_connection, respond_error, respond_json, send_raw
from support.sync_async import Run
from support.wav_files import silent_wav

MODELS = respond_json({"data": [{"id": "whisper-1"}]})
KEY = "key-of-a-test"


def test_authorization(run: Run) -> None:
    """The key is sent unchanged in one header."""
    with LoopbackServer([MODELS]) as server, server.client() as audio:
        run(audio, "models")
    (request,) = server.requests
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert [name for name, value in request.headers.items() if KEY in value] == ["authorization"]
    assert KEY not in request.target


@pytest.mark.parametrize("cookie", [f"session={KEY}", "a=\u00e9\u200b"])
def test_cookies(run: Run, cookie: str) -> None:
    """Cookies are not kept, so that nothing of a response is sent with the next request."""
    head = f"HTTP/1.1 200 OK\r\nset-cookie: {cookie}\r\nconnection: close\r\ncontent-length: 11"
    script = [send_raw(head.encode() + b'\r\n\r\n{"data":[]}'), MODELS]
    with LoopbackServer(script) as server, server.client(max_retries=0) as audio:
        with contextlib.suppress(APIError):
            run(audio, "models")
        assert run(audio, "models") == ("whisper-1",)
    assert [request for request in server.requests if "cookie" in request.headers] == []


def test_client_hides_the_key() -> None:
    """The representations of the client and its parts do not contain the key."""
    with LoopbackServer([MODELS]) as server, server.client() as audio:
        audio.models()
        assert KEY not in repr(audio) + str(audio) + repr(vars(audio)) + repr(
            audio._runners.batches
        )


@pytest.mark.parametrize(
    "failure", [respond_error(401, "invalid_api_key"), reset_connection(), send_raw(b"?\r\n\r\n")]
)
def test_errors_hide_the_key(run: Run, failure: Behaviour) -> None:
    """The texts and the pickle of an error do not contain the key."""
    with LoopbackServer([failure]) as server, server.client(max_retries=1) as audio:
        with pytest.raises(APIError) as caught:
            run(audio, "models")
        raised = caught.value
    assert KEY not in repr(raised) + str(raised) + "".join(traceback.format_exception(raised))
    assert KEY.encode() not in pickle.dumps(raised)
    assert str(pickle.loads(pickle.dumps(raised))) == str(raised)


def test_causes_hide_the_key(run: Run) -> None:
    """The frames of an error's causes hold neither the key nor the request."""
    with LoopbackServer([reset_connection()]) as server, server.client(max_retries=0) as audio:
        with pytest.raises(APIError) as caught:
            run(audio, "transcribe", silent_wav(4000))
        cause = caught.value.__cause__
        assert isinstance(cause, httpx.ReadError)
        assert "authorization" not in cause.request.headers
        while cause is not None:
            frames = [frame for frame, _ in traceback.walk_tb(cause.__traceback__)]
            assert not [frame for frame in frames if KEY in str(frame.f_locals)]
            assert not [f for f in frames if "httpcore" in f.f_code.co_filename and f.f_locals]
            cause = cause.__cause__


@pytest.mark.parametrize("first", [respond_error(503), reset_connection(), MODELS])
def test_logs(run: Run, caplog: pytest.LogCaptureFixture, first: Behaviour) -> None:
    """Debug logs contain requests, but neither the key nor text."""
    for name in ("apertis_audio_tools", "httpx", "httpcore"):
        caplog.set_level(logging.DEBUG, logger=name)
    transcript = respond_json({"text": "recognised words"})
    with LoopbackServer([first, transcript]) as server, server.client() as audio:
        run(audio, "models") if first is MODELS else None
        run(audio, "transcribe", silent_wav(4000), prompt="words of the prompt")
    assert "/v1/audio/transcriptions" in caplog.text
    assert KEY not in caplog.text
    assert "recognised words" not in caplog.text
    assert "words of the prompt" not in caplog.text


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_proxy(run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The proxy of the environment is used, with or without a scheme."""
    with LoopbackServer([MODELS]) as proxy, LoopbackServer([MODELS]) as second:
        for server, address in [(proxy, f"http://{proxy.address}"), (second, second.address)]:
            monkeypatch.setenv(name, address)
            with server.client(base_url="http://service.invalid/v1") as audio:
                assert run(audio, "models") == ("whisper-1",)
            assert server.requests[0].target == "http://service.invalid/v1/models"


@pytest.mark.parametrize("exempt", ["127.0.0.1", "{address}", "*", "example.org, 127.0.0.1"])
def test_no_proxy(run: Run, monkeypatch: pytest.MonkeyPatch, exempt: str) -> None:
    """Hosts that the environment exempts are connected to directly."""
    with LoopbackServer([MODELS]) as server, LoopbackServer([MODELS]) as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        monkeypatch.setenv("no_proxy", exempt.format(address=server.address))
        with server.client() as audio:
            run(audio, "models")
    assert (server.connections, proxy.connections) == (1, 0)


@pytest.mark.parametrize("address", ["gopher://me:secret@proxy.invalid", "http://[::1", "http://"])
def test_impossible_proxy(run: Run, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """An invalid proxy is a configuration error whose message hides the password."""
    monkeypatch.setenv("http_proxy", address)
    with (
        LoopbackServer([MODELS]) as server,
        server.client(base_url="http://service.invalid/v1") as audio,
        pytest.raises(ConfigurationError, match="proxy") as caught,
    ):
        run(audio, "models")
    assert isinstance(caught.value, ApertisError)
    assert "secret" not in str(caught.value)
