"""A cluster of Ray transcribes each recording once, within its limits, whatever is killed.

`make ray` runs these tests, because Ray is heavy. Requests are counted at the service.
"""

import itertools
import logging
import shutil
import subprocess
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray.data", reason="make ray installs it")

from apertis_audio_tools import ConfigurationError
from support.doc_pages import CLIPS, ROOT, code_blocks
from support.loopback_server import Exchange, LoopbackServer
from support.ray_clusters import (
    KEY,
    CountingService,
    RayCluster,
    driver_environment,
    kill,
    ray_cluster,
    read_rows,
    write_tiny_recordings,
)
from support.scripted_responses import respond_error
from support.wav_files import write_silent_wav

EXAMPLE = ROOT / "examples" / "ray_corpus.py"
figures = logging.getLogger("figures")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
NUMBER = 2000
LIMIT = 6
"""Pieces under way at once, of more workers and threads than that."""
IN_FLIGHT = LIMIT + 2
"""Recordings that may be paid for twice after a kill: those that were under way."""


@pytest.fixture(scope="module", name="cluster")
def _cluster() -> Iterator[RayCluster]:
    with ray_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module", name="recordings")
def _recordings(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_tiny_recordings(tmp_path_factory.mktemp("recordings"), NUMBER)


def require_each_once(rows: list[dict[str, Any]], recordings: list[Path]) -> None:
    """Check that each recording has one row, with its own text."""
    assert sorted(row["source"] for row in rows) == sorted(map(str, recordings))
    assert {Path(row["source"]).stem for row in rows} == {row["text"] for row in rows}
    assert {row["error"] for row in rows} == {None}


def paid_twice(service: CountingService) -> int:
    """Return the number of requests beyond one for each recording."""
    return sum(service.billed.values()) - len(service.billed)


def test_killed_worker(cluster: RayCluster, recordings: list[Path], tmp_path: Path) -> None:
    """A worker is killed: each recording is in one row, and the limit holds all the time."""
    service = CountingService()
    with LoopbackServer([service]) as server:
        driver = cluster.start_driver(
            recordings,
            tmp_path / "rows",
            server.url,
            workers=3,
            cluster_concurrency=LIMIT,
            requests_per_minute=None,
            cache=(tmp_path / "cache").as_uri(),
        )
        service.wait_for(NUMBER // 4)
        victim, *_ = workers = cluster.workers()
        assert len(workers) == 3
        kill(victim)
        output = driver.finish()
        assert driver.process.returncode == 0, output
    require_each_once(read_rows(tmp_path / "rows"), recordings)
    figures.info("%d at once, %d paid twice", service.most, paid_twice(service))
    assert service.most == LIMIT
    assert len(service.billed) == NUMBER
    assert paid_twice(service) <= IN_FLIGHT


def test_killed_driver(cluster: RayCluster, recordings: list[Path], tmp_path: Path) -> None:
    """The driver is killed and started again at once: it pays only for what was under way."""
    service = CountingService()
    settings: dict[str, Any] = {
        "workers": 3,
        "cluster_concurrency": LIMIT,
        "requests_per_minute": None,
        "cache": str(tmp_path / "cache"),
    }
    with LoopbackServer([service]) as server:
        driver = cluster.start_driver(recordings, tmp_path / "lost", server.url, **settings)
        service.wait_for(NUMBER // 3)
        kill(driver.process.pid)
        driver.finish()
        rows = cluster.run(recordings, tmp_path / "rows", server.url, **settings)
    require_each_once(rows, recordings)
    figures.info("%d at once, %d paid twice", service.most, paid_twice(service))
    assert service.most == LIMIT
    assert len(service.billed) == NUMBER
    assert paid_twice(service) <= IN_FLIGHT
    assert sum(row["sent_seconds"] > 0 for row in rows) < NUMBER


def test_nothing_twice(cluster: RayCluster, recordings: list[Path], tmp_path: Path) -> None:
    """Without a failure, nothing is sent twice, not even by a second run."""
    service, few = CountingService(), recordings[:100]
    with LoopbackServer([service]) as server:
        for number in range(2):
            rows = cluster.run(
                few, tmp_path / f"rows{number}", server.url, cache=str(tmp_path / "cache")
            )
            require_each_once(rows, few)
    assert set(service.billed.values()) == {1}
    assert {row["cost"] for row in rows} == {0.0}


def test_requests_of_a_minute(cluster: RayCluster, recordings: list[Path], tmp_path: Path) -> None:
    """All workers together send no more in any 60 s than a minute allows."""
    service, few = CountingService(), recordings[:90]
    with LoopbackServer([service]) as server:
        rows = cluster.run(
            few, tmp_path / "rows", server.url, workers=3, requests_per_minute=60, cache=False
        )
    require_each_once(rows, few)
    times = service.arrivals
    figures.info("%d requests in %.0f s", len(times), times[-1] - times[0])
    assert max(sum(0 <= at - first < 60 for at in times) for first in times) == 60


def test_cooldown(cluster: RayCluster, recordings: list[Path], tmp_path: Path) -> None:
    """One worker is told to wait for 5 s, and within two nobody sends anything."""
    refused = list[float]()

    def refuse_one(_: str, exchange: Exchange) -> bool:
        if len(service.arrivals) < 100 or refused:
            return False
        refused.append(time.monotonic())
        respond_error(429, "rate_limit_exceeded", retry_after="5")(exchange)
        return True

    service, few = CountingService(before=refuse_one), recordings[:300]
    with LoopbackServer([service]) as server:
        rows = cluster.run(few, tmp_path / "rows", server.url, workers=3, cache=False)
    require_each_once(rows, few)
    after = [at - refused[0] for at in service.arrivals if at > refused[0]]
    last = max((each for each in after if each < 5), default=0.0)
    figures.info("the last request came %.2f s after the response", last)
    assert last < 2
    assert max(after) > 5


def test_budget(cluster: RayCluster, recordings: list[Path], tmp_path: Path) -> None:
    """The workers spend one budget; recordings beyond it are rows with the error."""
    service, few = CountingService(), recordings[:200]
    with LoopbackServer([service]) as server:
        rows = cluster.run(
            few, tmp_path / "rows", server.url, workers=3, max_audio_seconds=20, cache=False
        )
    assert len(rows) == 200
    kinds = Counter(row["error_type"] for row in rows)
    assert sum(service.billed.values()) == kinds[None]
    assert sum(row["sent_seconds"] for row in rows) <= 20
    assert kinds.keys() == {None, "BudgetExceededError"}
    figures.info("%s", kinds)


def test_failures(cluster: RayCluster, tmp_path: Path) -> None:
    """A missing, a broken and a refused recording are rows, beside those that succeed."""
    good, refused = tmp_path / "good.wav", tmp_path / "bad.wav"
    write_silent_wav(good, 3200)
    write_silent_wav(refused, 3202)
    (tmp_path / "broken.mp3").write_bytes(b"no sound at all" * 100)
    paths = [good, refused, tmp_path / "broken.mp3", tmp_path / "gone.wav"]
    with LoopbackServer([CountingService()]) as server:
        rows = cluster.run(paths, tmp_path / "rows", server.url, cache=False)
    kinds = {Path(row["source"]).name: row["error_type"] for row in rows}
    assert len(rows) == len(kinds) == 4
    assert kinds["good.wav"] is None
    assert kinds["bad.wav"] == "InvalidRequestError"
    assert kinds["gone.wav"] == "RecordingError"
    assert kinds["broken.mp3"] in {"RecordingError", "UnsupportedError"}


def test_wrong_key(cluster: RayCluster, recordings: list[Path], tmp_path: Path) -> None:
    """An error that all recordings share is sent for once or twice by each worker's threads."""
    with LoopbackServer([respond_error(401, "invalid_api_key")]) as server:
        rows = cluster.run(recordings[:300], tmp_path / "rows", server.url, cache=False)
    assert Counter(row["error_type"] for row in rows) == {"AuthenticationError": 300}
    assert len(server.requests) <= 2 * 8


@pytest.mark.parametrize(
    "invalid",
    [
        {"workers": 0},
        {"cluster_concurrency": 0},
        {"requests_per_minute": 0},
        {"max_cost": -1},
        {"cache": "nosuch://folder"},
        {"paths": []},
    ],
    ids=str,
)
def test_invalid_options(recordings: list[Path], invalid: dict[str, Any]) -> None:
    """Invalid options are refused by the driver, and the error does not show the key."""
    from apertis_audio_tools.ray import transcribe_dataset

    options: dict[str, Any] = {"paths": recordings[:2], "api_key": KEY} | invalid
    with pytest.raises(ConfigurationError) as caught:
        transcribe_dataset(**options)
    below = itertools.islice(traceback.walk_tb(caught.value.__traceback__), 1, None)
    assert not [frame for frame, _ in below if KEY in str(frame.f_locals)]


def test_lost_limits(cluster: RayCluster, recordings: list[Path], tmp_path: Path) -> None:
    """The keeper of the limits is killed: the job ends with an error, and can be started again."""
    service, few = CountingService(seconds=0.1), recordings[:600]
    settings = {"cluster_concurrency": LIMIT, "cache": str(tmp_path / "cache")}
    with LoopbackServer([service]) as server:
        driver = cluster.start_driver(few, tmp_path / "lost", server.url, **settings)
        service.wait_for(60)
        for keeper in cluster.workers("ray::LimitsActor"):
            kill(keeper)
        output = driver.finish()
        assert driver.process.returncode != 0
        assert "LimitsLostError" in output
        assert "Start the job again" in output
        rows = cluster.run(few, tmp_path / "rows", server.url, **settings)
    require_each_once(rows, few)
    assert paid_twice(service) <= IN_FLIGHT


def test_memory(cluster: RayCluster, tmp_path: Path) -> None:
    """The memory of a worker does not grow with the number of recordings, nor with their size."""
    peaks = []
    for number, size in ((4, 4_000_000), (40, 16_000_000)):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        urls = [
            write_silent_wav(folder / f"long{each}.wav", size + 2 * each).as_uri()
            for each in range(number)
        ]
        peak = 0

        def measure(_: str, __: Exchange) -> bool:
            nonlocal peak
            peak = max([peak, *map(peak_memory, cluster.workers())])
            return False

        with LoopbackServer([CountingService(before=measure)]) as server:
            rows = cluster.run(
                urls, folder / "rows", server.url, workers=1, cache=False, max_concurrency=2
            )
        assert {row["error"] for row in rows} == {None}
        peaks.append(peak)
    figures.info("%s bytes", peaks)
    assert peaks[1] - peaks[0] < 64 * 1024 * 1024


def test_example(tmp_path: Path) -> None:
    """The example transcribes a folder with the sandbox, and says what it cost."""
    (tmp_path / "recordings").mkdir()
    shutil.copy(CLIPS / "clip.ogg", tmp_path / "recordings" / "standup.ogg")
    (tmp_path / "recordings" / "broken.mp3").write_bytes(b"no sound at all" * 100)
    finished = subprocess.run(
        [sys.executable, EXAMPLE, "recordings", "passages", "--sandbox", "--cache", "cache"],
        cwd=tmp_path,
        env=driver_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert "broken.mp3 failed: " in finished.stdout
    assert "Passages: 1. Cost: $0.00" in finished.stdout


def test_page(tmp_path: Path) -> None:
    """The Python on the page runs, with a local folder and fewer workers."""
    corpus, pipeline = code_blocks(ROOT / "docs" / "scale.md", "python")
    write_tiny_recordings(tmp_path / "recordings", 3)
    between = """
column = passages.select_columns("source").rename_columns({"source": "path"})
column.write_parquet("recordings.parquet")
"""
    script = f"{corpus}{between}{pipeline}assert len(passages.take_all()) == 3"
    script = script.replace("s3://meetings/2027/*.mp3", str(tmp_path / "recordings"))
    script = script.replace("s3://corpus", tmp_path.as_uri()).replace("=16", "=1")
    with LoopbackServer([CountingService()]) as server:
        settings = {"APERTIS_API_KEY": KEY, "APERTIS_BASE_URL": server.url}
        finished = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            env=driver_environment() | settings,
            capture_output=True,
            text=True,
            check=False,
        )
    assert finished.returncode == 0, finished.stderr


def peak_memory(pid: int) -> int:
    """Return the peak of the resident memory of a process, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


def test_s3(cluster: RayCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recordings, cache and rows are in S3; a second run sends nothing."""
    moto = pytest.importorskip("moto.server")
    import fsspec  # type: ignore[import-untyped]

    service = CountingService()
    s3 = moto.ThreadedMotoServer("127.0.0.1", 0)
    s3.start()
    try:
        host, port = s3.get_host_and_port()
        for name, value in {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        }.items():
            monkeypatch.setenv(name, value)
        files = fsspec.filesystem("s3")
        files.mkdir("corpus")
        for path in write_tiny_recordings(tmp_path / "recordings", 40):
            files.put_file(str(path), f"corpus/2027/{path.name}")
        with LoopbackServer([service]) as server:
            for number in range(2):
                rows = cluster.run(
                    ["s3://corpus/2027/*.wav", "s3://corpus/gone.wav"],
                    tmp_path / f"rows{number}",
                    server.url,
                    cache="s3://corpus/transcripts",
                )
                failed = [row for row in rows if row["error"]]
                assert [row["source"] for row in failed] == ["s3://corpus/gone.wav"]
                assert len(rows) == 41
        assert "s3://corpus/2027/r7.wav" in {row["source"] for row in rows}
        assert set(service.billed.values()) == {1}
        assert len(service.billed) == 40
    finally:
        s3.stop()
