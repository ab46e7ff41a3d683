"""Finding recordings."""

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


def names(folder: Path, *places: Path | str, **options: str | list[str]) -> list[str]:
    found = find_recordings(list(places) or folder, **options)  # type: ignore[arg-type]
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
    assert names(folder, suffixes="mp3") == ["b.MP3"]


def test_named_files(folder: Path) -> None:
    """A file that is named is taken, in the order given."""
    assert names(folder, folder / "notes.txt", str(folder / "a.wav")) == ["notes.txt", "a.wav"]


def test_links(folder: Path, tmp_path: Path) -> None:
    """Links that lead out of the folder, or nowhere, are left out; others are files like any."""
    (tmp_path / "secret.mp3").write_bytes(b"?")
    (folder / "out.mp3").symlink_to(tmp_path / "secret.mp3")
    (folder / "nowhere.mp3").symlink_to(tmp_path / "gone.mp3")
    (folder / "up").symlink_to(tmp_path)
    (folder / "seen.mp3").symlink_to(folder / ".hidden" / "d.mp3")
    assert names(folder) == ["a.wav", "b.MP3", "deep/er/c.m4a", "seen.mp3"]


def test_each_once(folder: Path) -> None:
    """However often a recording is named, found or linked to, it is found where it is first met."""
    (folder / "same.wav").symlink_to(folder / "a.wav")
    there_again = folder / "deep" / ".." / "b.MP3"
    assert names(folder, there_again, folder, folder / "b.MP3", folder) == [
        *("deep/../b.MP3", "a.wav", "deep/er/c.m4a")
    ]


@pytest.mark.parametrize("glob", ["**/*", "*/*", "round/*"])
def test_links_in_circles(folder: Path, glob: str) -> None:
    """Links that lead round in circles end no search; what else is there is found."""
    everything = names(folder, glob=glob)
    (folder / "round").symlink_to(folder / "round")
    (folder / "here.mp3").symlink_to(folder / "there.mp3")
    (folder / "there.mp3").symlink_to(folder / "here.mp3")
    (folder / "deep" / "down").symlink_to(folder / "deep")
    (folder / "deep" / "circle.mp3").symlink_to("circle.mp3")
    assert names(folder, glob=glob) == everything


@pytest.mark.parametrize("target", ["gone.mp3", "b.mp3"])
def test_links_to_nothing(folder: Path, caplog: pytest.LogCaptureFixture, target: str) -> None:
    """A recording that only seems to be there is told of, and ends no search."""
    (folder / "b.mp3").symlink_to(folder / target)
    assert names(folder) == ["a.wav", "b.MP3", "deep/er/c.m4a"]
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"{folder / 'b.mp3'} was left out: " in caplog.text


def test_missing(tmp_path: Path) -> None:
    """What is not there is an error, not an empty result."""
    with pytest.raises(RecordingError, match="no file or folder"):
        list(find_recordings(tmp_path / "gone"))


@pytest.mark.parametrize("places", ["", ["a.wav", ""]])
def test_no_name(places: Any) -> None:
    """A name that is empty, as of a variable that is not set, is not the current folder."""
    with pytest.raises(
        ConfigurationError, match=r"name .* is empty; the current folder is '\.'\.$"
    ):
        find_recordings(places)


@pytest.mark.parametrize(
    ("places", "kind"),
    [(None, "NoneType"), (7, "int"), ([None], "NoneType"), (b"a.wav", "bytes"), ([b"a"], "bytes")],
)
def test_no_place(places: Any, kind: str) -> None:
    """What names no place is refused in a sentence that says what it is, before any is read."""
    with pytest.raises(ConfigurationError, match=rf"^A place .* a folder, not {kind}\.$"):
        find_recordings(places)


@pytest.mark.parametrize(
    ("place", "hint"),
    [
        ("https://example.com/meeting.mp3", r"\(URLs are not fetched\)"),
        ("short/*.ogg", r"\(a pattern goes in glob, below a folder\)"),
        ("gone.mp3", r"'gone\.mp3'"),
    ],
)
def test_hints(place: str, hint: str) -> None:
    """Of what is no path, the sentence says what may have been meant."""
    with pytest.raises(RecordingError, match=rf"^There is no file or folder .*{hint}\.$"):
        list(find_recordings(place))


@pytest.mark.parametrize(
    "place",
    ["long" * 1000, "no\x00path", "round", "a.wav/a.wav"],
    ids=["long", "zero", "circle", "below a file"],
)
def test_impossible_place(folder: Path, place: str) -> None:
    """What cannot be there is an error in a sentence as well."""
    (folder / "round").symlink_to("round")
    with pytest.raises(RecordingError, match=r"\.$"):
        list(find_recordings(folder / place))


@AS_USER
def test_unreadable_place(folder: Path) -> None:
    """So is what may not be looked at."""
    folder.chmod(0o400)
    try:
        with pytest.raises(RecordingError, match=r"a\.wav' cannot be read: Permission denied\.$"):
            list(find_recordings(folder / "a.wav"))
    finally:
        folder.chmod(0o700)


@AS_USER
def test_unreadable(folder: Path) -> None:
    """What may not be looked at ends no search and is not left out: reading it will tell."""
    (folder / "deep" / "er").chmod(0o400)
    try:
        assert names(folder) == ["a.wav", "b.MP3", "deep/er/c.m4a"]
    finally:
        (folder / "deep" / "er").chmod(0o700)


@pytest.mark.parametrize("glob", ["", ".", "/x/*"])
def test_impossible_pattern(folder: Path, glob: str) -> None:
    """A pattern that cannot be is refused in a sentence that shows it."""
    with pytest.raises(ConfigurationError, match=rf"^glob is '{re.escape(glob)}'; .*\.$"):
        names(folder, glob=glob)


def test_unknown_home() -> None:
    """The home of a user that there is not is told, by the path as it was given."""
    with pytest.raises(ConfigurationError, match=r"'~nosuchuser/x' .*\.$"):
        list(find_recordings("~nosuchuser/x"))


def test_nothing(tmp_path: Path) -> None:
    """An empty folder has no recordings, and neither has an empty list."""
    assert list(find_recordings(tmp_path)) == list(find_recordings([])) == []
