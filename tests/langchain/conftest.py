"""Fixtures of the LangChain tests."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools.langchain import ChatApertisAudio
from support.digest_recogniser import recognise_by_digest, write_recordings
from support.langchain_chat import ALL, STREAMS, WHOLE, Ask
from support.loopback_server import LoopbackServer

Make = Callable[..., ChatApertisAudio]


@pytest.fixture(params=ALL)
def ask(request: pytest.FixtureRequest) -> Ask:
    """Return a function that asks a model for a message: invoked or streamed, sync or async."""
    return ALL[request.param]


@pytest.fixture(params=WHOLE)
def invoke(request: pytest.FixtureRequest) -> Ask:
    """Return a function that invokes a model, a chain or an agent, sync or async."""
    return WHOLE[request.param]


@pytest.fixture(params=STREAMS)
def stream(request: pytest.FixtureRequest) -> Ask:
    """Return a function that returns the chunks of a model's reply, sync or async."""
    return STREAMS[request.param]


@pytest.fixture
def make(sandbox_url: str) -> Make:
    """Return a function that makes models of the sandbox."""

    def make(**options: Any) -> ChatApertisAudio:
        return ChatApertisAudio(base_url=sandbox_url, api_key="sk-chat-1234", **options)

    return make


@pytest.fixture
def scripted() -> Iterator[Make]:
    """Yield a function that makes a model whose server gives a scripted response."""
    with ExitStack() as stack:

        def make(behaviour: Any) -> ChatApertisAudio:
            server = stack.enter_context(LoopbackServer([behaviour]))
            client = stack.enter_context(server.client(max_retries=0))
            return ChatApertisAudio(client=client)

        yield make


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    """Yield a server that transcribes every recording into words of its own."""
    with LoopbackServer([recognise_by_digest()]) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of different recordings."""
    write_recordings(tmp_path / "meetings")
    return tmp_path / "meetings"


@pytest.fixture(params=["sync", "async"])
def mode(request: pytest.FixtureRequest) -> str:
    """Return ``sync`` or ``async``: each test that uses it runs twice."""
    return str(request.param)
