"""Recordings of a data set are local files and files of fsspec."""

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from uuid import uuid4

import fsspec  # type: ignore[import-untyped]
import pytest

from apertis_audio_tools import ConfigurationError, RecordingError
from apertis_audio_tools.ray.recording_paths import find_sources, open_recording


@pytest.fixture(name="bucket")
def _bucket() -> Iterator[str]:
    """Yield the URL of a folder in memory with three recordings and another file."""
    memory, folder = fsspec.filesystem("memory"), f"/{uuid4().hex}"
    for name in ("b.mp3", "a.wav", "deep/c.OGG", "notes.txt"):
        memory.pipe_file(f"{folder}/{name}", f"content of {name}".encode())
    yield f"memory://{folder}"
    memory.rm(folder, recursive=True)


def test_local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Local files and folders become absolute paths, each once; a missing file fails by itself."""
    monkeypatch.chdir(tmp_path)
    for name in ("b.mp3", "a.wav", "notes.txt"):
        Path(name).write_bytes(b"1")
    folder = tmp_path.resolve()
    expected = [f"{folder / name}" for name in ("a.wav", "b.mp3")]
    assert find_sources(".", {}) == expected
    assert find_sources([Path("b.mp3"), tmp_path / "b.mp3"], {}) == expected[1:]
    assert find_sources(["gone.mp3"], {}) == [f"{folder / 'gone.mp3'}"]


def test_remote(bucket: str) -> None:
    """A URL is a file, a folder or a pattern; only files with the suffix of a recording count."""
    assert find_sources(f"{bucket}/gone.mp3", {}) == [f"{bucket}/gone.mp3"]
    assert find_sources(bucket, {}) == [
        f"{bucket}/{name}" for name in ("a.wav", "b.mp3", "deep/c.OGG")
    ]
    assert find_sources([f"{bucket}/*", f"{bucket}/b.mp3"], {}) == [
        f"{bucket}/{name}" for name in ("a.wav", "b.mp3")
    ]


def test_nothing(bucket: str) -> None:
    """No recordings, an empty folder and an unknown file system are refused."""
    with pytest.raises(ConfigurationError, match="There are no recordings"):
        find_sources([], {})
    with pytest.raises(ConfigurationError, match="There are no recordings"):
        find_sources(f"{bucket}/*.flac", {})
    with pytest.raises(ConfigurationError, match="nosuch://folder cannot be listed: ValueError"):
        find_sources("nosuch://folder", {})


def test_open_local(tmp_path: Path) -> None:
    """A local file is opened where it is."""
    with open_recording(str(tmp_path), {}) as source:
        assert source == str(tmp_path)


def test_open_remote(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A remote file is copied, a megabyte at a time, and the copy goes in the end."""
    content = bytes(range(256)) * 20_000
    fsspec.filesystem("memory").pipe_file(f"{bucket.removeprefix('memory://')}/long.mp3", content)
    opened, copies = tempfile.TemporaryFile, []

    def record() -> IO[bytes]:
        copies.append(opened())
        return copies[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", record)
    with open_recording(f"{bucket}/long.mp3", {}) as source:
        assert isinstance(source, tuple)
        assert isinstance(source[1], io.IOBase)
        assert (source[0], source[1].read()) == ("long.mp3", content)
    assert [copy.closed for copy in copies] == [True]


def test_open_missing(bucket: str) -> None:
    """A remote file that cannot be read is an error of the recording, which names its URL."""
    with (
        pytest.raises(RecordingError, match=r"gone\.mp3 cannot be read: FileNotFoundError"),
        open_recording(f"{bucket}/gone.mp3", {}),
    ):
        pass
