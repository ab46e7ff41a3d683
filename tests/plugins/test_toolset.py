"""The agent's tools in the hands of programs that call them by name."""

import inspect
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from apertis_audio_tools import AccessError, ApertisAudio, ConfigurationError, Transcript
from apertis_audio_tools.adapters.tools import TOOLS, AudioTool
from apertis_audio_tools.plugins.timecoded import SILENCE, timecoded
from apertis_audio_tools.plugins.toolset import Toolset, caching_client, tool_function
from apertis_audio_tools.results import Segment
from support.timeouts import PATIENCE

CLIP = Path(__file__).parents[1] / "clips" / "clip.m4a"


def test_nothing_before_the_first_call(tmp_path: Path) -> None:
    """A missing folder or key is an error of the call, not of making the tools."""
    toolset = Toolset(ApertisAudio, str(tmp_path / "none"))
    with pytest.raises(AccessError, match="There is no folder"):
        toolset.run("transcribe_audio", path="meeting.m4a")
    toolset = Toolset(ApertisAudio, tmp_path)
    with pytest.raises(ConfigurationError, match="APERTIS_API_KEY"):
        toolset.run("transcribe_audio", path="meeting.m4a")


async def test_both_colours(sandbox_url: str, tmp_path: Path) -> None:
    """What is asked of a tool is asked once of a client that is made once."""
    shutil.copy(CLIP, tmp_path / "meeting.m4a")
    made: list[ApertisAudio] = []

    def make() -> ApertisAudio:
        made.append(ApertisAudio("sk-any", base_url=sandbox_url))
        return made[-1]

    toolset = Toolset(make, tmp_path)
    said = toolset.run("transcribe_audio", path="meeting.m4a")
    assert said.text == "[00:00:00] The meeting is tomorrow."
    assert (await toolset.arun("transcribe_audio", path="meeting.m4a")).text == said.text
    assert len(made) == 1
    await made[0].aclose()


def test_one_client_for_all_threads(tmp_path: Path) -> None:
    """A thread that calls a tool while another makes the client waits for that one."""
    made: list[ApertisAudio] = []
    second = threading.Event()

    def make() -> ApertisAudio:
        made.append(ApertisAudio("sk-any"))
        if len(made) == 1:
            threads.submit(call)
            second.wait(0.2)  # which goes by where there is none, as it should
        else:
            second.set()
        return made[-1]

    def call() -> None:
        with pytest.raises(AccessError, match="There is no file"):
            toolset.run("transcribe_audio", path="none.m4a")

    toolset = Toolset(make, tmp_path)
    with ThreadPoolExecutor(2) as threads:
        threads.submit(call).result()
    assert len(made) == 1


def test_clients_of_two(tmp_path: Path) -> None:
    """Making one client does not hold up another, as it would until Python 3.12."""
    together = threading.Barrier(2)

    def make() -> ApertisAudio:
        together.wait(PATIENCE)
        return ApertisAudio("sk-any")

    def call(toolset: Toolset) -> None:
        with pytest.raises(AccessError, match="There is no file"):
            toolset.run("transcribe_audio", path="none.m4a")

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(call, [Toolset(make, tmp_path), Toolset(make, tmp_path)]))


@pytest.mark.parametrize("tool", TOOLS)
def test_function(tool: type[AudioTool]) -> None:
    """A function made of a tool says what the tool declares, and passes on what it is given."""
    called = tool_function(tool, lambda name, **given: (name, given), {"folder": "."})
    taken = inspect.signature(called).parameters
    assert (called.__name__, called.__doc__) == (tool.name, tool.description)
    assert [*taken] == [*tool.arguments.model_fields, "folder"]
    assert taken["folder"].default == "."
    for name, field in tool.arguments.model_fields.items():
        assert taken[name].annotation == field.annotation
        assert (taken[name].default is inspect.Parameter.empty) == field.is_required()
    assert called(path="a") == (tool.name, {"path": "a"})


def test_remembering(sandbox_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Transcripts are kept where the environment says, and no second call is paid for."""
    monkeypatch.setenv("APERTIS_BASE_URL", sandbox_url)
    monkeypatch.setenv("APERTIS_AUDIO_CACHE", str(tmp_path))
    with caching_client("sk-any") as audio:
        first = audio.transcribe(CLIP)
    with caching_client("wrong-key") as audio:
        assert audio.transcribe(CLIP).segments == first.segments


def test_timecoded() -> None:
    """A transcript is read with times; one without words says so."""
    segments = (Segment(start=61.0, end=62.0, text="Good morning."),)
    transcript = Transcript(text="Good morning.", segments=segments)
    assert timecoded(transcript) == "[00:01:01] Good morning."
    assert timecoded(Transcript(text="")) == SILENCE
