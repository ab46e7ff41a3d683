"""An agent's tools read and write only in the folders they were given."""

import contextlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import AccessError, ConfigurationError, FileAccess
from support.file_access import read

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="makes links and devices")


@pytest.mark.parametrize(
    "path", ["standup.ogg", "./standup.ogg", "june/../standup.ogg", "{folder}/standup.ogg"]
)
def test_paths_inside(folder: Path, path: str) -> None:
    """A file of the folder is read by any path that leads to it."""
    assert read(FileAccess(folder), path.format(folder=folder)) == b"audio"


def test_folders_below(folder: Path) -> None:
    """Files in folders below are read; the name is without its folders."""
    with FileAccess(folder).reading("june/review.mp3") as (name, file):
        assert (name, file.read()) == ("review.mp3", b"more audio")
    assert file.closed


def test_several_folders(folder: Path, tmp_path: Path) -> None:
    """A path is searched for in each folder."""
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "other.wav").write_bytes(b"other")
    access = FileAccess([folder, tmp_path / "second"])
    assert (read(access, "standup.ogg"), read(access, "other.wav")) == (b"audio", b"other")


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
def test_paths_outside(folder: Path, path: str) -> None:
    """A path outside the folder is refused in a sentence that reveals no content."""
    with pytest.raises(AccessError, match=r"\.$") as refused:
        read(FileAccess(folder), path.format(folder=folder))
    assert "secret" not in str(refused.value).replace("secret.txt", "")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_links_out(folder: Path, tmp_path: Path, kind: str) -> None:
    """A link out of the folder is refused, and so are files behind one."""
    link = folder / "link"
    link.symlink_to(tmp_path / "secret.txt" if kind == "file" else tmp_path)
    with pytest.raises(AccessError, match="outside"):
        read(FileAccess(folder), "link" if kind == "file" else "link/secret.txt")


def test_links_inside(folder: Path) -> None:
    """A link within the folder is followed."""
    (folder / "latest.mp3").symlink_to(folder / "june" / "review.mp3")
    assert read(FileAccess(folder), "latest.mp3") == b"more audio"


def test_broken_and_circular_links(folder: Path) -> None:
    """A broken or circular link counts as a missing file."""
    (folder / "round").symlink_to(folder / "round")
    (folder / "nowhere.mp3").symlink_to(folder / "gone.mp3")
    for path in ("round", "round/standup.ogg", "nowhere.mp3"):
        with pytest.raises(AccessError, match="There is no file"):
            read(FileAccess(folder), path)


@pytest.mark.parametrize("swapped", ["file", "folder"])
def test_swapped_after_the_check(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    """A link created between the check and the opening is not followed."""
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


def test_link_created_before_the_opening(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link created between `stat` and `open` is not followed."""
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
    """The folder itself may be a link, because its owner chose it."""
    (tmp_path / "shortcut").symlink_to(folder)
    assert read(FileAccess(tmp_path / "shortcut"), "standup.ogg") == b"audio"


def test_special_files(folder: Path) -> None:
    """A folder, a FIFO without a writer, and a socket are refused without blocking."""
    os.mkfifo(folder / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as server:
        with contextlib.chdir(folder):
            server.bind("socket.wav")  # a whole path may be too long for a socket
        for path in ("june", "pipe.wav", "socket.wav"):
            with pytest.raises(AccessError, match="not a regular file"):
                read(FileAccess(folder), path)


def test_special_files_are_not_opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A special file is refused before it is opened: opening a device can have effects."""
    os.mkfifo(folder / "pipe.wav")
    opened: list[str] = []
    open_file = os.open

    def record_open(path: str, flags: int, **options: Any) -> int:
        opened.append(str(path))
        return open_file(path, flags, **options)

    monkeypatch.setattr(os, "open", record_open)
    with pytest.raises(AccessError, match="not a regular file"):
        read(FileAccess(folder), "pipe.wav")
    assert opened == [str(folder)]


def swap_before_opening(
    monkeypatch: pytest.MonkeyPatch, target: Path, swap: Callable[[], object]
) -> list[int]:
    """Run `swap` just before the target is opened; return the list that gets its descriptor."""
    open_file = os.open
    descriptors: list[int] = []

    def swap_and_open(path: str, flags: int, **options: Any) -> int:
        if path != target.name:
            return open_file(path, flags, **options)
        target.unlink()
        swap()
        descriptors.append(open_file(path, flags, **options))
        return descriptors[-1]

    monkeypatch.setattr(os, "open", swap_and_open)
    return descriptors


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_larger_file_swapped_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file replaced by a larger one between the check and the opening is refused and closed."""
    target = folder / "standup.ogg"
    descriptors = swap_before_opening(monkeypatch, target, lambda: target.write_bytes(b"x" * 9))
    with pytest.raises(AccessError, match="9 bytes; this tool reads up to 5"):
        read(FileAccess(folder, max_bytes=5), "standup.ogg")
    assert [is_open(each) for each in descriptors] == [False]


@pytest.mark.timeout(10)  # It would block forever.
def test_fifo_swapped_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file replaced by a FIFO between the check and the opening is refused without blocking."""
    target = folder / "standup.ogg"
    descriptors = swap_before_opening(monkeypatch, target, lambda: os.mkfifo(target))
    with pytest.raises(AccessError, match="not a regular file"):
        read(FileAccess(folder), "standup.ogg")
    assert [is_open(each) for each in descriptors] == [False]


def test_too_large(folder: Path) -> None:
    """A file over the limit is refused with its size and the limit."""
    with pytest.raises(AccessError, match="5 bytes; this tool reads up to 4"):
        read(FileAccess(folder, max_bytes=4), "standup.ogg")


def test_alternatives(folder: Path) -> None:
    """A refusal names some files that can be read instead, without hidden ones."""
    (folder / ".hidden.mp3").write_bytes(b"hidden")
    for number in range(30):
        (folder / f"take{number:02}.mp3").write_bytes(b"take")
    with pytest.raises(AccessError) as refused:
        read(FileAccess(folder), "stand-up.ogg")
    assert "'standup.ogg', 'take00.mp3'" in str(refused.value)
    assert "and 12 more" in str(refused.value)
    assert "hidden" not in str(refused.value)


def test_alternatives_below(folder: Path, tmp_path: Path) -> None:
    """Files in folders below are offered by paths that work; links are not offered."""
    (folder / "standup.ogg").unlink()
    (folder / "latest.mp3").symlink_to(folder / "june" / "review.mp3")
    (folder / "secret.mp3").symlink_to(tmp_path / "secret.txt")
    (folder / "elsewhere").symlink_to(tmp_path)
    access = FileAccess(folder)
    with pytest.raises(AccessError, match=r"There are: 'june/review\.mp3'\.$"):
        read(access, "review.mp3")
    assert read(access, "june/review.mp3") == b"more audio"


def test_endless_folders(folder: Path) -> None:
    """A few of very many files are offered, without counting them all."""
    for number in range(1_100):
        (folder / f"take{number:04}.mp3").touch()
    with pytest.raises(AccessError, match=r"'take0018\.mp3' and many more\."):
        read(FileAccess(folder), "stand-up.ogg")


def test_missing_is_not_outside(folder: Path, tmp_path: Path) -> None:
    """An absolute path to a missing file below one of the folders is missing, not outside."""
    (tmp_path / "spoken").mkdir()
    access = FileAccess(folder, output=tmp_path / "spoken")
    with pytest.raises(AccessError, match="There is no file"):
        read(access, f"{folder}/typo.ogg")
    with pytest.raises(AccessError, match="outside"):
        read(access, f"{tmp_path}/secret.txt")


def test_no_folders() -> None:
    """Without folders, nothing is read or written."""
    with pytest.raises(AccessError, match="No folder to read from"):
        read(FileAccess(), "standup.ogg")
    with pytest.raises(AccessError, match="No folder to write to"):
        FileAccess().new_path(".mp3")


def test_missing_folder(tmp_path: Path) -> None:
    """A folder that does not exist is an error when the access is created."""
    with pytest.raises(AccessError, match="no folder"):
        FileAccess(tmp_path / "recordings")
    with pytest.raises(AccessError, match="no folder"):
        FileAccess("long" * 1000)


@pytest.mark.parametrize("folders", [{"inputs": ""}, {"inputs": [".", ""]}, {"output": ""}])
def test_empty_folder_name(folders: dict[str, Any]) -> None:
    """An empty name, for example from an unset variable, is not the current folder."""
    with pytest.raises(ConfigurationError, match="is empty"):
        FileAccess(**folders)


@pytest.mark.parametrize("folders", [{"inputs": "~nosuchuser/x"}, {"output": "~nosuchuser/x"}])
def test_unknown_home(folders: dict[str, str]) -> None:
    """An unknown home is an error, and no folder of that name is created."""
    with pytest.raises(ConfigurationError, match=r"'~nosuchuser/x' .*\.$"):
        FileAccess(**folders)  # type: ignore[arg-type]


def test_new_files(folder: Path, tmp_path: Path) -> None:
    """New files get unique names in the output folder, which is created when needed."""
    access = FileAccess(folder, output=tmp_path / "new" / "spoken")
    first, second = access.new_path(".mp3"), access.new_path(".mp3")
    assert first.parent == second.parent == tmp_path / "new" / "spoken"
    assert first != second
    first.write_bytes(b"spoken")
    assert read(access, first.name) == b"spoken"
    assert read(FileAccess(output=tmp_path / "new" / "spoken"), first.name) == b"spoken"


@pytest.mark.parametrize("name", ["standup.ogg/spoken", "long" * 1000], ids=["file", "long"])
def test_impossible_output_folder(folder: Path, name: str) -> None:
    """An output folder that cannot be created is an error when it is needed, not when reading."""
    access = FileAccess(folder, output=folder / name)
    with pytest.raises(AccessError, match="cannot be created"):
        access.new_path(".mp3")
    with pytest.raises(AccessError, match="There is no file"):
        read(access, "stand-up.ogg")
