"""A sandbox that the tests share, and its clients."""

import functools
from collections.abc import Callable, Iterator

import httpx
import pytest

from apertis_audio_tools.sandbox import Sandbox

Speak = Callable[..., bytes]
Transcribe = Callable[..., httpx.Response]


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """Yield the base URL of a running sandbox."""
    with Sandbox() as url:
        yield url


@pytest.fixture(scope="session")
def client(url: str) -> Iterator[httpx.Client]:
    """Yield an HTTP client with a pay-as-you-go key."""
    headers = {"Authorization": "Bearer sk-payg"}
    with httpx.Client(base_url=url, headers=headers, timeout=300) as client:
        yield client


@pytest.fixture(scope="session")
def speak(client: httpx.Client) -> Speak:
    """Return a function that requests speech and remembers it."""

    @functools.cache
    def speak(
        text: str, response_format: str = "wav", voice: str = "alloy", speed: float = 1
    ) -> bytes:
        body = {
            "model": "tts-1",
            "input": text,
            "voice": voice,
            "response_format": response_format,
            "speed": speed,
        }
        return client.post("/audio/speech", json=body).raise_for_status().content

    return speak


@pytest.fixture(scope="session")
def transcribe(client: httpx.Client) -> Transcribe:
    """Return a function that requests the transcription of a file."""

    def transcribe(file: bytes, name: str = "clip.wav", **fields: str) -> httpx.Response:
        data = {"model": "whisper-1", **fields}
        return client.post("/audio/transcriptions", files={"file": (name, file)}, data=data)

    return transcribe
