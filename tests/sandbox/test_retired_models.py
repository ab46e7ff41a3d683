"""Sandboxes of a later day: retired models, their successors, lists and accounts."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest

from apertis_audio_tools.sandbox import Sandbox
from support import timeouts

CLIP = Path(__file__).parents[1] / "clips" / "clip.wav"
SPRING = date(2027, 3, 1)
RETIRED = [
    "gpt-4o-audio-preview",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-tts-2025-12-15",
    "gpt-4o-transcribe",
    "gpt-audio",
    "gpt-audio-mini",
    "tts-1",
    "tts-1-hd",
    "whisper-1",
]

Open = Callable[..., httpx.Client]


@pytest.fixture
def open_sandbox() -> Iterator[Open]:
    """Return a function that starts a sandbox and returns a client of it."""
    running: list[Any] = []

    def start(**options: Any) -> httpx.Client:
        sandbox = Sandbox(recogniser="beacon", **options)
        running.append(sandbox)
        headers = {"Authorization": "Bearer sk-payg"}
        client = timeouts.Client(base_url=sandbox.__enter__(), headers=headers)
        running.append(client)
        return client.__enter__()

    yield start
    for each in reversed(running):
        each.__exit__(None, None, None)


def transcribe(client: httpx.Client, path: str = "transcriptions", **fields: Any) -> httpx.Response:
    files = {"file": ("clip.wav", CLIP.read_bytes())}
    return client.post(f"/audio/{path}", files=files, data={"model": "whisper-1", **fields})


def listed(client: httpx.Client) -> dict[str, Any]:
    return {row["id"]: row for row in client.get("/models").json()["data"]}


def test_without_a_day(open_sandbox: Open) -> None:
    """A sandbox without a day retires nothing, and has the successors already."""
    client = open_sandbox()
    assert {*RETIRED, "gpt-transcribe", "gemini-3.8-flash-lite-tts"} <= set(listed(client))
    assert transcribe(client).status_code == 200
    assert transcribe(client, model="gpt-transcribe").json()["languages"] == []


@pytest.mark.parametrize("day", [date(2027, 1, 5), date(2027, 1, 6)])
def test_last_day(open_sandbox: Open, day: date) -> None:
    """A model is served until the day before its end."""
    client = open_sandbox(today=day)
    assert ("tts-1" in listed(client)) is (day < date(2027, 1, 6))
    body = {"model": "tts-1", "voice": "alloy", "input": "Yes."}
    status = client.post("/audio/speech", json=body).status_code
    assert status == (200 if day < date(2027, 1, 6) else 404)


def test_lists(open_sandbox: Open) -> None:
    """Lists name the ends of models and leave out those that have retired."""
    client = open_sandbox(today=SPRING)
    assert not {*RETIRED} & set(listed(client))
    assert {row["shutdown_date"] for row in listed(client).values()} == {None}
    before = open_sandbox(today=date(2026, 11, 27))
    assert listed(before)["whisper-1"]["shutdown_date"] == "2027-02-26"
    catalogue = str(before.base_url).replace("/v1/", "/api/v2/models")
    rows = before.get(catalogue, params={"page_size": 500}).json()["data"]
    assert {row["id"] for row in rows if row["is_deprecated"]} == {*RETIRED}
    (turbo,) = [row for row in rows if row["id"] == "whisper-large-v3-turbo"]
    assert (turbo["tasks"], turbo["input_price"]) == (["transcription", "translation"], 0.04)


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (404, "model_not_found", "does not exist"),
        (503, "service_unavailable", "no available channel for model whisper-1"),
    ],
)
def test_retired(open_sandbox: Open, status: int, code: str, words: str) -> None:
    """A retired model is refused as the service does, or as gateways do."""
    client = open_sandbox(today=SPRING, retired_status=status)
    refused = transcribe(client)
    assert (refused.status_code, refused.json()["error"]["code"]) == (status, code)
    assert words in refused.json()["error"]["message"]
    assert transcribe(client, model="parrot").status_code == 404
    assert transcribe(client, model="whisper-large-v3").status_code == 200


def test_translations(open_sandbox: Open) -> None:
    """The endpoint for translations ends too, for every model."""
    client = open_sandbox(today=SPRING)
    gone = transcribe(client, "translations", model="whisper-large-v3")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "endpoint_not_found")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"model": "gpt-transcribe", "languages[]": ["en", "de"], "keywords[]": ["a b"]}, None),
        ({"model": "gpt-transcribe", "language": "en"}, None),
        ({"model": "gpt-transcribe", "language": "en", "languages[]": ["en"]}, "languages[]"),
        ({"model": "gpt-transcribe", "keywords[]": ["<b>"]}, "keywords[]"),
        ({"model": "gpt-transcribe", "languages[]": ["english"]}, "languages[]"),
        ({"model": "gpt-transcribe", "response_format": "srt"}, "response_format"),
        ({"model": "whisper-1", "languages[]": ["en"]}, "languages[]"),
        ({"model": "whisper-1", "keywords[]": ["a"]}, "keywords[]"),
    ],
)
def test_several_languages(open_sandbox: Open, fields: dict[str, Any], param: str | None) -> None:
    """Several languages and keywords are for the models that have them, and are checked."""
    response = transcribe(open_sandbox(), **fields)
    assert response.json().get("error", {}).get("param") == param


def test_account(open_sandbox: Open) -> None:
    """An account counts the requests, the tokens and the price of the audio of a key."""
    client = open_sandbox()
    transcribe(client)
    chat = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hello"}]}
    tokens = client.post("/chat/completions", json=chat).json()["usage"]["total_tokens"]
    used = client.get("/token/usage", params={"period": "week"}).json()["data"]
    assert (used["total_requests"], used["total_tokens"]) == (2, tokens)
    assert used["used_quota_usd"] == pytest.approx(0.36 * 1.24 / 3600, abs=2e-5)
    assert used["remain_quota_usd"] == pytest.approx(100 - used["used_quota_usd"])
    assert client.get("/token/usage", params={"period": "ever"}).status_code == 400
    assert client.get("/token/usage", headers={"Authorization": ""}).status_code == 401


def test_text_model_has_no_audio(open_sandbox: Open) -> None:
    """A chat model for text refuses recordings and spoken replies."""
    spoken = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}
    chat = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": "Hello"}]}
    assert open_sandbox().post("/chat/completions", json=chat | spoken).status_code == 400


def test_segments_in_a_chat(open_sandbox: Open) -> None:
    """Segments in JSON come back with their language before each text, as if translated."""
    content = json.dumps({"language": "de", "segments": [{"id": 3, "text": "Yes."}]})
    chat = {"model": "gpt-4.1-mini", "messages": [{"role": "user", "content": content}]}
    reply = open_sandbox().post("/chat/completions", json=chat).json()["choices"][0]["message"]
    assert json.loads(reply["content"]) == {"segments": [{"id": 3, "text": "[de] Yes."}]}
