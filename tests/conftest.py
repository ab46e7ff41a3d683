"""Fixtures and settings of all tests."""

import gc
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from apertis_audio_tools.api.model_lifecycle import ModelLifecycles
from apertis_audio_tools.pipeline import model_directory
from apertis_audio_tools.pipeline.model_directory import ModelDirectory
from apertis_audio_tools.sandbox import Sandbox, Whisper
from apertis_audio_tools.transport.retry import SystemClock
from support.caching_recogniser import CachingRecogniser
from support.sync_async import RUNS, Run

pytest_plugins = (
    "pytester",
    "support.cassettes.plugin",
    "support.cassettes.local_recording",
    "support.leak_plugin",
)

ROOT = Path(__file__).parent.parent
CLIPS = ROOT / "tests" / "clips"

# Examples are the same in every run, and there is no time limit on slow machines.
settings.register_profile(
    "tests", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")


@pytest.fixture(params=sorted(RUNS, reverse=True))
def run(request: pytest.FixtureRequest) -> Run:
    """Return a function that calls a verb; each test that uses it runs sync and async."""
    return RUNS[request.param]


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[str]:
    """Yield the base URL of a sandbox that runs for the whole session and caches recognition."""
    with Whisper() as engine, Sandbox(recogniser=CachingRecogniser(engine)) as url:
        yield url


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return one worker more than there are processors, as many tests wait for a socket."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_finish() -> None:
    """Exclude imported and collected objects from later garbage collections."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _fixed_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test depend on the calendar: on this day, all models of the table are served."""
    monkeypatch.setattr(SystemClock, "today", lambda _: date(2026, 1, 1))
    monkeypatch.setattr(model_directory, "_warned_of", set[str]())


@pytest.fixture(autouse=True)
def _without_model_list(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients ask for no list of models, except in tests with the mark `model_list`."""
    if request.node.get_closest_marker("model_list"):
        return

    async def alifecycles(self: ModelDirectory) -> ModelLifecycles:
        return ModelLifecycles(None, self._table)

    monkeypatch.setattr(
        ModelDirectory, "lifecycles", lambda self: ModelLifecycles(None, self._table)
    )
    monkeypatch.setattr(ModelDirectory, "alifecycles", alifecycles)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the machine's own settings from the environment of every test."""
    for name in ("APERTIS_API_KEY", "APERTIS_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("APERTIS_AUDIO_CACHE", "0")
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
