"""The agent tools for programs that call them by name."""

import inspect
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from apertis_audio_tools import AccessError, ApertisAudio, ConfigurationError
from apertis_audio_tools.adapters.tools import TOOLS, AudioTool
from apertis_audio_tools.plugins.toolset import Toolset, caching_client, tool_function
from support.timeouts import TIMEOUT

CLIP = Path(__file__).parents[1] / "clips" / "clip.m4a"


def test_errors_at_the_first_call(tmp_path: Path) -> None:
    """A missing folder or key is an error of the first call, not of the construction."""
    toolset = Toolset(ApertisAudio, str(tmp_path / "none"))
    with pytest.raises(AccessError, match="There is no folder"):
        toolset.run("transcribe_audio", path="meeting.m4a")
    toolset = Toolset(ApertisAudio, tmp_path)
    with pytest.raises(ConfigurationError, match="APERTIS_API_KEY"):
        toolset.run("transcribe_audio", path="meeting.m4a")


async def test_sync_and_async(sandbox_url: str, tmp_path: Path) -> None:
    """Sync and async calls use the same client."""
    shutil.copy(CLIP, tmp_path / "meeting.m4a")
    made: list[ApertisAudio] = []

    def make() -> ApertisAudio:
        made.append(ApertisAudio("sk-anybody", base_url=sandbox_url))
        return made[-1]

    toolset = Toolset(make, tmp_path)
    result = toolset.run("transcribe_audio", path="meeting.m4a")
    assert result.text == "[00:00:00] The meeting is tomorrow."
    assert (await toolset.arun("transcribe_audio", path="meeting.m4a")).text == result.text
    assert len(made) == 1
    await made[0].aclose()


def test_one_client_for_all_threads(tmp_path: Path) -> None:
    """A thread that calls a tool while another thread makes the client waits for it."""
    made: list[ApertisAudio] = []
    second = threading.Event()

    def make() -> ApertisAudio:
        made.append(ApertisAudio("sk-anybody"))
        if len(made) == 1:
            threads.submit(call)
            second.wait(0.2)  # times out unless a second client is made
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


def test_concurrent_toolsets(tmp_path: Path) -> None:
    """Two toolsets can make their clients at the same time."""
    together = threading.Barrier(2)

    def make() -> ApertisAudio:
        together.wait(TIMEOUT)
        return ApertisAudio("sk-anybody")

    def call(toolset: Toolset) -> None:
        with pytest.raises(AccessError, match="There is no file"):
            toolset.run("transcribe_audio", path="none.m4a")

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(call, [Toolset(make, tmp_path), Toolset(make, tmp_path)]))


@pytest.mark.parametrize("tool", TOOLS)
def test_function(tool: type[AudioTool]) -> None:
    """The function of a tool has its name, description and parameters, and passes arguments on."""
    called = tool_function(tool, lambda name, **arguments: (name, arguments))
    parameters = inspect.signature(called).parameters
    assert (called.__name__, called.__doc__) == (tool.name, tool.description)
    assert [*parameters] == [*tool.arguments.model_fields]
    for name, field in tool.arguments.model_fields.items():
        assert parameters[name].annotation == field.annotation
        assert (parameters[name].default is inspect.Parameter.empty) == field.is_required()
    assert called(path="a") == (tool.name, {"path": "a"})


def test_caching_client(sandbox_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Transcripts are cached in the folder of the environment variable."""
    monkeypatch.setenv("APERTIS_BASE_URL", sandbox_url)
    monkeypatch.setenv("APERTIS_AUDIO_CACHE", str(tmp_path))
    with caching_client("sk-anybody") as audio:
        first = audio.transcribe(CLIP)
    with caching_client("wrong-key") as audio:
        assert audio.transcribe(CLIP).segments == first.segments


@pytest.mark.skipif(sys.platform == "win32", reason="makes links")
@pytest.mark.parametrize("comes_later", [False, True])
def test_default_folder_that_is_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, comes_later: bool
) -> None:
    """A link in place of the folder that nobody named is refused with its target."""
    monkeypatch.chdir(tmp_path)
    for name in ("home", "recordings"):
        (tmp_path / name).mkdir()
    shutil.copy(CLIP, tmp_path / "home" / "private.m4a")
    toolset = Toolset(
        lambda: ApertisAudio("key-of-a-test"), "recordings", "spoken", is_default_output=True
    )
    if comes_later:
        with pytest.raises(AccessError, match="There is no file"):
            toolset.run("transcribe_audio", path="private.m4a")
    (tmp_path / "spoken").symlink_to("home")
    for name, arguments in (
        ("transcribe_audio", {"path": "private.m4a"}),
        ("speak_text", {"text": "Hello."}),
    ):
        with pytest.raises(AccessError) as refused:
            toolset.run(name, **arguments)
        assert comes_later or f"written to '{tmp_path / 'home'}'" in str(refused.value)
    assert [*(tmp_path / "home").iterdir()] == [tmp_path / "home" / "private.m4a"]
