"""An agent's tools read and write only in the folders they were given."""

import re
import sys
from pathlib import Path
from traceback import TracebackException
from typing import Any

import pytest

from apertis_audio_tools import AccessError, ConfigurationError, FileAccess
from apertis_audio_tools.files.access import resolve_access
from support.file_access import read_file

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="makes links and devices")


@pytest.mark.parametrize(
    "path", ["standup.ogg", "./standup.ogg", "june/../standup.ogg", "{folder}/standup.ogg"]
)
def test_paths_inside(folder: Path, path: str) -> None:
    """A file of the folder is read by any path that leads to it."""
    assert read_file(FileAccess(folder), path.format(folder=folder)) == b"audio"


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
    assert (read_file(access, "standup.ogg"), read_file(access, "other.wav")) == (
        b"audio",
        b"other",
    )


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
        read_file(FileAccess(folder), path.format(folder=folder))
    assert "secret" not in str(refused.value).replace("secret.txt", "")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (None, r"A path is required: .* of this tool\."),
        (" ", r"A path is required: .* of this tool\."),
        ("a" * 4097, r"The path is too long, .* not printable\."),
        ("stand\nup.ogg", r"The path is too long, .* not printable\."),
        ("a" * 4096, "There is no file .*"),
        ("june/con.mp3", r"'june/con\.mp3' is the name of a device on some systems\."),
        ("june\\con.mp3", ".* is the name of a device on some systems.*"),
    ],
    ids=["none", "space", "too long", "line break", "longest", "device", "device on Windows"],
)
def test_unusable_paths(folder: Path, path: Any, message: str) -> None:
    """The refusal of an unusable path says what is wrong with it, even if there is such a file."""
    (folder / "june" / "con.mp3").write_bytes(b"audio")
    with pytest.raises(AccessError, match=f"^{message}$"):
        read_file(FileAccess(folder), path)


@pytest.mark.parametrize(
    "name", ["at 3.15\u202fPM.mov", "a\u00a0b.ogg", "می\u200cشود.ogg", "👩\u200d💻.ogg"]
)
def test_spaces_and_joiners(folder: Path, name: str) -> None:
    """Names with the spaces of macOS and the joiners of Persian and emoji can be read."""
    (folder / name).write_bytes(b"audio")
    assert read_file(FileAccess(folder), name) == b"audio"
    with pytest.raises(AccessError) as refused:
        read_file(FileAccess(folder), "none.ogg")
    assert repr(name) in str(refused.value)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_links_out(folder: Path, tmp_path: Path, kind: str) -> None:
    """A link out of the folder is refused, and so are files behind one."""
    link = folder / "link"
    link.symlink_to(tmp_path / "secret.txt" if kind == "file" else tmp_path)
    with pytest.raises(AccessError, match="outside"):
        read_file(FileAccess(folder), "link" if kind == "file" else "link/secret.txt")


def test_links_inside(folder: Path) -> None:
    """A link within the folder is followed."""
    (folder / "latest.mp3").symlink_to(folder / "june" / "review.mp3")
    assert read_file(FileAccess(folder), "latest.mp3") == b"more audio"


def test_broken_and_circular_links(folder: Path) -> None:
    """A broken or circular link counts as a missing file."""
    (folder / "round").symlink_to(folder / "round")
    (folder / "nowhere.mp3").symlink_to(folder / "gone.mp3")
    for path in ("round", "round/standup.ogg", "nowhere.mp3"):
        with pytest.raises(AccessError, match="There is no file"):
            read_file(FileAccess(folder), path)


def test_a_folder_given_as_a_link(folder: Path, tmp_path: Path) -> None:
    """The folder itself may be a link, because its owner chose it."""
    (tmp_path / "shortcut").symlink_to(folder)
    assert read_file(FileAccess(tmp_path / "shortcut"), "standup.ogg") == b"audio"


def test_missing_is_not_outside(folder: Path, tmp_path: Path) -> None:
    """An absolute path to a missing file below one of the folders is missing, not outside."""
    (tmp_path / "spoken").mkdir()
    access = FileAccess(folder, output=tmp_path / "spoken")
    with pytest.raises(AccessError, match="There is no file"):
        read_file(access, f"{folder}/typo.ogg")
    with pytest.raises(AccessError, match="outside"):
        read_file(access, f"{tmp_path}/secret.txt")


def test_no_folders() -> None:
    """Without folders, nothing is read or written."""
    with pytest.raises(AccessError, match=r"^This tool has no folder to read from\.$"):
        read_file(FileAccess(), "standup.ogg")
    with pytest.raises(AccessError, match=r"^This tool has no folder to write to\.$"):
        FileAccess().new_path(".mp3")


def test_missing_folder(tmp_path: Path) -> None:
    """A folder that does not exist is an error when the access is created."""
    with pytest.raises(AccessError, match=r"^There is no folder '.*/gone' to read"):
        FileAccess(tmp_path / "gone")
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
    assert re.fullmatch(r"speech-[0-9a-f]{12}\.mp3", first.name)
    first.write_bytes(b"spoken")
    assert read_file(access, first.name) == b"spoken"
    assert read_file(FileAccess(output=tmp_path / "new" / "spoken"), first.name) == b"spoken"


@pytest.mark.parametrize(
    ("name", "reason"),
    [("standup.ogg/spoken", "Not a directory"), ("long" * 1000, "File name too long")],
    ids=["file", "long"],
)
def test_impossible_output_folder(folder: Path, name: str, reason: str) -> None:
    """An output folder that cannot be created is an error when it is needed, not when reading."""
    access = FileAccess(folder, output=folder / name)
    with pytest.raises(AccessError, match=rf"^The output folder cannot be created: {reason}\.$"):
        access.new_path(".mp3")
    with pytest.raises(AccessError, match="There is no file"):
        read_file(access, "stand-up.ogg")


def test_resolving(folder: Path, tmp_path: Path) -> None:
    """The access of tools is given as one value or as folders, not as both, not as neither."""
    access = FileAccess(folder)
    assert resolve_access(access, (), None) is access
    resolved = resolve_access(None, folder, tmp_path)
    assert (resolved.inputs, resolved.output) == ((folder,), tmp_path)
    assert resolve_access(None, (), tmp_path).output == tmp_path
    for inputs, output in (((), tmp_path), (folder, None)):
        with pytest.raises(ConfigurationError, match=r"^Pass access, or folders .*; not both\.$"):
            resolve_access(access, inputs, output)
    with pytest.raises(ConfigurationError, match=r"^Tools need a folder .* write to \(output\)\.$"):
        resolve_access(None, (), None)
    with pytest.raises(ConfigurationError, match=r"^Tools need a folder"):
        resolve_access(FileAccess(), (), None)


def test_repr(folder: Path) -> None:
    """The repr shows the folders."""
    shown = repr(FileAccess(folder, output="spoken"))
    assert shown == f"FileAccess([{str(folder)!r}], output={Path.cwd() / 'spoken'})"


def test_repr_in_tracebacks(folder: Path) -> None:
    """A traceback can show an access whose folders are refused."""
    with pytest.raises(AccessError) as caught:
        FileAccess(folder / "missing")
    shown = "".join(TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "self = FileAccess([], output=None)" in shown
