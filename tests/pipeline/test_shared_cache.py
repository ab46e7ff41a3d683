"""A cache in a folder of fsspec can be shared, and its failures do not stop the work."""

import logging
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import fsspec  # type: ignore[import-untyped]
import pytest

from apertis_audio_tools import ApertisAudio, ConfigurationError, Segment, Transcript
from apertis_audio_tools.pipeline.cache import open_cache
from apertis_audio_tools.pipeline.shared_cache import SharedCache
from support.cache_processes import incompressible_transcript
from support.loopback_server import LoopbackServer
from support.sync_async import Run
from support.tiny_recordings import NameRecogniser, tiny_recording

ONE = Transcript(text="Größe", segments=(Segment(start=0.1, end=1.25, text=" Größe"),), raw='"…"')
TWO = Transcript(text="two")


@pytest.fixture(name="url", params=["file", "memory"])
def _url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    folder = f"/{uuid4().hex}/cache"
    yield f"memory:/{folder}" if request.param == "memory" else (tmp_path / "cache").as_uri()
    memory = fsspec.filesystem("memory")
    if memory.exists(folder):
        memory.rm(folder, recursive=True)


def files_of(url: str) -> list[str]:
    files, folder = fsspec.core.url_to_fs(url)
    return sorted(files.find(folder))


def test_hit_and_miss(url: str) -> None:
    """A transcript is found by its key, by another machine too, with its response."""
    SharedCache(url).put("one", ONE)
    found = SharedCache(f"{url}/").get("one")
    assert found == ONE
    assert found.raw == ONE.raw
    assert SharedCache(url).get("two") is None


def test_again(url: str) -> None:
    """A transcript replaces the previous one with the same key, and leaves no other file."""
    cache = SharedCache(url)
    cache.put("one", ONE)
    cache.put("one", TWO)
    assert cache.get("one") == TWO
    assert len(files_of(url)) == 1


@pytest.mark.parametrize("size", [0, 1, 8, 9, 40, -1])
def test_damaged_entry(url: str, size: int, caplog: pytest.LogCaptureFixture) -> None:
    """An entry that was cut off anywhere is reported, not used, and replaced by the next `put`."""
    cache = SharedCache(url)
    cache.put("one", ONE)
    files, _ = fsspec.core.url_to_fs(url)
    (file,) = files_of(url)
    files.pipe_file(file, files.cat_file(file)[:size])
    assert cache.get("one") is None
    assert "damaged" in caplog.text
    cache.put("one", ONE)
    assert cache.get("one") == ONE


def test_foreign_entry(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """A file with other content in the place of an entry is a miss."""
    cache = SharedCache(url)
    cache.put("one", ONE)
    files, _ = fsspec.core.url_to_fs(url)
    for content in (b"\xff" * 4096, (4).to_bytes(8) + b"nonsense", b'{"text": "two"}'):
        files.pipe_file(files_of(url)[0], content)
        assert cache.get("one") is None
    assert len(caplog.records) == 3


def test_killed_while_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that dies while it writes leaves a file that is no entry and is cleared away."""
    cache = SharedCache(tmp_path.as_uri())
    monkeypatch.setattr(cache._files, "mv", lambda *_: sys.exit())
    with pytest.raises(SystemExit):
        cache.put("one", ONE)
    monkeypatch.undo()
    assert len(files_of(cache.path)) == 1
    assert (cache.get("one"), cache.usage()) == (None, (0, 0))
    cache.put("two", TWO)
    assert cache.clear() == 1
    assert files_of(cache.path) == []


def test_usage_and_clear(url: str) -> None:
    """`clear` deletes all transcripts, returns their number, and leaves the files of others."""
    cache = SharedCache(url)
    assert (cache.usage(), cache.clear()) == ((0, 0), 0)
    cache.put("one", incompressible_transcript(1))
    cache.put("two", incompressible_transcript(2))
    files, folder = fsspec.core.url_to_fs(url)
    files.pipe_file(f"{folder}/precious", b"stays")
    number, size = cache.usage()
    assert (number, 1300 < size < 4000) == (2, True)
    assert cache.clear() == 2
    assert [file.rpartition("/")[2] for file in files_of(url)] == ["precious"]


def test_unusable(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """If the folder cannot be made, each reason is logged once, and work goes on."""
    (tmp_path / "file").write_text("not a folder")
    cache = SharedCache((tmp_path / "file" / "below").as_uri())
    for _ in range(3):
        cache.put("one", ONE)
    assert cache.get("one") is None
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    assert 1 <= len(caplog.records) <= 2


def test_threads(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whoever reads an entry while others write it finds all of it."""

    def put_and_get(number: int) -> Transcript | None:
        cache = SharedCache(url)
        cache.put("one", incompressible_transcript(number))
        return cache.get("one")

    with ThreadPoolExecutor(8) as threads:
        assert None not in threads.map(put_and_get, range(100))
    assert not caplog.records


def test_client(run: Run, url: str) -> None:
    """A recording that one client paid for is not paid for by another with the same cache."""
    names = NameRecogniser()
    with LoopbackServer([names]) as server:
        for _ in range(2):
            with server.client(cache=url) as audio:
                assert run(audio, "transcribe", tiny_recording("a")).text == "a"
    assert names.received == ["a"]


def test_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL in the argument or in the variable is a shared cache."""
    monkeypatch.setenv("APERTIS_AUDIO_CACHE", "memory://transcripts/")
    found = open_cache(None)
    assert isinstance(found, SharedCache)
    assert found.path == "memory://transcripts"


def test_unknown_file_system() -> None:
    """A URL of an unknown file system is refused when the client is made."""
    with pytest.raises(ConfigurationError, match="nosuch://folder needs fsspec"):
        ApertisAudio("key-of-a-test", cache="nosuch://folder")
