"""Clients of the origin that this run uses: a cassette, the sandbox or the service."""

import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import jiwer
import pytest

from apertis_audio_tools import ApertisAudio
from support.cassettes.plugin import Service
from support.service_types import Check, Clip

CLIPS = Path(__file__).parent.parent / "clips"
SENTENCE = "the meeting is tomorrow"


@pytest.fixture(scope="session")
def certificates() -> ssl.SSLContext:
    """Return trusted certificates that all clients share, as loading them is slow."""
    return httpx.create_ssl_context()


@pytest.fixture(autouse=True)
def _shared_certificates(certificates: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx, "create_ssl_context", lambda **_: certificates)


@pytest.fixture
def client(service: Service) -> Iterator[ApertisAudio]:
    """Yield a client without retries, so that a cassette contains one exchange per call."""
    with ApertisAudio(service.api_key, base_url=service.base_url, max_retries=0) as audio:
        yield audio


@pytest.fixture
def clip() -> Clip:
    """Return a function that returns the clip with a suffix; all contain `SENTENCE`."""
    return lambda suffix: CLIPS / f"clip.{suffix}"


@pytest.fixture
def assert_sentence() -> Check:
    """Return a function that requires a text to be nearly `SENTENCE`."""

    def check(text: str) -> None:
        plain = re.sub(r"[^a-z ]", "", text.lower())
        assert jiwer.wer(SENTENCE, plain) <= 0.25, text

    return check
