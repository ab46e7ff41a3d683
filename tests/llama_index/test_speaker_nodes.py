"""Documents, nodes and tools of LlamaIndex say who speaks."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from llama_index.core.schema import MetadataMode

from apertis_audio_tools.llama_index import (
    ApertisAudioReader,
    ApertisAudioToolSpec,
    PassageNodeParser,
)
from apertis_audio_tools.sandbox import Sandbox
from support.channel_recordings import beacons, write_channels

NAMES = ["Host", "Guest"]


@pytest.fixture(name="call")
def _call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "call.wav"
    path.write_bytes(write_channels([beacons(1, None, 3), beacons(None, 2, None)]))
    with Sandbox(recogniser="beacon") as url:
        monkeypatch.setenv("APERTIS_BASE_URL", url)
        monkeypatch.setenv("APERTIS_API_KEY", "sk-payg-1234")
        yield path


def test_documents(call: Path) -> None:
    """Language models see the speaker of a document, and a copy of the reader has its settings."""
    reader = ApertisAudioReader(speakers="channels", speaker_names=NAMES)
    documents = ApertisAudioReader.from_dict(reader.to_dict()).load_data(str(call))
    assert [(each.metadata["speaker"], each.text) for each in documents] == [
        ("Host", "00001"),
        ("Guest", "00002"),
        ("Host", "00003"),
    ]
    assert "speaker: Host" in documents[0].get_content(MetadataMode.LLM)


def test_nodes(call: Path) -> None:
    """The passages of a whole recording become nodes with their speakers."""
    reader = ApertisAudioReader(speakers="channels", speaker_names=NAMES, granularity="recording")
    documents = reader.load_data(str(call))
    assert documents[0].text == "Host: 00001\nGuest: 00002\nHost: 00003"
    nodes = PassageNodeParser().get_nodes_from_documents(documents)
    assert [(node.metadata["speaker"], node.get_content()) for node in nodes] == [
        ("Host", "00001"),
        ("Guest", "00002"),
        ("Host", "00003"),
    ]


def test_tools(call: Path) -> None:
    """The tools show who speaks."""
    spec = ApertisAudioToolSpec(call.parent, speakers="channels", speaker_names=NAMES)
    text = spec.transcribe_audio("call.wav").text
    assert text.splitlines()[1] == "[00:00:02] Guest: 00002"
