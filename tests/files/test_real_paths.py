"""Real paths of files, with and without folders that are known."""

import os
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from apertis_audio_tools.files.discovery import find_recordings
from apertis_audio_tools.files.paths import real_path

FILES = 20


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of recordings, below another that is a link."""
    inner = tmp_path / "real" / "meetings"
    inner.mkdir(parents=True)
    for number in range(FILES):
        (inner / f"{number:02}.wav").write_bytes(b"?")
    (inner / "latest.wav").symlink_to("19.wav")
    (tmp_path / "link").symlink_to("real")
    return tmp_path / "link" / "meetings"


@pytest.mark.parametrize(
    "name",
    ["00.wav", "latest.wav", "missing.wav", "", ".", "..", "../meetings/00.wav", "a\0b", "a\0/b"],
)
def test_known_folders_change_nothing(folder: Path, name: str) -> None:
    """A path is the same with folders that are known, whatever it ends with."""
    path, folders = f"{folder}/{name}", dict[str, str]()
    assert [real_path(path, folders) for _ in range(2)] == [real_path(path)] * 2


def test_relative_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name without a folder is in the current one."""
    monkeypatch.chdir(folder)
    assert real_path("00.wav", {}) == os.path.realpath(folder / "00.wav")


def test_folders_are_examined_once(folder: Path) -> None:
    """The links on the way to a folder are followed once, and not for each of its files."""
    lstat: Any = mock.Mock(side_effect=os.lstat)
    with mock.patch.object(os, "lstat", lstat):
        assert len(list(find_recordings(folder))) == FILES
    assert lstat.call_count < 2 * FILES + 30
