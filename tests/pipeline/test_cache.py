"""The cache keeps transcripts, and its failures do not stop the work."""

import contextlib
import gc
import json
import multiprocessing
import os
import signal
import sqlite3
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from platformdirs import user_cache_path

from apertis_audio_tools import ConfigurationError, Segment, Transcript, Usage
from apertis_audio_tools.pipeline import cache as cache_module
from apertis_audio_tools.pipeline.cache import CacheSetting, TranscriptCache, open_cache
from support.cache_processes import incompressible_transcript, put_and_be_killed, use_cache

ONE = Transcript(
    text="Größe: 5 µm 好",
    segments=(Segment(id=0, start=0.1, end=1.25, text=" Größe", tokens=(1, 2), avg_logprob=-0.1),),
    language="german",
    duration=9.125,
    usage=Usage(seconds=9.125),
    raw='{"text": "…"}',
)
TWO = Transcript(text="two")


@pytest.fixture(name="cache")
def _cache(tmp_path: Path) -> Iterator[TranscriptCache]:
    cache = TranscriptCache(tmp_path / "deep" / "below")
    yield cache
    cache.close()


@pytest.fixture(name="_ticking")
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the clock advance by a second whenever it is read."""
    seconds = count(1_000.0)
    monkeypatch.setattr(time, "time", lambda: next(seconds))


def test_hit_and_miss(cache: TranscriptCache) -> None:
    """A transcript comes back as it was; other keys are not found."""
    cache.put("one", ONE)
    cache.put("two", TWO)
    assert cache.get("one") == ONE
    assert (cache.get("two"), cache.get("three")) == (TWO, None)


def test_response(cache: TranscriptCache) -> None:
    """The response is in a column of its own, for versions that read more of it."""
    cache.put("one", ONE)
    with contextlib.closing(sqlite3.connect(cache.path)) as database:
        ((body, response),) = database.execute("SELECT body, response FROM transcripts").fetchall()
    assert zlib.decompress(response).decode() == ONE.raw
    assert "raw" not in json.loads(zlib.decompress(body))


def test_earlier_version(tmp_path: Path) -> None:
    """A file of the version before is neither read nor changed, and goes when all are cleared."""
    old = tmp_path / "transcripts-2.sqlite3"
    with contextlib.closing(sqlite3.connect(old)) as database:
        database.execute("CREATE TABLE transcripts (key, size, used, body)")
        database.commit()
    content = old.read_bytes()
    cache = TranscriptCache(tmp_path)
    assert cache.get("one") is None
    cache.put("one", ONE)
    assert (cache.get("one"), old.read_bytes()) == (ONE, content)
    assert cache.clear() == 1
    assert not old.exists()


def test_again(cache: TranscriptCache) -> None:
    """A transcript replaces the previous one with the same key."""
    cache.put("one", ONE)
    cache.put("one", TWO)
    assert cache.get("one") == TWO


def test_closed(cache: TranscriptCache) -> None:
    """A closed cache opens again when it is needed, and so does another one on the same file."""
    cache.put("one", ONE)
    cache.close()
    cache.close()
    assert cache.get("one") == ONE
    other = TranscriptCache(cache.path.parent)
    assert other.get("one") == ONE
    other.close()


def test_garbage_collected(tmp_path: Path) -> None:
    """A cache that is garbage-collected closes its file."""
    cache = TranscriptCache(tmp_path)
    cache.put("one", ONE)
    assert len([*tmp_path.iterdir()]) > 1
    del cache
    gc.collect()
    assert [*tmp_path.iterdir()] == [tmp_path / "transcripts-3.sqlite3"]


@pytest.mark.usefixtures("_ticking")
def test_least_recently_used(tmp_path: Path) -> None:
    """Beyond the maximum size, the least recently used transcript is deleted first."""
    small = TranscriptCache(tmp_path, max_bytes=3000)
    for number in range(2):
        small.put(f"{number}", incompressible_transcript(number))
    assert small.get("0") == incompressible_transcript(0)
    for number in range(2, 5):
        small.put(f"{number}", incompressible_transcript(number))
        assert small.get("0") == incompressible_transcript(0)
    found = [number for number in range(5) if small.get(f"{number}")]
    small.close()
    assert found[0] == 0
    assert found[-1] == 4
    assert 1 not in found


def test_too_large_for_it(tmp_path: Path) -> None:
    """A transcript larger than the maximum is not kept, and no other is deleted for it."""
    small = TranscriptCache(tmp_path, max_bytes=500)
    small.put("one", TWO)
    small.put("two", incompressible_transcript(1))
    assert (small.get("one"), small.get("two")) == (TWO, None)
    small.close()


def test_clear(cache: TranscriptCache) -> None:
    """`clear` deletes all transcripts and returns their number."""
    cache.put("one", incompressible_transcript(1))
    cache.put("two", incompressible_transcript(2))
    assert cache.clear() == 2
    assert cache.get("one") is None
    assert cache.clear() == 0
    cache.close()
    (left,) = cache.path.parent.iterdir()
    assert (left, left.stat().st_size < 20_000) == (cache.path, True)


def test_clear_frees_the_disk(cache: TranscriptCache) -> None:
    """`clear` frees the disk."""
    for number in range(50):
        cache.put(f"{number}", incompressible_transcript(number))
    cache.close()
    before = cache.path.stat().st_size
    cache.clear()
    assert cache.path.stat().st_size < before / 2


def test_damaged_file(cache: TranscriptCache, caplog: pytest.LogCaptureFixture) -> None:
    """A file that is not a database is reported, and kept until the cache is cleared."""
    cache.path.parent.mkdir(parents=True)
    cache.path.write_bytes(b"no database at all " * 1000)
    cache.put("one", ONE)
    assert cache.get("one") is None
    assert "cannot be used: file is not a database" in caplog.text
    assert cache.clear() == 0
    cache.put("one", ONE)
    assert cache.get("one") == ONE


def test_truncated_file(cache: TranscriptCache, caplog: pytest.LogCaptureFixture) -> None:
    """A truncated file behaves like an empty cache."""
    for number in range(50):
        cache.put(f"{number}", incompressible_transcript(number))
    cache.close()
    with cache.path.open("r+b") as file:
        file.truncate(cache.path.stat().st_size // 2)
    found = [cache.get(f"{number}") for number in range(50)]
    assert all(
        each in {None, incompressible_transcript(number)} for number, each in enumerate(found)
    )
    assert "cannot be used" in caplog.text
    cache.clear()
    cache.put("one", ONE)
    assert cache.get("one") == ONE


@pytest.mark.parametrize("body", [b"", b"nonsense", b"x\x9c\x03\x00\x00\x00\x00\x01", "text"])
def test_damaged_entry(
    cache: TranscriptCache, caplog: pytest.LogCaptureFixture, body: bytes | str
) -> None:
    """A damaged entry is reported, ignored and replaced by the next `put`."""
    cache.put("one", ONE)
    cache.put("two", TWO)
    with sqlite3.connect(cache.path) as database:
        database.execute("UPDATE transcripts SET body = ? WHERE key = 'one'", [body])
    database.close()
    assert (cache.get("one"), cache.get("two")) == (None, TWO)
    assert "damaged" in caplog.text
    cache.put("one", ONE)
    assert cache.get("one") == ONE


def test_unusable_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """If the folder cannot be made, a warning is logged and work goes on."""
    (tmp_path / "file").write_text("not a folder")
    cache = TranscriptCache(tmp_path / "file" / "below")
    cache.put("one", ONE)
    assert (cache.get("one"), cache.clear()) == (None, 0)
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert "cannot be used" in caplog.text


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_unwritable_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """If the folder is not writable, a warning is logged and work goes on."""
    tmp_path.chmod(0o500)
    cache = TranscriptCache(tmp_path)
    cache.put("one", ONE)
    assert cache.get("one") is None
    assert "cannot be used" in caplog.text
    tmp_path.chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32", reason="folders have other rights there")
def test_private(cache: TranscriptCache) -> None:
    """Other users of the machine cannot read the transcripts."""
    cache.put("one", ONE)
    assert cache.path.parent.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(sys.platform == "win32", reason="files have other rights there")
@pytest.mark.parametrize("existed", [False, True])
def test_private_in_an_existing_folder(tmp_path: Path, *, existed: bool) -> None:
    """The files are for their owner alone whatever the folder, also those of earlier versions."""
    tmp_path.chmod(0o777)
    umask = os.umask(0)
    try:
        cache = TranscriptCache(tmp_path)
        if existed:
            cache.put("one", ONE)
            for file in tmp_path.iterdir():
                file.chmod(0o666)
            other = TranscriptCache(tmp_path)
            assert other.get("one") == ONE
            other.close()
        cache.put("two", TWO)
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
        cache.close()
    finally:
        os.umask(umask)
    assert len(modes) == 3
    assert set(modes.values()) == {0o600}


@pytest.mark.skipif(sys.platform == "win32", reason="makes links")
@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", "-journal"])
def test_link_in_its_place(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str, *, exists: bool
) -> None:
    """A link in the place of a file of the cache is not followed, until it is cleared away."""
    folder, elsewhere = tmp_path / "cache", tmp_path / "elsewhere"
    folder.mkdir()
    if exists:
        elsewhere.write_bytes(b"precious")
    cache = TranscriptCache(folder)
    (folder / f"{cache.path.name}{suffix}").symlink_to(elsewhere)
    cache.put("one", ONE)
    assert cache.get("one") is None
    assert elsewhere.exists() == exists
    assert f"cannot be used: {cache.path.name}{suffix} is a link" in caplog.text
    assert cache.clear() == 0
    assert not exists or elsewhere.read_bytes() == b"precious"
    cache.put("one", ONE)
    assert cache.get("one") == ONE
    cache.close()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
@pytest.mark.timeout(20)  # It would block forever.
def test_fifo_in_its_place(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A FIFO in the place of the file is not opened."""
    cache = TranscriptCache(tmp_path)
    os.mkfifo(cache.path)
    assert cache.get("one") is None
    assert "is no regular file" in caplog.text


def test_threads(cache: TranscriptCache, caplog: pytest.LogCaptureFixture) -> None:
    """Threads that write and read at once find what they wrote."""

    def put_and_get(number: int) -> bool:
        cache.put(f"{number}", incompressible_transcript(number))
        return cache.get(f"{number}") == incompressible_transcript(number)

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(put_and_get, range(100)))
    assert not caplog.records


Connections = list[tuple[float, sqlite3.Connection]]


@pytest.fixture(name="connections")
def _connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    """Return the connections that are opened, with their waits for locks in seconds: 0.1 or 0."""
    monkeypatch.setattr(cache_module, "_BUSY_SECONDS", 0.1)
    connect, opened = sqlite3.connect, Connections()

    def record(path: Path, timeout: float = 5.0, **options: Any) -> sqlite3.Connection:
        opened.append((timeout, connect(path, timeout, **options)))
        return opened[-1][1]

    monkeypatch.setattr(sqlite3, "connect", record)
    return opened


def milliseconds_of_waiting(connection: sqlite3.Connection) -> int:
    (found,) = connection.execute("PRAGMA busy_timeout").fetchone()
    return int(found)


def test_locked_while_open(
    cache: TranscriptCache, caplog: pytest.LogCaptureFixture, connections: Connections
) -> None:
    """A locked cache is waited for once, until a write succeeds, and reported once."""
    cache.put("one", ONE)
    ((_, connection),) = connections
    locker = sqlite3.connect(cache.path)
    for times in (1, 2):
        locker.execute("BEGIN EXCLUSIVE")
        assert milliseconds_of_waiting(connection) == 100
        for number in range(5):
            cache.put(f"{number}", TWO)
            assert milliseconds_of_waiting(connection) == 0
        messages = [record.getMessage().partition(" cannot ")[2] for record in caplog.records]
        assert messages == ["be used: database is locked"] * times
        locker.rollback()
        cache.put("two", TWO)
        assert cache.get("two") == TWO
    locker.close()


def test_locked_before_it_is_opened(
    cache: TranscriptCache, caplog: pytest.LogCaptureFixture, connections: Connections
) -> None:
    """A cache that cannot be opened because it is locked is waited for and reported once, too."""
    cache.put("one", ONE)
    cache.close()
    locker = sqlite3.connect(cache.path)
    locker.execute("PRAGMA journal_mode = DELETE")
    locker.execute("BEGIN EXCLUSIVE")
    connections.clear()
    for number in range(3):
        cache.put(f"{number}", TWO)
        assert cache.get("one") is None
    assert [timeout for timeout, _ in connections] == [0.1, *[0.0] * 5]
    assert len(caplog.records) == 1
    locker.rollback()
    locker.close()
    assert cache.get("one") == ONE
    assert milliseconds_of_waiting(connections[-1][1]) == 100


def test_reading_while_another_process_writes(
    cache: TranscriptCache, connections: Connections
) -> None:
    """A transcript is found while another process writes, although its use is not recorded."""
    cache.put("one", ONE)
    locker = sqlite3.connect(cache.path)
    locker.execute("BEGIN IMMEDIATE")
    assert cache.get("one") == ONE
    assert milliseconds_of_waiting(connections[0][1]) == 0
    locker.rollback()
    assert cache.get("one") == ONE
    assert milliseconds_of_waiting(connections[0][1]) == 100
    locker.close()


@pytest.mark.slow
def test_processes(cache: TranscriptCache) -> None:
    """Processes that create and use the file at the same time lose nothing."""
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Barrier(3)
    processes = [
        spawn.Process(target=use_cache, args=(cache.path.parent, 100 * n, ready)) for n in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    expected = [number for n in range(3) for number in range(100 * n, 100 * n + 40)]
    assert all(cache.get(f"{number}") == incompressible_transcript(number) for number in expected)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 there")
def test_killed(cache: TranscriptCache) -> None:
    """A transcript survives a SIGKILL right after `put`."""
    process = multiprocessing.get_context("spawn").Process(
        target=put_and_be_killed, args=(cache.path.parent,)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert cache.get("noise") == incompressible_transcript(1)


USERS = user_cache_path("apertis-audio-tools")


@pytest.mark.parametrize(
    ("setting", "variable", "folder"),
    [
        (None, None, None),
        (None, "", None),
        (None, "0", None),
        (None, " Off ", None),
        (None, "1", USERS),
        (None, "TRUE", USERS),
        (None, "here", Path("here")),
        (None, "~/there", Path("~/there")),
        (False, "1", None),
        (False, "here", None),
        (True, None, USERS),
        (True, "0", USERS),
        (True, "here", USERS),
        ("there", "here", Path("there")),
        (Path("there"), "0", Path("there")),
        (Path("off"), None, Path("off")),
        ("", "1", None),
    ],
)
def test_settings(
    monkeypatch: pytest.MonkeyPatch,
    setting: CacheSetting,
    variable: str | None,
    folder: Path | None,
) -> None:
    """The argument decides, else the variable, else there is no cache; no folder is made yet."""
    monkeypatch.delenv("APERTIS_AUDIO_CACHE", raising=False)
    if variable is not None:
        monkeypatch.setenv("APERTIS_AUDIO_CACHE", variable)
    found = open_cache(setting)
    assert (found and Path(found.path).parent) == (folder and folder.expanduser().absolute())
    assert not Path("here").exists()
    assert not Path("there").exists()


def test_unknown_home() -> None:
    """The unknown home of a user is an error."""
    with pytest.raises(ConfigurationError, match=r"'~nosuchuser/x' .*\.$"):
        open_cache("~nosuchuser/x")
