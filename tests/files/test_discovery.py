"""Recordings are found in files and folders."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import ConfigurationError, RecordingError
from apertis_audio_tools.files.discovery import find_recordings

AS_USER = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.MP3", "a.wav", "notes.txt", "deep/er/c.m4a", ".hidden/d.mp3", ".e.mp3"):
        path = tmp_path / "meetings" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"?")
    return tmp_path / "meetings"


def names(folder: Path, *paths: Path | str, **options: str | list[str]) -> list[str]:
    found = find_recordings(list(paths) or folder, **options)  # type: ignore[arg-type]
    return [path.relative_to(folder).as_posix() for path in found]


def test_folder(folder: Path) -> None:
    """Recordings of a folder and those below are sorted; the case of suffixes does not matter."""
    assert names(folder) == ["a.wav", "b.MP3", "deep/er/c.m4a"]


@pytest.mark.parametrize("options", [{"glob": "*.wma"}, {"suffixes": ["wma"]}])
def test_folder_without_matches_is_logged(
    folder: Path, caplog: pytest.LogCaptureFixture, options: dict[str, Any]
) -> None:
    """A folder without matches is logged, so that a wrong pattern is noticed."""
    assert names(folder, folder, folder / "a.wav", **options) == ["a.wav"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "There are no recordings in" in caplog.text
    assert "meetings" in caplog.text


def test_glob_and_suffixes(folder: Path) -> None:
    """Files are selected by pattern and by suffix, with or without its dot."""
    assert names(folder, glob="*") == ["a.wav", "b.MP3"]
    assert names(folder, suffixes=["mp3"]) == ["b.MP3"]
    assert names(folder, suffixes=[".TXT"]) == ["notes.txt"]
    assert names(folder, suffixes="mp3") == ["b.MP3"]


def test_named_files(folder: Path) -> None:
    """Files that are named are included in the order given, whatever their suffix."""
    assert names(folder, folder / "notes.txt", str(folder / "a.wav")) == ["notes.txt", "a.wav"]


def test_links(folder: Path, tmp_path: Path) -> None:
    """Broken links and links out of the folder are left out; other links are followed."""
    (tmp_path / "secret.mp3").write_bytes(b"?")
    (folder / "out.mp3").symlink_to(tmp_path / "secret.mp3")
    (folder / "nowhere.mp3").symlink_to(tmp_path / "gone.mp3")
    (folder / "up").symlink_to(tmp_path)
    (folder / "seen.mp3").symlink_to(folder / ".hidden" / "d.mp3")
    assert names(folder) == ["a.wav", "b.MP3", "deep/er/c.m4a", "seen.mp3"]


def test_each_once(folder: Path) -> None:
    """A recording that is named, found or linked to several times is found once."""
    (folder / "same.wav").symlink_to(folder / "a.wav")
    by_another_path = folder / "deep" / ".." / "b.MP3"
    assert names(folder, by_another_path, folder, folder / "b.MP3", folder) == [
        *("deep/../b.MP3", "a.wav", "deep/er/c.m4a")
    ]


@pytest.mark.parametrize("glob", ["**/*", "*/*", "round/*"])
def test_links_in_circles(folder: Path, glob: str) -> None:
    """Circular links are ignored, and all other recordings are found."""
    everything = names(folder, glob=glob)
    (folder / "round").symlink_to(folder / "round")
    (folder / "here.mp3").symlink_to(folder / "there.mp3")
    (folder / "there.mp3").symlink_to(folder / "here.mp3")
    (folder / "deep" / "down").symlink_to(folder / "deep")
    (folder / "deep" / "circle.mp3").symlink_to("circle.mp3")
    assert names(folder, glob=glob) == everything


@pytest.mark.parametrize("target", ["gone.mp3", "b.mp3"])
def test_broken_links_are_logged(
    folder: Path, caplog: pytest.LogCaptureFixture, target: str
) -> None:
    """A broken or circular link is logged, and the search goes on."""
    (folder / "b.mp3").symlink_to(folder / target)
    assert names(folder) == ["a.wav", "b.MP3", "deep/er/c.m4a"]
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"{folder / 'b.mp3'} was left out: " in caplog.text


def test_missing_path(tmp_path: Path) -> None:
    """A path that does not exist is an error, not an empty result."""
    with pytest.raises(RecordingError, match="no file or folder"):
        list(find_recordings(tmp_path / "gone"))


@pytest.mark.parametrize("paths", ["", ["a.wav", ""]])
def test_empty_path(paths: Any) -> None:
    """An empty path, for example from an unset variable, is not the current folder."""
    with pytest.raises(ConfigurationError, match=r"path is empty; the current folder is '\.'\.$"):
        find_recordings(paths)


@pytest.mark.parametrize(
    ("paths", "kind"),
    [(None, "NoneType"), (7, "int"), ([None], "NoneType"), (b"a.wav", "bytes"), ([b"a"], "bytes")],
)
def test_path_of_another_type(paths: Any, kind: str) -> None:
    """A path that is neither a str nor an os.PathLike is refused before any folder is read."""
    with pytest.raises(ConfigurationError, match=rf"^A path .* os\.PathLike, not {kind}\.$"):
        find_recordings(paths)


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("https://example.com/meeting.mp3", r"\(URLs are not fetched\)"),
        ("short/*.ogg", r"\(a pattern goes in glob, below a folder\)"),
        ("gone.mp3", r"'gone\.mp3'"),
    ],
)
def test_hints(path: str, hint: str) -> None:
    """The error about a URL or a pattern says that it is one."""
    with pytest.raises(RecordingError, match=rf"^There is no file or folder .*{hint}\.$"):
        list(find_recordings(path))


@pytest.mark.parametrize(
    "path",
    ["long" * 1000, "no\x00path", "round", "a.wav/a.wav"],
    ids=["long", "zero", "circle", "below a file"],
)
def test_impossible_path(folder: Path, path: str) -> None:
    """A path that cannot exist is an error in a sentence."""
    (folder / "round").symlink_to("round")
    with pytest.raises(RecordingError, match=r"\.$"):
        list(find_recordings(folder / path))


@AS_USER
def test_path_without_permission(folder: Path) -> None:
    """A path that may not be accessed is an error in a sentence."""
    folder.chmod(0o400)
    try:
        with pytest.raises(RecordingError, match=r"a\.wav' cannot be read: Permission denied\.$"):
            list(find_recordings(folder / "a.wav"))
    finally:
        folder.chmod(0o700)


@AS_USER
def test_recording_without_permission(folder: Path) -> None:
    """A recording that may not be accessed is found, so that reading it is an error."""
    (folder / "deep" / "er").chmod(0o400)
    try:
        assert names(folder) == ["a.wav", "b.MP3", "deep/er/c.m4a"]
    finally:
        (folder / "deep" / "er").chmod(0o700)


@pytest.mark.parametrize("glob", ["", ".", "/x/*"])
def test_impossible_pattern(folder: Path, glob: str) -> None:
    """An invalid pattern is refused in a sentence that shows it."""
    with pytest.raises(ConfigurationError, match=rf"^glob is '{re.escape(glob)}'; .*\.$"):
        names(folder, glob=glob)


def test_unknown_home() -> None:
    """An unknown home is an error that shows the path as given."""
    with pytest.raises(ConfigurationError, match=r"'~nosuchuser/x' .*\.$"):
        list(find_recordings("~nosuchuser/x"))


def test_no_recordings(tmp_path: Path) -> None:
    """An empty folder and an empty list have no recordings."""
    assert list(find_recordings(tmp_path)) == list(find_recordings([])) == []


@pytest.mark.parametrize("suffix", [".m4v", ".3gp", ".wmv", ".flv", ".ogv", ".weba", ".MKV"])
def test_suffixes_of_video(tmp_path: Path, suffix: str) -> None:
    """Video files are recordings."""
    path = tmp_path / f"call{suffix}"
    path.touch()
    assert list(find_recordings(tmp_path)) == [path]


@pytest.mark.parametrize("suffix", [".ts", ".mts"])
def test_suffixes_that_are_shared(tmp_path: Path, suffix: str) -> None:
    """A transport stream is a recording; TypeScript is none, unless it is asked for."""
    stream, timed, code = (tmp_path / f"{name}{suffix}" for name in ("a", "b", "code"))
    stream.write_bytes((b"\x47" + bytes(187)) * 4)
    timed.write_bytes((bytes(4) + b"\x47" + bytes(187)) * 4)
    code.write_text("GGGG: string;\n" * 99)
    assert list(find_recordings(tmp_path)) == [stream, timed]
    assert list(find_recordings(tmp_path, suffixes=suffix)) == [stream, timed, code]
