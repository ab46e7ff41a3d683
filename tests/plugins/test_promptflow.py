"""The plugin for promptflow, called as promptflow calls it."""

import shutil
from importlib import import_module
from pathlib import Path

import pytest

from apertis_audio_tools import AccessError, ApertisError
from apertis_audio_tools.adapters.tools import TOOLS, AudioTool
from apertis_audio_tools.plugins import promptflow

CLIP = Path(__file__).parents[1] / "clips" / "clip.m4a"
LISTED = promptflow.list_tools()


@pytest.fixture
def _sandbox(sandbox_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("APERTIS_BASE_URL", sandbox_url)
    monkeypatch.setenv("APERTIS_API_KEY", "sk-anybody")
    monkeypatch.chdir(tmp_path)
    shutil.copy(CLIP, tmp_path / "meeting.m4a")
    promptflow._toolset.cache_clear()


@pytest.mark.parametrize("tool", TOOLS)
def test_listed(tool: type[AudioTool]) -> None:
    """Each tool is listed with its inputs, of which those without a default are required."""
    listed = LISTED[f"apertis_audio_tools.plugins.promptflow.{tool.name}"]
    inputs = {**listed["inputs"]}
    folders = {inputs.pop(name, {}).get("default") for name in ("folder", "output")}
    assert folders in ({".", None}, {"spoken", None})
    assert list(inputs) == list(tool.arguments.model_fields)
    assert {kind for each in inputs.values() for kind in each["type"]} <= {"string", "double"}
    assert listed["description"] == tool.description


@pytest.mark.usefixtures("_sandbox")
def test_called() -> None:
    """The function that is listed does what it says, in the folder it is told."""
    listed = LISTED["apertis_audio_tools.plugins.promptflow.transcribe_audio"]
    called = getattr(import_module(listed["module"]), listed["function"])
    output = called(path="meeting.m4a", language=None)
    assert output["text"] == "[00:00:00] The meeting is tomorrow."
    assert output["transcript"] == "The meeting is tomorrow."
    with pytest.raises(AccessError, match="outside of the folders"):
        called(path="../elsewhere.m4a", folder=".")


@pytest.mark.usefixtures("_sandbox")
def test_spoken(tmp_path: Path) -> None:
    """What is spoken is a new file in the folder that the flow names."""
    output = promptflow.speak_text(text="Good morning.", output=str(tmp_path / "out"))
    assert Path(output["path"]).parent == tmp_path / "out"
    assert Path(output["path"]).stat().st_size == output["size"]


@pytest.mark.usefixtures("_sandbox")
def test_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tools are listed without a key; calling one says where a key goes."""
    monkeypatch.delenv("APERTIS_API_KEY")
    assert promptflow.list_tools() == LISTED
    with pytest.raises(ApertisError, match="APERTIS_API_KEY"):
        promptflow.transcribe_audio(path="meeting.m4a")


def test_unknown() -> None:
    """The module has no other functions."""
    with pytest.raises(AttributeError, match="'sing_text'"):
        _ = promptflow.sing_text
