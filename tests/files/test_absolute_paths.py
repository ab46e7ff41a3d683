"""Whole paths, as any system spells them, in the hands of an agent's tools."""

import os
import sys
from pathlib import Path

import pytest

from apertis_audio_tools import AccessError, FileAccess
from support.file_access import read

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="makes links and odd names")


@pytest.mark.parametrize(
    "path",
    [
        r"\\host\share\standup.ogg",
        "//host/share/standup.ogg",
        r"\\?\UNC\host\share\standup.ogg",
        r"\\.\pipe\standup.ogg",
        r"C:\recordings\standup.ogg",
        "C:standup.ogg",
        "\\standup.ogg",
        "/standup.ogg",
        "{folder}/../standup.ogg",
        "{folder}-not/standup.ogg",
    ],
)
def test_places_elsewhere(folder: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A whole path that is not below a folder is not even looked at: its host would be asked."""
    access = FileAccess(folder, output=folder)
    asked: list[str] = []
    really = os.path.realpath

    def watched(path: Path) -> str:
        asked.append(str(path))
        return really(path)

    monkeypatch.setattr(os.path, "realpath", watched)
    with pytest.raises(AccessError, match=r"outside of the folders .* relative to one of them"):
        read(access, path.format(folder=folder))
    assert set(asked) <= {str(folder)}


def test_whole_path_through_the_given_name(folder: Path, tmp_path: Path) -> None:
    """A whole path may begin with the folder as it was given, or with where that leads."""
    (tmp_path / "shortcut").symlink_to(folder)
    access = FileAccess(tmp_path / "shortcut", output=tmp_path / "shortcut" / "june")
    for start in (tmp_path / "shortcut", folder):
        assert read(access, f"{start}/./standup.ogg") == b"sound"
    assert read(FileAccess(output=access.output), f"{access.output}/review.mp3") == b"more sound"


def test_names_like_drives(folder: Path) -> None:
    """A file whose name begins like a drive is offered, and read, as one of the folder."""
    (folder / "M: review.ogg").write_bytes(b"of M")
    access = FileAccess(folder)
    with pytest.raises(AccessError, match=r"There are: './M: review\.ogg', "):
        read(access, "M: review.ogg")
    assert read(access, "./M: review.ogg") == b"of M"
