"""What every test can ask for."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from apertis_audio_tools.sandbox import PocketSphinx, Sandbox
from support.caching_recogniser import Remembering
from support.sync_async import RUNS, Run

pytest_plugins = (
    "pytester",
    "support.cassettes.plugin",
    "support.cassettes.local_recording",
    "support.leak_plugin",
)

ROOT = Path(__file__).parent.parent
CLIPS = ROOT / "tests" / "clips"

# The same examples every time, however slow the machine is.
settings.register_profile(
    "tests", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("tests")


@pytest.fixture(params=sorted(RUNS, reverse=True))
def run(request: pytest.FixtureRequest) -> Run:
    """A way to call a verb of the client; each test that asks for it runs in both colours."""
    chosen: Run = RUNS[request.param]
    return chosen


@pytest.fixture(scope="session")
def sandbox_url() -> Iterator[str]:
    """The base URL of a sandbox that is up for the whole session, and hears nothing twice."""
    with PocketSphinx() as engine, Sandbox(recogniser=Remembering(engine)) as url:
        yield url


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: many tests wait for a socket."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_finish() -> None:
    """What was imported and collected stays; the collector of cycles need not look at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in ("APERTIS_API_KEY", "APERTIS_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("APERTIS_AUDIO_CACHE", "0")
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
