"""Recordings of meetings made of beacons, a sandbox that transcribes them, and its clients."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools.llama_index import ApertisAudioLLM, ApertisAudioReader
from apertis_audio_tools.sandbox import BeaconRecogniser, Sandbox
from support.beacon_recordings import FORMATS, write_beacons
from support.caching_recogniser import CachingRecogniser
from support.contract.llama_index_calls import CHATS, Method
from support.contract.llama_index_readers import LOADS, Load
from support.loopback_server import LoopbackServer


@pytest.fixture(scope="session")
def beacon_url() -> Iterator[str]:
    """Yield the base URL of a sandbox that recognises beacons and nothing else."""
    with Sandbox(recogniser=CachingRecogniser(BeaconRecogniser())) as url:
        yield url


@pytest.fixture(scope="session")
def meetings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder with a recording of 40 s and, in a folder below, one of 20 s."""
    folder = tmp_path_factory.mktemp("meetings")
    (folder / "later").mkdir()
    write_beacons(FORMATS["mp3"], folder / "monday.mp3", 20)
    write_beacons(FORMATS["ogg"], folder / "later" / "tuesday.ogg", 10)
    return folder


@pytest.fixture(scope="session")
def monday(meetings: Path) -> Path:
    """Return the path of the longer recording."""
    return meetings / "monday.mp3"


@pytest.fixture
def reader(beacon_url: str) -> ApertisAudioReader:
    """Return a reader with passages of up to ten seconds: four of Monday, two of Tuesday."""
    return ApertisAudioReader(api_key="sk-payg-1234", base_url=beacon_url, max_seconds=10)


@pytest.fixture(params=LOADS)
def load(request: pytest.FixtureRequest) -> Load:
    """Return each of the four methods that load documents."""
    return LOADS[request.param]


@pytest.fixture(params=CHATS)
def chat(request: pytest.FixtureRequest) -> Method:
    """Return each of the four variants of ``chat``, which return a list of responses."""
    return CHATS[request.param]


@pytest.fixture
def make_llm(beacon_url: str) -> Callable[..., ApertisAudioLLM]:
    """Return a function that makes models that use the sandbox."""

    def make(**options: Any) -> ApertisAudioLLM:
        return ApertisAudioLLM(**{"base_url": beacon_url, "api_key": "sk-chat-1234", **options})

    return make


@pytest.fixture
def scripted() -> Iterator[Callable[..., tuple[ApertisAudioLLM, LoopbackServer]]]:
    """Return a function that makes a server with scripted responses, and a model that uses it."""
    with ExitStack() as stack:

        def make(*script: Any, **options: Any) -> tuple[ApertisAudioLLM, LoopbackServer]:
            server = stack.enter_context(LoopbackServer(list(script)))
            client = stack.enter_context(server.client(max_retries=0))
            return ApertisAudioLLM(client=client, **options), server

        yield make
