"""What an agent's tools may read and write."""

import contextlib
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import AccessError, ConfigurationError, FileAccess
from support.file_access import read

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="makes links and devices")


@pytest.mark.parametrize(
    "path", ["standup.ogg", "./standup.ogg", "june/../standup.ogg", "{folder}/standup.ogg"]
)
def test_inside(folder: Path, path: str) -> None:
    """A file of the folder is read under any path that leads to it."""
    assert read(FileAccess(folder), path.format(folder=folder)) == b"sound"


def test_folders_below(folder: Path) -> None:
    """Folders below are part of it; the name is the file's own."""
    with FileAccess(folder).reading("june/review.mp3") as (name, file):
        assert (name, file.read()) == ("review.mp3", b"more sound")
    assert file.closed


def test_several_folders(folder: Path, tmp_path: Path) -> None:
    """A path is looked for in one folder after the other."""
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "other.wav").write_bytes(b"other")
    access = FileAccess([folder, tmp_path / "second"])
    assert (read(access, "standup.ogg"), read(access, "other.wav")) == (b"sound", b"other")


@pytest.mark.parametrize(
    "path",
    [
        "../secret.txt",
        "june/../../secret.txt",
        "{folder}/../secret.txt",
        "/etc/hostname",
        "~/.ssh/id_rsa",
        "file:///etc/hostname",
        "https://example.org/a.mp3",
        "..\\secret.txt",
        "\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}/secret.txt",
        "..%2fsecret.txt",
        "/proc/self/environ",
        "/dev/stdin",
        ".",
        "",
        "  ",
        "a" * 5000,
        "standup.ogg\x00.txt",
        "standup.ogg\n",
        "\ud800",
        "NUL",
        "june/con.mp3",
        "COM1.wav",
        "com².wav",
        "\N{RIGHT-TO-LEFT OVERRIDE}ggo.putdnats",
        "standup.ogg/../../secret.txt",
        "/proc/self/cwd/secret.txt",
        "{folder}.txt",
    ],
)
def test_outside(folder: Path, path: str) -> None:
    """Whatever leads elsewhere is refused in a sentence, which never holds what is there."""
    with pytest.raises(AccessError, match=r"\.$") as refused:
        read(FileAccess(folder), path.format(folder=folder))
    assert "secret" not in str(refused.value).replace("secret.txt", "")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_links_out(folder: Path, tmp_path: Path, kind: str) -> None:
    """A link that leads out of the folder is refused, and so is what is behind one."""
    link = folder / "link"
    link.symlink_to(tmp_path / "secret.txt" if kind == "file" else tmp_path)
    with pytest.raises(AccessError, match="outside"):
        read(FileAccess(folder), "link" if kind == "file" else "link/secret.txt")


def test_links_inside(folder: Path) -> None:
    """A link that stays inside is followed."""
    (folder / "latest.mp3").symlink_to(folder / "june" / "review.mp3")
    assert read(FileAccess(folder), "latest.mp3") == b"more sound"


def test_a_link_to_itself(folder: Path) -> None:
    """A link that leads nowhere, or round in circles, is no file."""
    (folder / "round").symlink_to(folder / "round")
    (folder / "nowhere.mp3").symlink_to(folder / "gone.mp3")
    for path in ("round", "round/standup.ogg", "nowhere.mp3"):
        with pytest.raises(AccessError, match="There is no file"):
            read(FileAccess(folder), path)


@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_swapped_after_the_check(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    """A link put in place between the check and the opening is not followed."""
    (tmp_path / "june").mkdir()
    (tmp_path / "june" / "review.mp3").write_bytes(b"secret")
    check = os.access

    def swap(path: Path, mode: int) -> bool:
        found = check(path, mode)
        target = folder / "june" if swapped == "folder" else folder / "june" / "review.mp3"
        if not target.is_symlink():
            target.rename(tmp_path / "moved")
            target.symlink_to(tmp_path / target.relative_to(folder))
        return found

    monkeypatch.setattr(os, "access", swap)
    with pytest.raises(AccessError, match=r"cannot be read|not a regular file"):
        read(FileAccess(folder), "june/review.mp3")


def test_swapped_at_the_last_moment(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is a link that comes between the look at a file and its opening."""
    look, target = os.stat, folder / "standup.ogg"

    def swap(path: str, **options: Any) -> os.stat_result:
        status = look(path, **options)
        if path == "standup.ogg" and not target.is_symlink():
            target.unlink()
            target.symlink_to(tmp_path / "secret.txt")
        return status

    monkeypatch.setattr(os, "stat", swap)
    with pytest.raises(AccessError, match="cannot be read"):
        read(FileAccess(folder), "standup.ogg")
    assert target.is_symlink()


def test_a_folder_given_as_a_link(folder: Path, tmp_path: Path) -> None:
    """The folder itself may be a link: whoever gave it knew."""
    (tmp_path / "shortcut").symlink_to(folder)
    assert read(FileAccess(tmp_path / "shortcut"), "standup.ogg") == b"sound"


def test_not_a_file(folder: Path) -> None:
    """A folder, a FIFO nobody writes to, a socket: refused at once."""
    os.mkfifo(folder / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as server:
        with contextlib.chdir(folder):
            server.bind("socket.wav")  # a whole path may be too long for a socket
        for path in ("june", "pipe.wav", "socket.wav"):
            with pytest.raises(AccessError, match="not a regular file"):
                read(FileAccess(folder), path)


def test_unopened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no file is not even opened: opening a device can do something."""
    os.mkfifo(folder / "pipe.wav")
    opened: list[str] = []
    really = os.open

    def watched(path: str, flags: int, **options: Any) -> int:
        opened.append(str(path))
        return really(path, flags, **options)

    monkeypatch.setattr(os, "open", watched)
    with pytest.raises(AccessError, match="not a regular file"):
        read(FileAccess(folder), "pipe.wav")
    assert opened == [str(folder)]


def test_too_large(folder: Path) -> None:
    """A file over the limit is refused with both numbers."""
    with pytest.raises(AccessError, match="5 bytes; this tool reads up to 4"):
        read(FileAccess(folder, max_bytes=4), "standup.ogg")


def test_what_there_is(folder: Path) -> None:
    """A refusal names what could be read instead, but no hidden file and not too many."""
    (folder / ".hidden.mp3").write_bytes(b"hidden")
    for number in range(30):
        (folder / f"take{number:02}.mp3").write_bytes(b"take")
    with pytest.raises(AccessError) as refused:
        read(FileAccess(folder), "stand-up.ogg")
    assert "'standup.ogg', 'take00.mp3'" in str(refused.value)
    assert "and 12 more" in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_what_there_is_below(folder: Path, tmp_path: Path) -> None:
    """Files in folders below are offered by paths that work; what is behind a link is not."""
    (folder / "standup.ogg").unlink()
    (folder / "elsewhere").symlink_to(tmp_path)
    access = FileAccess(folder)
    with pytest.raises(AccessError, match=r"There are: 'june/review\.mp3'\.$"):
        read(access, "review.mp3")
    assert read(access, "june/review.mp3") == b"more sound"


def test_endless_folders(folder: Path) -> None:
    """Of very many files a few are offered, without looking at all."""
    for number in range(1_100):
        (folder / f"take{number:04}.mp3").touch()
    with pytest.raises(AccessError, match=r"'take0018\.mp3' and many more\."):
        read(FileAccess(folder), "stand-up.ogg")


def test_missing_is_not_outside(folder: Path, tmp_path: Path) -> None:
    """A whole path to a missing file in one of several folders is missing, and not outside."""
    (tmp_path / "spoken").mkdir()
    access = FileAccess(folder, output=tmp_path / "spoken")
    with pytest.raises(AccessError, match="There is no file"):
        read(access, f"{folder}/typo.ogg")
    with pytest.raises(AccessError, match="outside"):
        read(access, f"{tmp_path}/secret.txt")


def test_nothing_given() -> None:
    """Without folders, nothing is read and nothing written."""
    with pytest.raises(AccessError, match="No folder to read from"):
        read(FileAccess(), "standup.ogg")
    with pytest.raises(AccessError, match="No folder to write to"):
        FileAccess().new_path(".mp3")


def test_missing_folder(tmp_path: Path) -> None:
    """A folder that is not there is told at once, to whoever made the mistake."""
    with pytest.raises(AccessError, match="no folder"):
        FileAccess(tmp_path / "recordings")
    with pytest.raises(AccessError, match="no folder"):
        FileAccess("long" * 1000)


@pytest.mark.parametrize("given", [{"inputs": ""}, {"inputs": [".", ""]}, {"output": ""}])
def test_empty_folder_name(given: dict[str, Any]) -> None:
    """An empty name, as of a variable that is not set, is not taken for the current folder."""
    with pytest.raises(ConfigurationError, match="is empty"):
        FileAccess(**given)


@pytest.mark.parametrize("given", [{"inputs": "~nosuchuser/x"}, {"output": "~nosuchuser/x"}])
def test_unknown_home(given: dict[str, str]) -> None:
    """The home of a user that there is not is told at once, and no folder of that name is made."""
    with pytest.raises(ConfigurationError, match=r"'~nosuchuser/x' .*\.$"):
        FileAccess(**given)  # type: ignore[arg-type]


def test_new_files(folder: Path, tmp_path: Path) -> None:
    """New files get names of their own in the output folder, which is made when needed."""
    access = FileAccess(folder, output=tmp_path / "new" / "spoken")
    first, second = access.new_path(".mp3"), access.new_path(".mp3")
    assert first.parent == second.parent == tmp_path / "new" / "spoken"
    assert first != second
    first.write_bytes(b"spoken")
    assert read(access, first.name) == b"spoken"
    assert read(FileAccess(output=tmp_path / "new" / "spoken"), first.name) == b"spoken"


@pytest.mark.parametrize("name", ["standup.ogg/spoken", "long" * 1000], ids=["file", "long"])
def test_output_that_cannot_be(folder: Path, name: str) -> None:
    """An output folder that cannot be made is told when it is needed; reading does without."""
    access = FileAccess(folder, output=folder / name)
    with pytest.raises(AccessError, match="cannot be made"):
        access.new_path(".mp3")
    with pytest.raises(AccessError, match="There is no file"):
        read(access, "stand-up.ogg")
