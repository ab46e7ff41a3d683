"""The pytest plugin: the origin of responses, the paths of cassettes, and the permitted hosts.

A plain run replays cassettes and connects to nothing. `--record-mode=rewrite` records cassettes,
`--disable-recording` runs without them; both use the service if `APERTIS_API_KEY` is set, else a
fresh sandbox. A test that fails while it is recorded leaves its cassette as it was, and what it
received in the folder of contradictions.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from vcr.cassette import Cassette  # type: ignore[import-untyped]

from support.cassettes import contradictions, naming
from support.cassettes.canonical import CANONICAL_ORIGIN, canonical_request, clean_response
from support.cassettes.peers import add_peer, record_peers
from support.cassettes.persister import Persister
from support.cassettes.storage import ORIGINS

LIVE, SANDBOX = ORIGINS
SERVICE_URL = f"{CANONICAL_ORIGIN}/v1"
REPLAY_KEY = "sk-nobody"
VCR_OPTIONS = {
    "before_record_request": canonical_request,
    "before_record_response": (clean_response, add_peer),
    "decode_compressed_response": True,
    "match_on": ("method", "uri", "raw_body"),
    "allow_playback_repeats": False,
}
LOOPBACK = [r"127\.\d+\.\d+\.\d+$", r"::1$", r"localhost$"]


@dataclass(frozen=True)
class Service:
    """Base URL and key that a cassette test uses."""

    base_url: str
    api_key: str = field(repr=False)


@dataclass(frozen=True)
class RunSettings:
    """Settings of this run, from the command line and the environment."""

    root: Path
    recording: bool
    bypassing: bool
    live: Service | None

    @property
    def origin(self) -> str:
        """Origin of responses that come from no cassette."""
        return LIVE if self.live else SANDBOX


RUN = pytest.StashKey[RunSettings]()
ORPHANS = pytest.StashKey[list[str]]()
FAILED = pytest.StashKey[bool]()
PERSISTERS = pytest.StashKey[list[Persister]]()


def pytest_configure(config: pytest.Config) -> None:
    """Read the settings once, before tests change the environment."""
    mode = config.getoption("--record-mode") or "none"
    if mode not in ("none", "rewrite"):
        raise pytest.UsageError("Cassettes can only be recorded with --record-mode=rewrite.")
    config.stash[PERSISTERS] = []
    key = os.environ.get("APERTIS_API_KEY")
    url = os.environ.get("APERTIS_BASE_URL") or SERVICE_URL
    config.stash[RUN] = RunSettings(
        root=config.rootpath / "cassettes",
        recording=mode == "rewrite",
        bypassing=config.getoption("--disable-recording"),
        live=Service(url, key) if key else None,
    )


def pytest_recording_configure(config: pytest.Config, vcr: Any) -> None:
    """Register the persister of the cassettes."""
    run = config.stash[RUN]
    secret = run.live.api_key if run.live else None
    persister = Persister(run.root, run.recording and vcr.record_mode != "none", secret)
    vcr.register_persister(persister)
    config.stash[PERSISTERS].append(persister)


@pytest.hookimpl(tryfirst=True)  # before -k and -m deselect tests
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Require a cassette of its own for each test, and find cassettes without a test."""
    if shared := naming.shared_names(items):
        raise pytest.UsageError(" ".join(shared))
    selective = config.getoption("lf", default=False) or any("::" in arg for arg in config.args)
    folders = [config.rootpath / path for path in config.getini("testpaths")]
    modules = [module for folder in folders for module in folder.rglob("test_*.py")]
    root = config.stash[RUN].root
    config.stash[ORPHANS] = [] if selective else naming.orphans(root, items, modules)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Fail a test whose cassette could not be written, once vcrpy has cleaned up."""
    yield
    persisters = item.config.stash[PERSISTERS]
    while persisters:
        persisters.pop().require_saved()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Record failures, because a failed test must not record or complete a cassette."""
    report = yield
    if report.failed:  # type: ignore[attr-defined]
        item.stash[FAILED] = True
    return report


@pytest.fixture(scope="session")
def orphaned_cassettes(pytestconfig: pytest.Config) -> list[str]:
    """Return a sentence for each cassette that no collected test replays."""
    return pytestconfig.stash[ORPHANS]


@pytest.fixture(params=naming.CALL_MODES)
def call_mode(request: pytest.FixtureRequest) -> str:
    """Return "sync" or "async"; both forms of a test share one cassette."""
    return str(request.param)


@pytest.fixture(scope="session")
def recorder_url(pytestconfig: pytest.Config) -> Iterator[str | None]:
    """Yield the base URL of a fresh sandbox, in runs that need one.

    It has session scope, so that it runs before a cassette could record its start.
    """
    run = pytestconfig.stash[RUN]
    if run.live or not (run.recording or run.bypassing):
        yield None
        return
    from apertis_audio_tools.sandbox import Sandbox

    with Sandbox() as url:
        yield url


@pytest.fixture
def service(request: pytest.FixtureRequest, record_mode: str, recorder_url: str | None) -> Service:
    """Return the base URL and the key that a cassette test uses."""
    run = request.config.stash[RUN]
    if record_mode == "none" and not run.bypassing:
        return Service(SERVICE_URL, REPLAY_KEY)
    return run.live or Service(str(recorder_url), REPLAY_KEY)


@pytest.fixture
def record_mode(request: pytest.FixtureRequest) -> str:
    """Return the mode: only the sync form records; the async form replays that recording.

    The mode of a recording is not "rewrite", which would delete the cassette of a test that fails.
    """
    recording = request.config.stash[RUN].recording and naming.call_mode(request.node) != "async"
    return "new_episodes" if recording else "none"


@pytest.fixture
def vcr_cassette_dir(request: pytest.FixtureRequest) -> str:
    """Return the folder of this run's origin; in a replay, of the preferred recording."""
    run, name = request.config.stash[RUN], naming.cassette_name(request.node)
    recorded = [origin for origin in ORIGINS if (run.root / origin / f"{name}.yaml").exists()]
    origin = run.origin if run.recording or not recorded else recorded[0]
    return str((run.root / origin / name).parent)


@pytest.fixture
def default_cassette_name(request: pytest.FixtureRequest) -> str:
    """Return the name of the file without its suffix."""
    return naming.cassette_name(request.node).rpartition("/")[2]


@pytest.fixture
def vcr_config() -> dict[str, Any]:
    """Return the options of vcrpy; requests match by every byte except the host."""
    return VCR_OPTIONS


@pytest.fixture
def allowed_hosts(
    request: pytest.FixtureRequest, vcr_markers: list[pytest.Mark]
) -> list[str] | None:
    """Return the permitted hosts: none in a replay, all for the service, else the loopback."""
    run = request.config.stash[RUN]
    if vcr_markers and not run.bypassing:
        return None
    return [".*"] if vcr_markers and run.live else LOOPBACK


@pytest.fixture(autouse=True)
def whole_cassette(
    request: pytest.FixtureRequest, vcr: Cassette | None, record_mode: str
) -> Iterator[None]:
    """Fail a replay that leaves part of its cassette unplayed; record no test that fails."""
    name, run = naming.cassette_name(request.node), request.config.stash[RUN]
    if vcr is None:
        yield
    elif record_mode != "none":
        persister = request.config.stash[PERSISTERS][-1]
        kept_name = f"{run.origin}/{name}.yaml"
        contradictions.discard(contradictions.folder(run.root), kept_name)
        with record_peers():
            yield
        if request.node.stash.get(FAILED, False):
            persister.keep(kept_name, vcr.requests, vcr.responses)
            vcr.dirty = False
    else:
        if not len(vcr):
            pytest.fail(
                f"There is no cassette {name}; record it with pytest --record-mode=rewrite."
            )
        yield
        unplayed = [str(r) for i, r in enumerate(vcr.requests) if not vcr.play_counts[i]]
        if unplayed and not request.node.stash.get(FAILED, False):
            pytest.fail(
                f"{name} contains requests that the test did not send: {', '.join(unplayed)}"
            )
