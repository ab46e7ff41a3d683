"""The pytest side: who answers in this run, where cassettes lie, what may be reached.

A plain run replays and reaches nothing. `--record-mode=rewrite` records, `--disable-recording`
asks without cassettes; both ask the service when `APERTIS_API_KEY` is set, else a fresh sandbox.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from vcr.cassette import Cassette  # type: ignore[import-untyped]

from support.cassettes import naming
from support.cassettes.canonical import CANONICAL_ORIGIN, canonical_request, clean_response
from support.cassettes.peers import noting_peers, with_peer
from support.cassettes.persister import Persister
from support.cassettes.storage import ORIGINS

LIVE, SANDBOX = ORIGINS
SERVICE_URL = f"{CANONICAL_ORIGIN}/v1"
REPLAY_KEY = "sk-nobody"
VCR_OPTIONS = {
    "before_record_request": canonical_request,
    "before_record_response": (clean_response, with_peer),
    "decode_compressed_response": True,
    "match_on": ("method", "uri", "raw_body"),
    "allow_playback_repeats": False,
}
LOOPBACK = [r"127\.\d+\.\d+\.\d+$", r"::1$", r"localhost$"]


@dataclass(frozen=True)
class Service:
    """Whom a cassette test asks: the service, a sandbox, or a cassette in its name."""

    base_url: str
    api_key: str = field(repr=False)


@dataclass(frozen=True)
class Run:
    """What the command line and the environment ask of this run."""

    root: Path
    recording: bool
    bypassing: bool
    live: Service | None

    @property
    def origin(self) -> str:
        """Who answers where no cassette does."""
        return LIVE if self.live else SANDBOX


RUN = pytest.StashKey[Run]()
ORPHANS = pytest.StashKey[list[str]]()
FAILED = pytest.StashKey[bool]()
PERSISTERS = pytest.StashKey[list[Persister]]()


def pytest_configure(config: pytest.Config) -> None:
    """Read the environment once, before tests change it."""
    mode = config.getoption("--record-mode") or "none"
    if mode not in ("none", "rewrite"):
        raise pytest.UsageError("Cassettes are recorded anew or not at all: --record-mode=rewrite.")
    config.stash[PERSISTERS] = []
    key = os.environ.get("APERTIS_API_KEY")
    url = os.environ.get("APERTIS_BASE_URL") or SERVICE_URL
    config.stash[RUN] = Run(
        root=config.rootpath / "cassettes",
        recording=mode == "rewrite",
        bypassing=config.getoption("--disable-recording"),
        live=Service(url, key) if key else None,
    )


def pytest_recording_configure(config: pytest.Config, vcr: Any) -> None:
    """Let our persister keep the cassettes."""
    run = config.stash[RUN]
    secret = run.live.api_key if run.live else None
    persister = Persister(run.root, run.recording, secret)
    vcr.register_persister(persister)
    config.stash[PERSISTERS].append(persister)


@pytest.hookimpl(tryfirst=True)  # before -k and -m take tests away
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each test a cassette of its own, and find cassettes without a test."""
    if shared := naming.shared_names(items):
        raise pytest.UsageError(" ".join(shared))
    selective = config.getoption("lf", default=False) or any("::" in arg for arg in config.args)
    folders = [config.rootpath / path for path in config.getini("testpaths")]
    modules = [module for folder in folders for module in folder.rglob("test_*.py")]
    found = [] if selective else naming.orphans(config.stash[RUN].root, items, modules)
    config.stash[ORPHANS] = found


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """A cassette that could not be written fails its test, once vcrpy has cleaned up."""
    yield
    persisters = item.config.stash[PERSISTERS]
    while persisters:
        persisters.pop().require_saved()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remember failures: what a failed test saw is neither recorded nor complete."""
    report = yield
    if report.failed:  # type: ignore[attr-defined]
        item.stash[FAILED] = True
    return report


@pytest.fixture(scope="session")
def orphaned_cassettes(pytestconfig: pytest.Config) -> list[str]:
    """A sentence for each cassette that no collected test replays."""
    return pytestconfig.stash[ORPHANS]


@pytest.fixture(params=naming.COLOURS)
def colour(request: pytest.FixtureRequest) -> str:
    """Both ways to call the client, which share one cassette."""
    return str(request.param)


@pytest.fixture(scope="session")
def recorder_url(pytestconfig: pytest.Config) -> Iterator[str | None]:
    """A fresh sandbox, in runs that ask one.

    Of the session, so that it is up before a cassette could record how it starts.
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
    """Where a cassette test sends its requests, and with what key."""
    run = request.config.stash[RUN]
    if record_mode == "none" and not run.bypassing:
        return Service(SERVICE_URL, REPLAY_KEY)
    return run.live or Service(str(recorder_url), REPLAY_KEY)


@pytest.fixture
def record_mode(request: pytest.FixtureRequest) -> str:
    """Only the sync colour records; the async one replays what was just written."""
    recording = request.config.stash[RUN].recording and naming.colour(request.node) != "async"
    return "rewrite" if recording else "none"


@pytest.fixture
def vcr_cassette_dir(request: pytest.FixtureRequest) -> str:
    """The folder of this run's origin; in a replay, of the best recording there is."""
    run, name = request.config.stash[RUN], naming.cassette_name(request.node)
    recorded = [origin for origin in ORIGINS if (run.root / origin / f"{name}.yaml").exists()]
    origin = run.origin if run.recording or not recorded else recorded[0]
    return str((run.root / origin / name).parent)


@pytest.fixture
def default_cassette_name(request: pytest.FixtureRequest) -> str:
    """The file's name, without its ending."""
    return naming.cassette_name(request.node).rpartition("/")[2]


@pytest.fixture
def vcr_config() -> dict[str, Any]:
    """What vcrpy keeps, and what makes a request the recorded one: every byte but the host's."""
    return VCR_OPTIONS


@pytest.fixture
def allowed_hosts(
    request: pytest.FixtureRequest, vcr_markers: list[pytest.Mark]
) -> list[str] | None:
    """Nothing for a replay, anything where the service itself is asked, else the loopback."""
    run = request.config.stash[RUN]
    if vcr_markers and not run.bypassing:
        return None
    return [".*"] if vcr_markers and run.live else LOOPBACK


@pytest.fixture(autouse=True)
def whole_cassette(
    request: pytest.FixtureRequest, vcr: Cassette | None, record_mode: str
) -> Iterator[None]:
    """A replay plays all of its cassette; a failed test records nothing."""
    name = naming.cassette_name(request.node)
    if vcr is None:
        yield
    elif record_mode == "rewrite":
        with noting_peers():
            yield
        vcr.dirty = vcr.dirty and not request.node.stash.get(FAILED, False)
    else:
        if not len(vcr):
            pytest.fail(f"There is no cassette {name}: pytest --record-mode=rewrite makes it.")
        yield
        unplayed = [str(r) for i, r in enumerate(vcr.requests) if not vcr.play_counts[i]]
        if unplayed and not request.node.stash.get(FAILED, False):
            pytest.fail(f"{name} holds more than the test asked for: {', '.join(unplayed)}")
