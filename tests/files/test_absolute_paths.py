"""Absolute paths, in the spelling of any system, given to an agent's tools."""

import os
import sys
from pathlib import Path

import pytest

from apertis_audio_tools import AccessError, FileAccess
from support.file_access import read_file

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
def test_foreign_paths_are_not_resolved(
    folder: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """An absolute path outside the folders is not resolved: its host would be contacted."""
    access = FileAccess(folder, output=folder)
    resolved: list[str] = []
    realpath = os.path.realpath

    def record_realpath(path: Path) -> str:
        resolved.append(str(path))
        return realpath(path)

    monkeypatch.setattr(os.path, "realpath", record_realpath)
    with pytest.raises(AccessError, match=r"outside of the folders .* relative to one of them"):
        read_file(access, path.format(folder=folder))
    assert set(resolved) <= {str(folder)}


def test_absolute_path_through_a_linked_folder(folder: Path, tmp_path: Path) -> None:
    """An absolute path may begin with the folder as it was given, or with its real path."""
    (tmp_path / "shortcut").symlink_to(folder)
    access = FileAccess(tmp_path / "shortcut", output=tmp_path / "shortcut" / "june")
    for start in (tmp_path / "shortcut", folder):
        assert read_file(access, f"{start}/./standup.ogg") == b"audio"
    assert (
        read_file(FileAccess(output=access.output), f"{access.output}/review.mp3") == b"more audio"
    )


def test_names_that_look_like_drives(folder: Path) -> None:
    """A file whose name begins like a drive is offered and read as a relative path."""
    (folder / "M: review.ogg").write_bytes(b"of M")
    access = FileAccess(folder)
    with pytest.raises(AccessError, match=r"There are: './M: review\.ogg', "):
        read_file(access, "M: review.ogg")
    assert read_file(access, "./M: review.ogg") == b"of M"
