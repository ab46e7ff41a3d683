"""Costs and limits of loaders, readers and tools."""

import asyncio
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import ApertisAudio, BudgetExceededError, FileAccess, TotalUsage
from apertis_audio_tools.langchain import ApertisAudioLoader, ApertisAudioToolkit
from apertis_audio_tools.llama_index import (
    ApertisAudioReader,
    ApertisAudioToolSpec,
    TranscriptionEndEvent,
)
from support.contract.llama_index_calls import record_instrumentation
from support.loopback_server import LoopbackServer
from support.scripted_responses import respond_json
from support.wav_files import write_silent_wav

SECONDS = 10
COST = SECONDS * 0.36 / 3600
MODES = pytest.mark.parametrize("mode", ["sync", "async"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of three different recordings of ten seconds."""
    for number in range(3):
        write_silent_wav(tmp_path / f"{number}.wav", 2 * 8_000 * SECONDS, rate=8_000 - number)
    return tmp_path


@pytest.fixture
def client() -> Iterator[ApertisAudio]:
    """Yield a client of a service that transcribes everything."""
    transcribe = respond_json({"text": "Words.", "language": "english"})
    with (
        LoopbackServer([transcribe]) as server,
        ApertisAudio("sk-costs-test", base_url=server.url, max_concurrency=1) as client,
    ):
        yield client


def load(loader: Any, mode: str) -> list[Any]:
    """Load all documents, keeping those before an error."""
    found = []

    async def collect() -> None:
        async for each in loader.alazy_load():
            found.append(each)  # noqa: PERF401  # those before an error count

    try:
        if mode == "async":
            asyncio.run(collect())
        else:
            found.extend(loader.lazy_load())
    except BudgetExceededError:
        found.append("limit")
    return found


@MODES
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_loader(client: ApertisAudio, folder: Path, mode: str, on_error: Any) -> None:
    """A limit ends each load after the documents of what was finished."""
    loader = ApertisAudioLoader(
        folder, client=client, model="whisper-1", max_audio_seconds=21, on_error=on_error
    )
    for _ in range(2):
        *documents, last = load(loader, mode)
        assert (len(documents), last) == (2, "limit")
        assert loader.total_usage.requests == 2
        assert loader.total_usage.known_cost == pytest.approx(2 * COST, rel=0.01)
    assert client.total_usage.requests == 4


def test_reader(client: ApertisAudio, folder: Path) -> None:
    """A reader counts and limits what it reads, and names the cost of each recording."""
    reader = ApertisAudioReader(client=client, model="whisper-1", max_cost=2.1 * COST)
    with record_instrumentation() as (recorder, _):
        assert len(reader.load_data(folder / "0.wav")) == 1
        with pytest.raises(BudgetExceededError):
            reader.load_data(folder)
    costs = [each.cost for each in recorder.events if isinstance(each, TranscriptionEndEvent)]
    assert costs[0] == pytest.approx(COST, rel=0.01)
    assert reader.total_usage.requests == 2
    assert reader.model_copy().total_usage == reader.total_usage


def test_pickled_reader() -> None:
    """A reader in another process has the limits, and counts by itself."""
    reader = ApertisAudioReader(api_key="sk-costs-test", max_cost=1.5)
    copied = pickle.loads(pickle.dumps(reader))
    assert copied.max_cost == 1.5
    assert copied.total_usage == TotalUsage()


def test_tools(client: ApertisAudio, folder: Path) -> None:
    """The facts of a tool call have its cost, which is nothing the second time."""
    spec = ApertisAudioToolSpec(folder, client=client, transcription_model="whisper-1")
    first, second = (spec.transcribe_audio("0.wav").artifact["cost"] for _ in range(2))
    assert first == pytest.approx(COST, rel=0.01)
    assert second == 0
    access = FileAccess(folder)
    toolkit = ApertisAudioToolkit(access=access, client=client, transcription_model="whisper-1")
    tools = toolkit.get_tools()
    (tool,) = (each for each in tools if each.name == "transcribe_audio")
    call = {"type": "tool_call", "id": "1", "name": tool.name, "args": {"path": "1.wav"}}
    assert tool.invoke(call).artifact["cost"] == pytest.approx(COST, rel=0.01)


def test_limited_tools(client: ApertisAudio, folder: Path) -> None:
    """The limit of the client of tools is a sentence for the model."""
    spec = ApertisAudioToolSpec(
        folder,
        api_key="sk-costs-test",
        base_url=client.base_url,
        max_audio_seconds=5,
        transcription_model="whisper-1",
    )
    with pytest.raises(BudgetExceededError, match="max_audio_seconds is 5"):
        spec.transcribe_audio("0.wav")
