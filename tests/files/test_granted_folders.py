"""Folders are resolved when access is granted; a link in one of them leads nowhere."""

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

from apertis_audio_tools import AccessError, ConfigurationError, FileAccess, OutputError
from apertis_audio_tools.files import access as access_module
from apertis_audio_tools.files.atomic import AtomicFile
from support.file_access import read_file

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="makes links")


@pytest.fixture(params=[True, False], ids=["below a descriptor", "by path"])
def _each_way_to_open(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_module, "_CAN_OPEN_BELOW", request.param)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder beside the one of the agent, with a private recording."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "voicemail.ogg").write_bytes(b"private")
    return home


def require_closed(access: FileAccess, home: Path) -> None:
    """Require that nothing in a folder is read, named or written."""
    for path in ("voicemail.ogg", "spoken/voicemail.ogg", f"{home}/voicemail.ogg"):
        with pytest.raises(AccessError) as refused:
            read_file(access, path)
        assert "'voicemail.ogg'" not in str(refused.value).removeprefix("There is no file")[20:]
    before = sorted(home.iterdir())
    with pytest.raises(AccessError, match=r"^The output folder cannot be created: .*\.$"):
        access.new_path(".mp3")
    assert sorted(home.iterdir()) == before


@pytest.mark.parametrize(
    "spelling", ["spoken", "./spoken", "june/../spoken", "spoken/below", "two"]
)
def test_link_below_an_input_folder(folder: Path, home: Path, spelling: str) -> None:
    """An output folder behind a link below an input folder is refused, naming its target."""
    (folder / "spoken").symlink_to("../home")
    (folder / "two").symlink_to(folder / "spoken")
    with pytest.raises(AccessError, match=rf"^No files are written to '{home}.* is a link"):
        FileAccess(folder, output=folder / spelling)


def test_link_to_a_link_below_an_input_folder(folder: Path, home: Path, tmp_path: Path) -> None:
    """A link outside of the input folders that leads to one below them is refused, too."""
    (folder / "spoken").symlink_to(home)
    (tmp_path / "mine").symlink_to(folder / "spoken")
    with pytest.raises(AccessError, match=rf"'{folder}/spoken' is a link"):
        FileAccess(folder, output=tmp_path / "mine")


def test_link_to_nothing_below_an_input_folder(folder: Path, tmp_path: Path) -> None:
    """A link whose target does not exist yet is refused, and its target is not created."""
    (folder / "spoken").symlink_to(tmp_path / "later")
    with pytest.raises(AccessError, match="is a link"):
        FileAccess(folder, output=folder / "spoken")
    assert not (tmp_path / "later").exists()


@pytest.mark.usefixtures("_each_way_to_open")
def test_named_link_is_followed_once(folder: Path, home: Path, tmp_path: Path) -> None:
    """A link that the developer names is followed when access is granted, and not again."""
    (tmp_path / "in").symlink_to(folder)
    (tmp_path / "out").symlink_to(folder / "june")
    access = FileAccess(tmp_path / "in", output=tmp_path / "out")
    for name in ("in", "out"):
        (tmp_path / name).unlink()
        (tmp_path / name).symlink_to(home)
    assert read_file(access, "standup.ogg") == b"audio"
    assert access.new_path(".mp3").parent == folder / "june"
    with pytest.raises(AccessError):
        read_file(access, "voicemail.ogg")


@pytest.mark.usefixtures("_each_way_to_open")
@pytest.mark.parametrize("existed", [False, True])
@pytest.mark.parametrize("output", ["spoken", "spoken/below"])
def test_link_that_comes_later(folder: Path, home: Path, output: str, *, existed: bool) -> None:
    """A link that takes the place of the output folder, or of one above it, is not followed."""
    access = FileAccess(folder, output=folder / output)
    if existed:
        access.new_path(".mp3")
        (folder / "spoken").rename(folder / "moved")
    (folder / "spoken").symlink_to(home)
    require_closed(access, home)
    require_closed(pickle.loads(pickle.dumps(access)), home)


@pytest.mark.parametrize("name", ["recordings", "."], ids=["folder", "folder above"])
def test_link_in_place_of_an_input_folder(folder: Path, tmp_path: Path, name: str) -> None:
    """A link that takes the place of an input folder is not followed, nor are its files named."""
    other = tmp_path.parent / f"{tmp_path.name}-other"
    (other / "recordings").mkdir(parents=True)
    (other / "recordings" / "voicemail.ogg").write_bytes(b"private")
    access = FileAccess(folder)
    target = (tmp_path / name).resolve()
    target.rename(f"{target}-moved")
    target.symlink_to((other / name).resolve())
    with pytest.raises(AccessError, match=r"outside .* The folders are empty\.$"):
        read_file(access, "voicemail.ogg")


def test_folder_above_swapped_before_the_opening(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link that takes the place of the folder itself after the check is not followed."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "standup.ogg").write_bytes(b"secret")
    check = os.access

    def swap(path: Path, mode: int) -> bool:
        found = check(path, mode)
        folder.rename(tmp_path / "moved")
        folder.symlink_to(tmp_path / "other")
        return found

    monkeypatch.setattr(os, "access", swap)
    with pytest.raises(AccessError, match=r"^standup\.ogg cannot be read: Not a directory\.$"):
        read_file(FileAccess(folder), "standup.ogg")


@pytest.mark.parametrize("step", ["created", "committed"])
@pytest.mark.parametrize("has_unnamed_files", [True, False])
def test_new_file_is_created_in_the_folder_that_is_open(
    folder: Path,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    *,
    has_unnamed_files: bool,
) -> None:
    """A link that takes the place of the output folder after it was opened is not followed."""
    if not has_unnamed_files:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    output = folder / "spoken"

    def swap() -> None:
        output.rename(folder / "moved")
        output.symlink_to(home)

    with FileAccess(folder, output=output).writing(".mp3") as path:
        if step == "created":
            swap()
        with AtomicFile.create(path) as new:
            new.file.write(b"audio")
            if step == "committed":
                swap()
    assert [each.name for each in home.iterdir()] == ["voicemail.ogg"]
    assert (folder / "moved" / path.path.name).read_bytes() == b"audio"


def test_link_in_place_of_the_new_file(folder: Path, home: Path) -> None:
    """A link that takes the name of the new file is neither followed nor replaced."""
    with FileAccess(folder, output=folder / "spoken").writing(".mp3") as path:
        new = AtomicFile.create(path)
        path.path.symlink_to(home / "voicemail.ogg")
        with pytest.raises(OutputError, match="cannot be written: File exists"):
            new.commit()
        with pytest.raises(OutputError, match="exists and is kept"):
            AtomicFile.create(path)
    assert (home / "voicemail.ogg").read_bytes() == b"private"


@pytest.mark.parametrize("refuse", [False, True])
def test_descriptors_of_new_files_are_closed(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, refuse: bool
) -> None:
    """No descriptor stays open after a file was written, or could not be."""
    access = FileAccess(folder, output=folder / "new" / "spoken")
    access.new_path(".mp3")
    opened = _count_descriptors()
    if refuse:
        monkeypatch.setattr(os, "fsync", _raise_disk_full)
    for _ in range(3):
        with access.writing(".mp3") as path:
            new = AtomicFile.create(path)
            if refuse:
                with pytest.raises(OutputError):
                    new.commit()
                path.path.touch()
                with pytest.raises(OutputError):
                    AtomicFile.create(path)
            else:
                new.commit()
    assert _count_descriptors() == opened


def _raise_disk_full(_: int) -> None:
    raise OSError(28, "No space left on device")


def _count_descriptors() -> int:
    return len([*Path("/dev/fd").iterdir()])


def test_folder_that_cannot_be_listed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose status is unknown is left out of the names, without a raw error."""
    look = os.stat

    def refuse(path: str | Path, **options: Any) -> os.stat_result:
        if Path(path).name == "review.mp3":
            raise PermissionError(13, "Permission denied")
        return look(path, **options)

    monkeypatch.setattr(os, "stat", refuse)
    with pytest.raises(AccessError, match=r"There are: 'standup\.ogg'\.$"):
        read_file(FileAccess(folder), "gone.ogg")


@pytest.mark.parametrize("swapped", ["recordings", "recordings/june"])
def test_link_swapped_in_during_the_listing(
    folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch, swapped: str
) -> None:
    """A folder that is replaced by a link while files are listed is not left through it."""
    (home / "june").mkdir()
    (home / "june" / "diary.ogg").touch()
    target, open_file = folder.parent / swapped, os.open

    def swap(path: str, flags: int, **options: Any) -> int:
        descriptor = open_file(path, flags, **options)
        if path == "recordings" and not target.is_symlink():
            target.rename(folder.parent / "moved")
            target.symlink_to(home)
        return descriptor

    access = FileAccess(folder)
    monkeypatch.setattr(os, "open", swap)
    with pytest.raises(AccessError, match=r"There are: |The folders are empty") as refused:
        read_file(access, "gone.ogg")
    assert target.is_symlink()
    assert not any(name in str(refused.value) for name in ("voicemail", "diary"))


@pytest.mark.timeout(10)  # It would block forever.
def test_fifo_swapped_in_during_the_listing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that is replaced by a FIFO while files are listed does not block."""
    open_file = os.open

    def swap(path: str, flags: int, **options: Any) -> int:
        if path == "june":
            (folder / "june").rename(folder.parent / "moved")
            os.mkfifo(folder / "june")
        return open_file(path, flags, **options)

    monkeypatch.setattr(os, "open", swap)
    with pytest.raises(AccessError, match=r"There are: 'standup\.ogg'\.$"):
        read_file(FileAccess(folder), "gone.ogg")


def test_deep_folders(folder: Path) -> None:
    """Folders are listed down to a limit, as each on the way is open, and all are closed."""
    (folder / ("d/" * 40)).mkdir(parents=True)
    for depth in (2, 32, 33):
        (folder / ("d/" * depth) / f"{depth}.ogg").touch()
    before = _count_descriptors()
    with pytest.raises(AccessError, match=r"/2\.ogg', .*/32\.ogg', ") as refused:
        read_file(FileAccess(folder), "gone.ogg")
    assert "/33.ogg" not in str(refused.value)
    assert _count_descriptors() == before


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_impossible_names_of_folders(folder: Path, name: str) -> None:
    """A name that no folder can have is refused in a sentence."""
    for inputs, output in ((name, None), (folder, name)):
        with pytest.raises(ConfigurationError, match=r"^No folder can have the name "):
            FileAccess(inputs, output=output)
