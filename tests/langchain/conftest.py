"""What every test of the LangChain part can ask for."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools.langchain import ChatApertisAudio
from support.digest_recogniser import hears, recordings_in
from support.langchain_chat import ALL, STREAMS, WHOLE, Ask
from support.loopback import Loopback

Make = Callable[..., ChatApertisAudio]


@pytest.fixture(params=ALL)
def ask(request: pytest.FixtureRequest) -> Ask:
    """Asks a model and gives its message: invoked or streamed, in both colours."""
    return ALL[request.param]


@pytest.fixture(params=WHOLE)
def invoke(request: pytest.FixtureRequest) -> Ask:
    """Invokes a model, or a chain or an agent, in both colours."""
    return WHOLE[request.param]


@pytest.fixture(params=STREAMS)
def stream(request: pytest.FixtureRequest) -> Ask:
    """Asks a model and gives the chunks of its answer, in both colours."""
    return STREAMS[request.param]


@pytest.fixture
def make(sandbox_url: str) -> Make:
    """Makes models that ask the sandbox."""

    def make(**options: Any) -> ChatApertisAudio:
        return ChatApertisAudio(base_url=sandbox_url, api_key="sk-chat", **options)

    return make


@pytest.fixture
def scripted() -> Iterator[Make]:
    """Makes a model that is answered what the test says."""
    with ExitStack() as open_ones:

        def make(behaviour: Any) -> ChatApertisAudio:
            server = open_ones.enter_context(Loopback([behaviour]))
            client = open_ones.enter_context(server.client(max_retries=0))
            return ChatApertisAudio(client=client)

        yield make


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A server that hears words of its own in every recording."""
    with Loopback([hears()]) as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of different recordings."""
    recordings_in(tmp_path / "meetings")
    return tmp_path / "meetings"


@pytest.fixture(params=["sync", "async"])
def colour(request: pytest.FixtureRequest) -> str:
    """Each test that asks for it runs in both colours."""
    return str(request.param)
