"""Recordings as blobs of LangChain."""

import pickle
from pathlib import Path

import pytest

from apertis_audio_tools import RecordingError
from apertis_audio_tools.langchain import RecordingBlobLoader


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.MP3", "a.wav", "notes.txt", ".hidden.mp3", "later/c.m4a"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"sound")
    (tmp_path / "outside.mp3").write_bytes(b"secret")
    (tmp_path / "in" / "link.mp3").symlink_to(tmp_path / "outside.mp3")
    return tmp_path / "in"


def names(loader: RecordingBlobLoader) -> list[str]:
    return [Path(str(blob.path)).name for blob in loader.yield_blobs()]


def test_what_is_found(folder: Path) -> None:
    """Recordings in the order of their names, in any case; nothing hidden, no link out."""
    assert names(RecordingBlobLoader(folder)) == ["a.wav", "b.MP3", "c.m4a"]


def test_patterns_and_suffixes(folder: Path) -> None:
    """A pattern and suffixes choose among them."""
    assert names(RecordingBlobLoader(folder, glob="*")) == ["a.wav", "b.MP3"]
    assert names(RecordingBlobLoader(folder, suffixes=[".mp3", "txt"])) == ["b.MP3", "notes.txt"]
    assert names(RecordingBlobLoader(folder, suffixes="mp3")) == ["b.MP3"]


def test_each_once(folder: Path) -> None:
    """A recording that is named, and in a folder as well, is one blob."""
    assert names(RecordingBlobLoader([folder / "b.MP3", folder])) == ["b.MP3", "a.wav", "c.m4a"]


def test_generators_are_remembered(folder: Path) -> None:
    """Places and suffixes may be generators; blobs can be had again, and elsewhere."""
    loader = RecordingBlobLoader(
        (folder / name for name in ("b.MP3", "later")), suffixes=(each for each in ["m4a"])
    )
    assert names(loader) == names(loader) == ["b.MP3", "c.m4a"]
    assert names(pickle.loads(pickle.dumps(loader))) == names(loader)


def test_nothing_is_read(folder: Path) -> None:
    """A blob has a path and a media type, and no content."""
    blob = next(RecordingBlobLoader(folder).yield_blobs())
    assert blob.data is None
    assert blob.source == str(folder / "a.wav")
    assert str(blob.mimetype).startswith("audio/")


def test_missing() -> None:
    """A folder that is not there is an error, once blobs are asked for."""
    with pytest.raises(RecordingError, match="There is no file or folder"):
        names(RecordingBlobLoader("nowhere"))
