"""Paid answers are kept, found again, and never in the way."""

import gc
import multiprocessing
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from apertis_audio_tools import ConfigurationError, Segment, Transcript, Usage
from apertis_audio_tools.pipeline.cache import CacheSetting, TranscriptCache, open_cache
from support.cache_processes import noise, put_and_die, use

ONE = Transcript(
    text="Größe: 5 µm 好",
    segments=(Segment(id=0, start=0.1, end=1.25, text=" Größe", tokens=(1, 2), avg_logprob=-0.1),),
    language="german",
    duration=9.125,
    usage=Usage(seconds=9.125),
    raw='{"text": "…"}',
)
TWO = Transcript(text="two")


@pytest.fixture(name="kept")
def _kept(tmp_path: Path) -> Iterator[TranscriptCache]:
    kept = TranscriptCache(tmp_path / "deep" / "below")
    yield kept
    kept.close()


@pytest.fixture(name="_ticking")
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at the clock is a second later."""
    seconds = count(1_000.0)
    monkeypatch.setattr(time, "time", lambda: next(seconds))


def test_hit_and_miss(kept: TranscriptCache) -> None:
    """What is kept comes back as it was, to the last digit; the rest is not there."""
    kept.put("one", ONE)
    kept.put("two", TWO)
    assert kept.get("one") == ONE
    assert (kept.get("two"), kept.get("three")) == (TWO, None)


def test_again(kept: TranscriptCache) -> None:
    """A key that is used again has what was kept last."""
    kept.put("one", ONE)
    kept.put("one", TWO)
    assert kept.get("one") == TWO


def test_closed(kept: TranscriptCache) -> None:
    """A cache that was closed opens again when it is needed, and another finds the same in it."""
    kept.put("one", ONE)
    kept.close()
    kept.close()
    assert kept.get("one") == ONE
    other = TranscriptCache(kept.path.parent)
    assert other.get("one") == ONE
    other.close()


def test_forgotten(tmp_path: Path) -> None:
    """A cache that nobody holds any more closes its file; Python warns of none that is open."""
    kept = TranscriptCache(tmp_path)
    kept.put("one", ONE)
    assert len([*tmp_path.iterdir()]) > 1
    del kept
    gc.collect()
    assert [*tmp_path.iterdir()] == [tmp_path / "transcripts-2.sqlite3"]


@pytest.mark.usefixtures("_ticking")
def test_least_recently_used(tmp_path: Path) -> None:
    """Beyond the size, what was not used for longest goes first."""
    small = TranscriptCache(tmp_path, max_bytes=3000)
    for number in range(2):
        small.put(f"{number}", noise(number))
    assert small.get("0") == noise(0)
    for number in range(2, 5):
        small.put(f"{number}", noise(number))
        assert small.get("0") == noise(0)
    found = [number for number in range(5) if small.get(f"{number}")]
    small.close()
    assert found[0] == 0
    assert found[-1] == 4
    assert 1 not in found


def test_too_large_for_it(tmp_path: Path) -> None:
    """A transcript larger than the whole cache is not kept, and drives nothing out."""
    small = TranscriptCache(tmp_path, max_bytes=500)
    small.put("one", TWO)
    small.put("two", noise(1))
    assert (small.get("one"), small.get("two")) == (TWO, None)
    small.close()


def test_clear(kept: TranscriptCache) -> None:
    """Clearing forgets everything and says how much; nothing is left on the disk."""
    kept.put("one", noise(1))
    kept.put("two", noise(2))
    assert kept.clear() == 2
    assert kept.get("one") is None
    assert kept.clear() == 0
    kept.close()
    (left,) = kept.path.parent.iterdir()
    assert (left, left.stat().st_size < 20_000) == (kept.path, True)


def test_old_words_are_gone(kept: TranscriptCache) -> None:
    """What was cleared cannot be read from the file, nor its size be seen."""
    for number in range(50):
        kept.put(f"{number}", noise(number))
    kept.close()
    before = kept.path.stat().st_size
    kept.clear()
    assert kept.path.stat().st_size < before / 2


def test_damaged_file(kept: TranscriptCache, caplog: pytest.LogCaptureFixture) -> None:
    """A file that is no database is told of and left alone, until the cache is cleared."""
    kept.path.parent.mkdir(parents=True)
    kept.path.write_bytes(b"no database at all " * 1000)
    kept.put("one", ONE)
    assert kept.get("one") is None
    assert "cannot be used: file is not a database" in caplog.text
    assert kept.clear() == 0
    kept.put("one", ONE)
    assert kept.get("one") == ONE


def test_truncated_file(kept: TranscriptCache, caplog: pytest.LogCaptureFixture) -> None:
    """A file that lost its second half is as good as empty; nothing is raised."""
    for number in range(50):
        kept.put(f"{number}", noise(number))
    kept.close()
    with kept.path.open("r+b") as file:
        file.truncate(kept.path.stat().st_size // 2)
    found = [kept.get(f"{number}") for number in range(50)]
    assert all(each in {None, noise(number)} for number, each in enumerate(found))
    assert "cannot be used" in caplog.text
    kept.clear()
    kept.put("one", ONE)
    assert kept.get("one") == ONE


@pytest.mark.parametrize("body", [b"", b"nonsense", b"x\x9c\x03\x00\x00\x00\x00\x01", "text"])
def test_damaged_entry(
    kept: TranscriptCache, caplog: pytest.LogCaptureFixture, body: bytes | str
) -> None:
    """An entry that cannot be read is told of, not used, and replaced by the next."""
    kept.put("one", ONE)
    kept.put("two", TWO)
    with sqlite3.connect(kept.path) as database:
        database.execute("UPDATE transcripts SET body = ? WHERE key = 'one'", [body])
    database.close()
    assert (kept.get("one"), kept.get("two")) == (None, TWO)
    assert "damaged" in caplog.text
    kept.put("one", ONE)
    assert kept.get("one") == ONE


def test_unusable_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where no folder can be, a warning is logged and work goes on."""
    (tmp_path / "file").write_text("not a folder")
    kept = TranscriptCache(tmp_path / "file" / "below")
    kept.put("one", ONE)
    assert (kept.get("one"), kept.clear()) == (None, 0)
    assert {record.levelname for record in caplog.records} == {"WARNING"}
    assert "cannot be used" in caplog.text


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write all")
def test_unwritable_folder(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The same where the folder may not be written."""
    tmp_path.chmod(0o500)
    kept = TranscriptCache(tmp_path)
    kept.put("one", ONE)
    assert kept.get("one") is None
    assert "cannot be used" in caplog.text
    tmp_path.chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32", reason="folders have other rights there")
def test_private(kept: TranscriptCache) -> None:
    """Nobody else of the machine can read what was said."""
    kept.put("one", ONE)
    assert kept.path.parent.stat().st_mode & 0o077 == 0


def test_threads(kept: TranscriptCache, caplog: pytest.LogCaptureFixture) -> None:
    """Many threads write and read at once, and each finds what it wrote."""

    def put_and_get(number: int) -> bool:
        kept.put(f"{number}", noise(number))
        return kept.get(f"{number}") == noise(number)

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(put_and_get, range(100)))
    assert not caplog.records


@pytest.mark.slow
def test_processes(kept: TranscriptCache) -> None:
    """Several processes, which even create the file at the same time, lose nothing."""
    spawn = multiprocessing.get_context("spawn")
    ready = spawn.Barrier(3)
    processes = [
        spawn.Process(target=use, args=(kept.path.parent, 100 * n, ready)) for n in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    wanted = [number for n in range(3) for number in range(100 * n, 100 * n + 40)]
    assert all(kept.get(f"{number}") == noise(number) for number in wanted)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no kill -9 there")
def test_killed(kept: TranscriptCache) -> None:
    """What was put is there after a kill -9 right behind it."""
    process = multiprocessing.get_context("spawn").Process(
        target=put_and_die, args=(kept.path.parent,)
    )
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert kept.get("noise") == noise(1)


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
    """The argument decides, else the variable, else there is none; nothing is created yet."""
    monkeypatch.delenv("APERTIS_AUDIO_CACHE", raising=False)
    if variable is not None:
        monkeypatch.setenv("APERTIS_AUDIO_CACHE", variable)
    found = open_cache(setting)
    assert (found and found.path.parent) == (folder and folder.expanduser().absolute())
    assert not Path("here").exists()
    assert not Path("there").exists()


def test_unknown_home() -> None:
    """The home of a user that there is not is told, and no folder of that name is made."""
    with pytest.raises(ConfigurationError, match=r"'~nosuchuser/x' .*\.$"):
        open_cache("~nosuchuser/x")
