"""Finding recordings."""

from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import RecordingError
from apertis_audio_tools.finding import find


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.MP3", "a.wav", "notes.txt", "deep/er/c.m4a", ".hidden/d.mp3", ".e.mp3"):
        path = tmp_path / "meetings" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"?")
    return tmp_path / "meetings"


def names(folder: Path, *places: Path | str, **options: str | list[str]) -> list[str]:
    found = find(list(places) or folder, **options)  # type: ignore[arg-type]
    return [path.relative_to(folder).as_posix() for path in found]


def test_folder(folder: Path) -> None:
    """Recordings of a folder and those below, in order, whatever the case of their suffix."""
    assert names(folder) == ["a.wav", "b.MP3", "deep/er/c.m4a"]


@pytest.mark.parametrize("options", [{"glob": "*.wma"}, {"suffixes": ["wma"]}])
def test_nothing_there(
    folder: Path, caplog: pytest.LogCaptureFixture, options: dict[str, Any]
) -> None:
    """A folder in which nothing is found is told of: a wrong pattern would go unnoticed."""
    assert names(folder, folder, folder / "a.wav", **options) == ["a.wav"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "There are no recordings in" in caplog.text
    assert "meetings" in caplog.text


def test_glob_and_suffixes(folder: Path) -> None:
    """Which files can be said by pattern and by suffix, with or without its dot."""
    assert names(folder, glob="*") == ["a.wav", "b.MP3"]
    assert names(folder, suffixes=["mp3"]) == ["b.MP3"]
    assert names(folder, suffixes=[".TXT"]) == ["notes.txt"]


def test_named_files(folder: Path) -> None:
    """A file that is named is taken, in the order given."""
    assert names(folder, folder / "notes.txt", str(folder / "a.wav")) == ["notes.txt", "a.wav"]


def test_links(folder: Path, tmp_path: Path) -> None:
    """Links that lead out of the folder, or nowhere, are left out; others are files like any."""
    (tmp_path / "secret.mp3").write_bytes(b"?")
    (folder / "out.mp3").symlink_to(tmp_path / "secret.mp3")
    (folder / "nowhere.mp3").symlink_to(tmp_path / "gone.mp3")
    (folder / "up").symlink_to(tmp_path)
    (folder / "same.wav").symlink_to(folder / "a.wav")
    assert names(folder) == ["a.wav", "b.MP3", "deep/er/c.m4a", "same.wav"]


def test_missing(tmp_path: Path) -> None:
    """What is not there is an error, not an empty result."""
    with pytest.raises(RecordingError, match="no file or folder"):
        list(find(tmp_path / "gone"))


def test_nothing(tmp_path: Path) -> None:
    """An empty folder has no recordings, and neither has an empty list."""
    assert list(find(tmp_path)) == list(find([])) == []
