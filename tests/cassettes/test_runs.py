"""Test runs with cassettes: the origin of responses, recorded files and permitted hosts."""

import shutil

import pytest

from support.cassettes.audit import audit
from support.cassettes.local_recording import FORGED_KEY

TESTS = """
import asyncio, socket
import httpx, pytest

def ask(call_mode, service, kind):
    url, headers = f"{service.base_url}/{kind}", {"Authorization": f"Bearer {service.api_key}"}
    if call_mode == "sync":
        return httpx.get(url, headers=headers, timeout=60).content
    async def aask():
        async with httpx.AsyncClient(timeout=60) as client:
            return (await client.get(url, headers=headers)).content
    return asyncio.run(aask())

@pytest.mark.vcr
@pytest.mark.parametrize("kind", ["spaced", "long-binary"])
def test_it(service, call_mode, kind):
    assert ask(call_mode, service, kind)
"""


PRINT_ORPHANS = """
def test_orphans(orphaned_cassettes):
    print(orphaned_cassettes)
"""


@pytest.fixture(name="project")
def _project(recording_project: pytest.Pytester) -> pytest.Pytester:
    recording_project.makepyfile(test_area=TESTS)
    return recording_project


def _run(project: pytest.Pytester, *options: str, **outcomes: int) -> str:
    result = project.runpytest_inprocess(*options)
    result.assert_outcomes(**outcomes)
    return result.stdout.str() + result.stderr.str()


def test_record_and_replay(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """One recording run serves the sync and the async tests, which replay it without a server."""
    _run(project, "--record-mode=rewrite", passed=4)
    root = project.path / "cassettes"
    names = ["sandbox/area/test_it-long-binary.yaml", "sandbox/area/test_it-spaced.yaml"]
    assert [path.relative_to(root).as_posix() for path in sorted(root.rglob("*.yaml"))] == names
    assert audit(root) == []
    monkeypatch.delenv("SANDBOX_URL")
    project.makeconftest('pytest_plugins = ("support.cassettes.plugin",)')
    _run(project, passed=4)


def test_unplayed_and_missing(project: pytest.Pytester) -> None:
    """A replay fails if part of its cassette is unplayed, or if there is no cassette."""
    missing = _run(project, errors=4)
    assert "There is no cassette area/test_it-long-binary; record" in missing
    twice = TESTS.replace("    assert", '    ask(call_mode, service, "empty")\n    assert')
    project.makepyfile(test_area=twice)
    _run(project, "--record-mode=rewrite", passed=4)
    project.makepyfile(test_area=TESTS)
    unplayed = _run(project, passed=4, errors=4)
    assert (
        "area/test_it-spaced contains requests that the test did not send: <Request (GET)"
        in unplayed
    )


@pytest.mark.parametrize("mode", ["once", "new_episodes", "all"])
def test_other_modes_refused(project: pytest.Pytester, mode: str) -> None:
    """Modes other than none and rewrite are refused, as they would mix recordings."""
    result = project.runpytest_inprocess(f"--record-mode={mode}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("**can only be recorded with*")


def test_orphans(project: pytest.Pytester) -> None:
    """A cassette without a test is reported once its module is collected or removed."""
    _run(project, "--record-mode=rewrite", passed=4)
    gone = project.path / "cassettes" / "sandbox" / "gone"
    shutil.copytree(gone.parent / "area", gone)
    renamed = TESTS.replace('["spaced", ', "[") + PRINT_ORPHANS
    project.makepyfile(test_area=renamed)
    output = _run(project, "-s", "-k", "orphans", passed=1, deselected=2)
    assert "sandbox/area/test_it-spaced.yaml belongs to no test" in output
    assert "sandbox/gone/test_it-long-binary.yaml belongs to no test" in output
    assert "area/test_it-long-binary.yaml belongs" not in output
    project.makepyfile(test_other=PRINT_ORPHANS)
    output = _run(project, "-s", "test_other.py", passed=1)
    assert "sandbox/gone/test_it-long-binary.yaml belongs to no test" in output
    assert "area/test_it-spaced.yaml belongs" not in output


def test_shared_cassette_refused(project: pytest.Pytester) -> None:
    """Two tests whose cassettes would have the same name are refused."""
    project.mkdir("more").joinpath("test_area.py").write_text(TESTS, "utf-8")
    result = project.runpytest_inprocess()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("*would be the cassette of*")


def test_network(project: pytest.Pytester, loopback_url: str) -> None:
    """A replay connects to nothing, not even to this machine; other tests to this machine only."""
    _run(project, "--record-mode=rewrite", passed=4)
    port = loopback_url.rpartition(":")[2].partition("/")[0]
    reach = f"""
def reach(call_mode, host):
    if call_mode == "sync":
        with socket.socket() as probe:
            return probe.connect((host, {port}))
    async def areach():
        _, writer = await asyncio.open_connection(host, {port})
        writer.close()
        await writer.wait_closed()
    return asyncio.run(areach())

def assert_blocked():
    return pytest.raises(RuntimeError, match="Network is disabled")

def test_open(call_mode):
    reach(call_mode, "127.0.0.1")
    with assert_blocked():
        reach(call_mode, "192.0.2.1")
"""
    closed = """    for host in ("127.0.0.1", "192.0.2.1"):
        with assert_blocked():
            reach(call_mode, host)
"""
    project.makepyfile(test_area=TESTS + closed + reach)
    _run(project, passed=6)


def test_bypass(project: pytest.Pytester) -> None:
    """Without cassettes the same tests use the sandbox and write nothing."""
    _run(project, "--disable-recording", passed=4)
    assert not (project.path / "cassettes").exists()


def test_only_the_service_is_live(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, loopback_url: str
) -> None:
    """With a key a recording run is live, and only the service's responses are accepted."""
    monkeypatch.setenv("APERTIS_API_KEY", FORGED_KEY)
    monkeypatch.setenv("APERTIS_BASE_URL", loopback_url)
    output = _run(project, "--record-mode=rewrite", "-k", "not async", passed=2, errors=2)
    assert "apertis-live/area/test_it-spaced.yaml" in output
    assert "which is not the service" in output


def test_live_recordings_come_first(project: pytest.Pytester) -> None:
    """Recordings of the service are preferred in a replay; a recording run replays its own."""
    _run(project, "--record-mode=rewrite", passed=4)
    live = project.path / "cassettes" / "apertis-live"
    shutil.copytree(live.parent / "sandbox", live)
    cassette = live / "area" / "test_it-spaced.yaml"
    cassette.write_text(cassette.read_text("utf-8").replace("hello", "live!"), "utf-8")
    project.makepyfile(test_area=TESTS.replace("assert", "assert b'live!' in"))
    _run(project, "-k", "spaced", passed=2, deselected=2)
    project.makepyfile(test_area=TESTS.replace("assert", "assert b'hello' in"))
    _run(project, "-k", "spaced", "--record-mode=rewrite", passed=2, deselected=2)
