"""Clients that ask whoever answers in this run: a cassette, the sandbox or the service."""

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
SAID = "the meeting is tomorrow"


@pytest.fixture(scope="session")
def certificates() -> ssl.SSLContext:
    """Whom clients trust: each would load the same, which takes longer than most tests."""
    return httpx.create_ssl_context()


@pytest.fixture(autouse=True)
def _shared_certificates(certificates: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httpx, "create_ssl_context", lambda: certificates)


@pytest.fixture
def client(service: Service) -> Iterator[ApertisAudio]:
    """A client that never tries twice, so that a cassette holds one exchange for one call."""
    with ApertisAudio(service.api_key, base_url=service.base_url, max_retries=0) as audio:
        yield audio


@pytest.fixture
def clip() -> Clip:
    """All clips say `SAID`."""
    return lambda suffix: CLIPS / f"clip.{suffix}"


@pytest.fixture
def assert_heard() -> Check:
    """Checks that a text is `SAID`, more or less."""

    def check(text: str) -> None:
        plain = re.sub(r"[^a-z ]", "", text.lower())
        assert jiwer.wer(SAID, plain) <= 0.25, text

    return check
