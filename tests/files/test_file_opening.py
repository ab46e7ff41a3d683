"""Files are opened for an agent without following links, blocking, or leaking descriptors."""

import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import AccessError, FileAccess
from apertis_audio_tools.files import access as access_module
from support.file_access import read_file

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="makes links and devices")


@pytest.fixture(params=[True, False], ids=["below a descriptor", "by path"])
def _each_way_to_open(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Open files below the descriptor of a folder, and by path as on Windows."""
    monkeypatch.setattr(access_module, "_CAN_OPEN_BELOW", request.param)


@pytest.fixture
def descriptors(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Return the list of descriptors that are opened; at the end, all are closed."""
    open_file, opened = os.open, list[int]()

    def record_open(path: str, flags: int, **options: Any) -> int:
        opened.append(open_file(path, flags, **options))
        return opened[-1]

    monkeypatch.setattr(os, "open", record_open)
    yield opened
    assert not any(map(is_open, opened))


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


@pytest.mark.usefixtures("_each_way_to_open")
def test_special_files(folder: Path) -> None:
    """A folder, a FIFO without a writer, and a socket are refused without blocking."""
    os.mkfifo(folder / "pipe.wav")
    with socket.socket(socket.AF_UNIX) as server:
        with contextlib.chdir(folder):
            server.bind("socket.wav")  # a whole path may be too long for a socket
        for path in ("june", "pipe.wav", "socket.wav"):
            with pytest.raises(AccessError, match=f"^{path} is not a regular file"):
                read_file(FileAccess(folder), path)


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
        read_file(FileAccess(folder), "pipe.wav")
    assert opened
    assert "pipe.wav" not in opened


@pytest.mark.usefixtures("_each_way_to_open")
def test_size_limit(folder: Path) -> None:
    """A file up to the limit is read; a larger one is refused with its size and the limit."""
    assert read_file(FileAccess(folder, max_bytes=5), "standup.ogg") == b"audio"
    with pytest.raises(AccessError, match="5 bytes; this tool reads up to 4"):
        read_file(FileAccess(folder, max_bytes=4), "standup.ogg")


@pytest.mark.parametrize(
    ("swapped", "reason"),
    [("file", "is not a regular file"), ("folder", r"cannot be read: Not a directory\.")],
)
def test_link_swapped_in(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swapped: str, reason: str
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
    with pytest.raises(AccessError, match=f"^june/review.mp3 {reason}"):
        read_file(FileAccess(folder), "june/review.mp3")


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
    with pytest.raises(AccessError, match=r"^standup\.ogg cannot be read: .* symbolic links\.$"):
        read_file(FileAccess(folder), "standup.ogg")
    assert target.is_symlink()


def swap_before_opening(
    monkeypatch: pytest.MonkeyPatch, target: Path, swap: Callable[[], object]
) -> None:
    """Replace the target by what `swap` makes just before it is opened."""
    open_file = os.open

    def swap_and_open(path: str, flags: int, **options: Any) -> int:
        if path == target.name:
            target.unlink()
            swap()
        return open_file(path, flags, **options)

    monkeypatch.setattr(os, "open", swap_and_open)


def test_descriptors_are_closed(folder: Path, descriptors: list[int]) -> None:
    """Only the file stays open while it is read, and nothing after that."""
    with FileAccess(folder).reading("june/review.mp3") as (_, file):
        assert set(filter(is_open, descriptors)) == {file.fileno()}


def test_larger_file_swapped_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch, descriptors: list[int]
) -> None:
    """A file replaced by a larger one between the check and the opening is refused and closed."""
    target = folder / "standup.ogg"
    swap_before_opening(monkeypatch, target, lambda: target.write_bytes(b"x" * 9))
    with pytest.raises(AccessError, match=r"^standup\.ogg has 9 bytes; this tool reads up to 5\.$"):
        read_file(FileAccess(folder, max_bytes=5), "standup.ogg")
    assert descriptors


@pytest.mark.timeout(10)  # It would block forever.
def test_fifo_swapped_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch, descriptors: list[int]
) -> None:
    """A file replaced by a FIFO between the check and the opening is refused without blocking."""
    target = folder / "standup.ogg"
    swap_before_opening(monkeypatch, target, lambda: os.mkfifo(target))
    with pytest.raises(AccessError, match=r"^standup\.ogg is not a regular file\."):
        read_file(FileAccess(folder), "standup.ogg")
    assert descriptors


@pytest.mark.timeout(10)  # It would block forever.
def test_fifo_in_place_of_the_input_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An input folder replaced by a FIFO between the check and the opening does not block."""
    check = os.access

    def swap(path: Path, mode: int) -> bool:
        found = check(path, mode)
        folder.rename(folder.parent / "moved")
        os.mkfifo(folder)
        return found

    monkeypatch.setattr(os, "access", swap)
    with pytest.raises(AccessError, match=r"^standup\.ogg cannot be read: Not a directory\.$"):
        read_file(FileAccess(folder), "standup.ogg")


def test_folder_vanishes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, descriptors: list[int]
) -> None:
    """A folder that vanishes between the check and the opening is an error in a sentence."""
    check = os.access

    def vanish(path: Path, mode: int) -> bool:
        found = check(path, mode)
        (folder / "june").rename(folder.parent / "moved")
        return found

    monkeypatch.setattr(os, "access", vanish)
    reason = "No such file or directory"
    with pytest.raises(AccessError, match=rf"^june/review\.mp3 cannot be read: {reason}\.$"):
        read_file(FileAccess(folder), "june/review.mp3")
    assert descriptors
