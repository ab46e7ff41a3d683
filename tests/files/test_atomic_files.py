"""A file appears under its name when it is complete, or not at all."""

import os
from pathlib import Path

import pytest

from apertis_audio_tools import OutputError
from apertis_audio_tools.files.atomic import AtomicFile


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def interrupted(path: Path, interruption: type[BaseException]) -> None:
    """Write half a file, then raise."""
    with AtomicFile.create(path, overwrite=True) as new:
        new.file.write(b"half")
        raise interruption


def test_file_appears_when_complete(tmp_path: Path) -> None:
    """The file appears under its name at the end, and nothing else is left beside it."""
    target = tmp_path / "out.mp3"
    with AtomicFile.create(target) as new:
        new.file.write(b"audio")
        assert not target.exists()
        assert new.path == target
    assert target.read_bytes() == b"audio"
    assert names(tmp_path) == ["out.mp3"]
    assert new.file.closed


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_interrupted_write_leaves_nothing(
    interruption: type[BaseException], tmp_path: Path
) -> None:
    """An error or an interruption leaves no file."""
    with pytest.raises(interruption):
        interrupted(tmp_path / "out.mp3", interruption)
    assert names(tmp_path) == []


def test_draft_can_be_read_and_truncated(tmp_path: Path) -> None:
    """The draft can be read, and written again from its beginning."""
    with AtomicFile.create(tmp_path / "out.mp3") as new:
        new.file.write(b"a first attempt")
        new.file.seek(0)
        assert new.file.read() == b"a first attempt"
        new.file.seek(0)
        new.file.truncate()
        new.file.write(b"second")
    assert (tmp_path / "out.mp3").read_bytes() == b"second"


def test_existing_file_is_kept(tmp_path: Path) -> None:
    """An existing file is kept; `create` refuses it before anything is written."""
    target = tmp_path / "out.mp3"
    target.write_bytes(b"precious")
    with pytest.raises(OutputError, match=r"out\.mp3 exists and is kept; overwrite replaces"):
        AtomicFile.create(target)
    assert target.read_bytes() == b"precious"
    assert names(tmp_path) == ["out.mp3"]


def test_overwriting(tmp_path: Path) -> None:
    """With `overwrite`, a complete file replaces an existing one in one step."""
    target = tmp_path / "out.mp3"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError):
        interrupted(target, RuntimeError)
    assert target.read_bytes() == b"old"
    with AtomicFile.create(target, overwrite=True) as new:
        new.file.write(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["out.mp3"]


def test_file_created_meanwhile_is_kept(tmp_path: Path) -> None:
    """A file that was created before the commit is kept; the draft is discarded."""
    target = tmp_path / "out.mp3"
    new = AtomicFile.create(target)
    new.file.write(b"late")
    target.write_bytes(b"first")
    with pytest.raises(OutputError, match=r"out\.mp3 cannot be written: File exists"):
        new.commit()
    assert target.read_bytes() == b"first"
    assert names(tmp_path) == ["out.mp3"]


def test_two_writers(tmp_path: Path) -> None:
    """The first of two writers to commit wins; the second gets an error."""
    first, second = AtomicFile.create(tmp_path / "out.mp3"), AtomicFile.create(tmp_path / "out.mp3")
    second.file.write(b"second")
    first.file.write(b"first")
    second.commit()
    with pytest.raises(OutputError):
        first.commit()
    assert (tmp_path / "out.mp3").read_bytes() == b"second"
    assert names(tmp_path) == ["out.mp3"]


@pytest.mark.parametrize("is_existing", [False, True])
def test_file_system_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_existing: bool
) -> None:
    """Committing works without hard links, and still replaces no file."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    new = AtomicFile.create(tmp_path / "out.mp3")
    new.file.write(b"audio")
    if is_existing:
        (tmp_path / "out.mp3").write_bytes(b"first")
        with pytest.raises(OutputError):
            new.commit()
    else:
        new.commit()
    assert (tmp_path / "out.mp3").read_bytes() == (b"first" if is_existing else b"audio")
    assert names(tmp_path) == ["out.mp3"]


def test_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is an error that leaves no file."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    new = AtomicFile.create(tmp_path / "out.mp3")
    new.file.write(b"audio")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        new.commit()
    assert names(tmp_path) == []


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "is a directory"),
        ("folder", "is a directory"),
        ("missing/out.mp3", "No such file or directory"),
        ("file/out.mp3", "Not a directory"),
        ("x" * 300, "File name too long"),
        ("a\0b", "null"),
        ("missing/..", "No such file or directory"),
    ],
    ids=lambda value: value[:12],
)
def test_impossible_paths(name: str, reason: str, overwrite: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """A path that cannot be written is refused by `create`, and no file is left."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=reason):
        AtomicFile.create(tmp_path / name, overwrite=overwrite).commit()
    assert names(tmp_path) == ["file", "folder"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
def test_special_file(tmp_path: Path) -> None:
    """A FIFO is not replaced by a file, even with `overwrite`."""
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OutputError, match="fifo is not a regular file"):
        AtomicFile.create(tmp_path / "fifo", overwrite=True)
    assert (tmp_path / "fifo").is_fifo()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind here")
def test_no_permission(tmp_path: Path) -> None:
    """A folder without write permission is refused by `create`."""
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="Permission denied"):
        AtomicFile.create(tmp_path / "out.mp3")
    tmp_path.chmod(0o000)
    with pytest.raises(OutputError, match="Permission denied"):
        AtomicFile.create(tmp_path / "out.mp3")
    tmp_path.chmod(0o700)


def test_dangling_link(tmp_path: Path) -> None:
    """A broken link counts as existing; `overwrite` replaces the link, not its target."""
    (tmp_path / "out.mp3").symlink_to(tmp_path / "elsewhere.mp3")
    with pytest.raises(OutputError, match="exists"):
        AtomicFile.create(tmp_path / "out.mp3")
    AtomicFile.create(tmp_path / "out.mp3", overwrite=True).commit()
    assert names(tmp_path) == ["out.mp3"]
    assert not (tmp_path / "out.mp3").is_symlink()


def test_longest_name(tmp_path: Path) -> None:
    """A name of the maximum length of the file system can be written."""
    with AtomicFile.create(tmp_path / ("x" * 251 + ".mp3")) as new:
        new.file.write(b"audio")
    assert len(names(tmp_path)[0]) == 255


def test_permissions(tmp_path: Path) -> None:
    """The file has the permissions of any new file."""
    with AtomicFile.create(tmp_path / "out.mp3"):
        (tmp_path / "plain").touch()
    assert (tmp_path / "out.mp3").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_discarding_twice(tmp_path: Path) -> None:
    """Discarding a draft twice is harmless."""
    new = AtomicFile.create(tmp_path / "out.mp3")
    new.discard()
    new.discard()
    assert names(tmp_path) == []
