"""Recordings as LangChain blobs."""

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


def test_order_and_selection(folder: Path) -> None:
    """Recordings are found in order, in any case, without hidden files and links that lead out."""
    assert names(RecordingBlobLoader(folder)) == ["a.wav", "b.MP3", "c.m4a"]


def test_patterns_and_suffixes(folder: Path) -> None:
    """A pattern and suffixes limit which files are found."""
    assert names(RecordingBlobLoader(folder, glob="*")) == ["a.wav", "b.MP3"]
    assert names(RecordingBlobLoader(folder, suffixes=[".mp3", "txt"])) == ["b.MP3", "notes.txt"]
    assert names(RecordingBlobLoader(folder, suffixes="mp3")) == ["b.MP3"]


def test_duplicates(folder: Path) -> None:
    """A recording that is named, and in a folder as well, is one blob."""
    assert names(RecordingBlobLoader([folder / "b.MP3", folder])) == ["b.MP3", "a.wav", "c.m4a"]


def test_generators_as_arguments(folder: Path) -> None:
    """Paths and suffixes may be generators; the loader can be used again, and pickled."""
    loader = RecordingBlobLoader(
        (folder / name for name in ("b.MP3", "later")), suffixes=(each for each in ["m4a"])
    )
    assert names(loader) == names(loader) == ["b.MP3", "c.m4a"]
    assert names(pickle.loads(pickle.dumps(loader))) == names(loader)


def test_content_is_not_read(folder: Path) -> None:
    """A blob has a path and a media type, and no content."""
    blob = next(RecordingBlobLoader(folder).yield_blobs())
    assert blob.data is None
    assert blob.source == str(folder / "a.wav")
    assert str(blob.mimetype).startswith("audio/")


def test_missing_folder() -> None:
    """A missing folder is an error once blobs are requested."""
    with pytest.raises(RecordingError, match="There is no file or folder"):
        names(RecordingBlobLoader("nowhere"))
