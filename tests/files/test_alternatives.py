"""A refusal names files that an agent can read instead."""

import os
import sys
from pathlib import Path

import pytest

from apertis_audio_tools import AccessError, FileAccess
from apertis_audio_tools.files import access as access_module
from support.file_access import read_file

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="makes links")


def alternatives(access: FileAccess) -> str:
    """Return the second sentence of a refusal."""
    with pytest.raises(AccessError, match=r"^There is no file 'stand-up\.ogg'\. ") as refused:
        read_file(access, "stand-up.ogg")
    return str(refused.value).removeprefix("There is no file 'stand-up.ogg'. ")


def test_hidden_files_are_not_offered(folder: Path, tmp_path: Path) -> None:
    """Files that are hidden, in hidden folders, links or behind links are not offered."""
    (folder / "standup.ogg").unlink()
    (folder / ".hidden.mp3").touch()
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "take.mp3").touch()
    (folder / "line\nbreak.mp3").touch()
    (folder / "latest.mp3").symlink_to(folder / "june" / "review.mp3")
    (folder / "secret.mp3").symlink_to(tmp_path / "secret.txt")
    (folder / "elsewhere").symlink_to(tmp_path)
    assert alternatives(FileAccess(folder)) == "There are: 'june/review.mp3'."
    assert read_file(FileAccess(folder), "june/review.mp3") == b"more audio"


def test_all_folders_are_offered(folder: Path, tmp_path: Path) -> None:
    """The files of every readable folder are offered; those of a folder before those below it."""
    (folder / "z.mp3").touch()
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "speech.mp3").touch()
    offered = "'standup.ogg', 'z.mp3', 'june/review.mp3', 'speech.mp3'"
    access = FileAccess(folder, output=tmp_path / "output")
    assert alternatives(access) == f"There are: {offered}."


def test_no_files(tmp_path: Path) -> None:
    """A refusal says that there are no files."""
    assert alternatives(FileAccess(tmp_path)) == "The folders are empty."


@pytest.mark.parametrize(
    ("count", "end"),
    [
        (20, "."),
        (21, " and 1 more."),
        (30, " and 10 more."),
        (31, " and many more."),
    ],
)
def test_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, end: str) -> None:
    """At most 20 files are named, and the others are counted up to a limit."""
    monkeypatch.setattr(access_module, "_MAX_NAMES_COUNTED", 30)
    for number in range(count):
        (tmp_path / f"take{number:04}.mp3").touch()
    offered = alternatives(FileAccess(tmp_path))
    assert offered.startswith("There are: 'take0000.mp3', 'take0001.mp3', ")
    assert offered.endswith(f", 'take0019.mp3'{end}")


def test_huge_folders_are_not_listed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Folders are not searched any further after the limit."""
    for number in range(1001):
        (folder / f"take{number:04}.mp3").touch()
    list_folder, listed = os.listdir, list[int]()

    def record_listing(descriptor: int) -> list[str]:
        listed.append(os.fstat(descriptor).st_ino)
        return list_folder(descriptor)

    monkeypatch.setattr(os, "listdir", record_listing)
    (tmp_path / "second").mkdir()
    assert alternatives(FileAccess([folder, tmp_path / "second"])).endswith(" and many more.")
    assert listed == [folder.stat().st_ino]
