"""API keys, endpoints and rate limits of the sandbox, and the headers of every response."""

import email.utils
import time
from collections.abc import Callable

import httpx
import pytest

from apertis_audio_tools.sandbox import Sandbox
from support import timeouts

SPEECH = {"model": "tts-1", "voice": "alloy", "input": "Hello."}
CHAT = {"model": "gpt-4o-audio-preview", "messages": [{"role": "user", "content": "Hello"}]}
SPOKEN = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
CLIP = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}
RECORDING = {"messages": [{"role": "user", "content": [CLIP]}]}
REPLAYED = {"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]}

SendRequest = Callable[[str, dict[str, str]], httpx.Response]


def _speech(url: str, headers: dict[str, str]) -> httpx.Response:
    return timeouts.post(f"{url}/audio/speech", headers=headers, json=SPEECH)


def _transcription(url: str, headers: dict[str, str]) -> httpx.Response:
    return timeouts.post(f"{url}/audio/transcriptions", headers=headers, files={"file": b""})


def _translation(url: str, headers: dict[str, str]) -> httpx.Response:
    return timeouts.post(f"{url}/audio/translations", headers=headers, files={"file": b""})


def _chat(url: str, headers: dict[str, str]) -> httpx.Response:
    return timeouts.post(f"{url}/chat/completions", headers=headers, json=CHAT | RECORDING)


def _models(url: str, headers: dict[str, str]) -> httpx.Response:
    return timeouts.get(f"{url}/models", headers=headers)


AUDIO = [_speech, _transcription, _translation, _chat]


def error_of(response: httpx.Response) -> dict[str, object]:
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "code", "param"}
    return dict(body["error"])


@pytest.mark.parametrize("send", [*AUDIO, _models])
def test_no_key(url: str, send: SendRequest) -> None:
    """A request without a key is refused on every endpoint."""
    response = send(url, {})
    assert (response.status_code, error_of(response)["code"]) == (401, "missing_api_key")


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer pk-1", "sk-1", "Basic sk-1", f"Bearer sk-{'1' * 501}"]
)
@pytest.mark.parametrize("send", [*AUDIO, _models])
def test_malformed_key(url: str, send: SendRequest, header: str) -> None:
    """A key that does not look like one is refused on every endpoint."""
    response = send(url, {"Authorization": header})
    assert (response.status_code, error_of(response)["code"]) == (401, "invalid_api_key")


@pytest.mark.parametrize("key", ["sk-sub_1", "sk-sub-1"])
@pytest.mark.parametrize("send", AUDIO)
def test_subscription_key(url: str, send: SendRequest, key: str) -> None:
    """A subscription key cannot be used for audio."""
    response = send(url, {"Authorization": f"Bearer {key}"})
    assert (response.status_code, error_of(response)["code"]) == (403, "audio_requires_payg")
    assert error_of(response)["type"] == "permission_error"


@pytest.mark.parametrize(
    "modality", [SPOKEN, RECORDING, REPLAYED], ids=["spoken", "recording", "replayed"]
)
def test_subscription_key_in_chat(url: str, modality: dict[str, object]) -> None:
    """A subscription key may chat in text, but not with any audio."""
    headers = {"Authorization": "Bearer sk-sub_1"}
    assert _models(url, headers).status_code == 200
    written = timeouts.post(f"{url}/chat/completions", headers=headers, json=CHAT)
    assert written.status_code == 200
    with_audio = timeouts.post(f"{url}/chat/completions", headers=headers, json=CHAT | modality)
    assert error_of(with_audio)["code"] == "audio_requires_payg"


def test_models(client: httpx.Client) -> None:
    """All documented models are listed."""
    listed = {model["id"] for model in client.get("/models").json()["data"]}
    assert {"whisper-1", "gpt-4o-transcribe", "tts-1-hd", "gpt-4o-audio-preview"} < listed
    assert len(listed) == 15


def test_model_rows(client: httpx.Client) -> None:
    """Each row says when the model was made and whose it is."""
    for row in client.get("/models").json()["data"]:
        assert set(row) == {"id", "object", "created", "owned_by", "shutdown_date"}
        assert 0 < row["created"] < time.time()
        assert row["owned_by"] == "apertis-audio-sandbox"


@pytest.mark.parametrize("path", ["/", "/audio", "/audio/speech/", "/completions", "/models/tts-1"])
def test_unknown_endpoint(client: httpx.Client, path: str) -> None:
    """Undocumented endpoints do not exist."""
    response = client.post(path)
    assert (response.status_code, error_of(response)["code"]) == (404, "endpoint_not_found")


def test_wrong_method(client: httpx.Client) -> None:
    """A wrong method on a documented path is refused with the method that is allowed."""
    response = client.get("/audio/speech")
    assert (response.status_code, error_of(response)["code"]) == (405, "invalid_request")
    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/models", 200), ("POST", "/audio/speech", 400), ("POST", "/nowhere", 404)],
)
def test_headers_of_every_response(
    client: httpx.Client, method: str, path: str, status: int
) -> None:
    """Every response, errors included, has a request id, its date and the rate limit."""
    before = time.time()
    first, second = client.request(method, path), client.request(method, path)
    assert first.status_code == status
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert first.headers.get_list("server") == ["apertis-audio-sandbox"]
    sent = email.utils.parsedate_to_datetime(first.headers["date"]).timestamp()
    assert sent == pytest.approx(time.time(), abs=30)
    assert first.headers["x-ratelimit-limit"] == "500"
    assert before < int(first.headers["x-ratelimit-reset"]) <= time.time() + 60


def test_rate_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests are counted per key and model; those over the limit are refused and not counted."""
    monkeypatch.setattr(time, "time", lambda: 1_800_000_015.5)
    with Sandbox(requests_per_minute=2) as url:

        def send(key: str, model: str) -> httpx.Response:
            headers = {"Authorization": f"Bearer {key}"}
            return timeouts.post(
                f"{url}/audio/speech", headers=headers, json=SPEECH | {"model": model}
            )

        remaining = [send("sk-1", "tts-1").headers["x-ratelimit-remaining"] for _ in range(2)]
        assert remaining == ["1", "0"]
        limited = send("sk-1", "tts-1")
        assert (limited.status_code, error_of(limited)["code"]) == (429, "rate_limit_exceeded")
        assert limited.headers["retry-after"] == "45"
        assert limited.headers["x-ratelimit-reset"] == "1800000060"
        assert limited.headers["x-ratelimit-remaining"] == "0"
        assert send("sk-2", "tts-1").status_code == 200
        assert send("sk-1", "tts-1-hd").status_code == 200
        monkeypatch.setattr(time, "time", lambda: 1_800_000_060.0)
        assert send("sk-1", "tts-1").headers["x-ratelimit-remaining"] == "1"
