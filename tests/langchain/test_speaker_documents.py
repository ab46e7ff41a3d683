"""Documents and tools of LangChain say who speaks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from apertis_audio_tools import ConfigurationError, FileAccess
from apertis_audio_tools.langchain import ApertisAudioLoader, ApertisAudioToolkit, TranscribeAudio
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
    """A document has one speaker, named after its time; one of a recording has a line a turn."""
    options = {"speakers": "channels", "speaker_names": NAMES}
    documents = ApertisAudioLoader(call, **options).load()  # type: ignore[arg-type]
    assert [(each.metadata["speaker"], each.page_content) for each in documents] == [
        ("Host", "00001"),
        ("Guest", "00002"),
        ("Host", "00003"),
    ]
    assert [*documents[0].metadata][3:6] == ["timecode", "speaker", "duration"]
    (whole,) = ApertisAudioLoader(call, granularity="recording", **options).load()  # type: ignore[arg-type]
    assert whole.page_content == "Host: 00001\nGuest: 00002\nHost: 00003"
    assert "speaker" not in whole.metadata
    other = ApertisAudioLoader(call, speakers="channels").load()
    assert {each.id for each in other}.isdisjoint({each.id for each in documents})


def test_tools(call: Path) -> None:
    """The tool shows who speaks; the toolkit passes its settings on."""
    access = FileAccess(call.parent)
    tool = TranscribeAudio(access=access, speakers="channels", speaker_names=NAMES, segments=True)
    content, artifact = tool._run(path="call.wav")
    assert content.splitlines() == [
        "[00:00:00] Host: 00001",
        "[00:00:02] Guest: 00002",
        "[00:00:04] Host: 00003",
    ]
    assert [each["speaker"] for each in artifact["segments"]] == ["Host", "Guest", "Host"]
    toolkit = ApertisAudioToolkit(access=access, speakers="channels", channels=[1])
    tools = {each.name: each for each in toolkit.get_tools()}
    assert tools["transcribe_audio"].invoke({"path": "call.wav"}) == "[00:00:02] Speaker 1: 00002"


def test_wrong_settings(call: Path) -> None:
    """Settings that contradict each other are refused when a loader or a tool is made."""
    with pytest.raises(ConfigurationError, match="exclude each other"):
        ApertisAudioLoader(call, speakers="channels", track=1)
    with pytest.raises(ConfigurationError, match="speaker_names needs speakers"):
        TranscribeAudio(access=FileAccess(call.parent), speaker_names=NAMES)
