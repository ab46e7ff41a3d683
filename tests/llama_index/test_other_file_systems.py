"""The reader reads files and folders of other file systems of fsspec."""

import io
from pathlib import Path, PurePosixPath

import fsspec  # type: ignore[import-untyped]
import pytest
from llama_index.core.schema import Document

from apertis_audio_tools import ConfigurationError, RecordingError
from apertis_audio_tools.llama_index import ApertisAudioReader
from apertis_audio_tools.llama_index.recording_finder import FolderSearch
from support.contract.llama_index_readers import Load


def texts(documents: list[Document]) -> list[str]:
    return [document.text for document in documents]


def test_other_file_system(reader: ApertisAudioReader, monday: Path, load: Load) -> None:
    """A path of another file system is opened there, once."""
    memory = fsspec.filesystem("memory")
    memory.pipe("/far/monday.mp3", monday.read_bytes())
    documents = load(reader, PurePosixPath("/far/monday.mp3"), fs=memory)
    assert texts(documents) == texts(reader.load_data(monday))
    assert documents[0].metadata["source"] == "/far/monday.mp3"
    twice = load(reader, ["/far/monday.mp3", "/far/monday.mp3"], fs=memory)
    assert texts(twice) == texts(documents)
    with pytest.raises(RecordingError, match=r"There is no file or folder: '/far/away\.mp3'"):
        load(reader, "/far/away.mp3", fs=memory)


def test_folder_of_another_file_system(
    reader: ApertisAudioReader, meetings: Path, load: Load
) -> None:
    """A folder of another file system is searched like a local one."""
    memory = fsspec.filesystem("memory")
    for name in ("monday.mp3", "later/tuesday.ogg", ".hidden/a.mp3", "notes.txt"):
        content = meetings / name
        memory.pipe(f"/team/{name}", content.read_bytes() if content.exists() else b"")
    documents = load(reader, "/team", fs=memory)
    sources = [document.metadata["source"] for document in documents]
    assert sources == ["/team/later/tuesday.ogg"] * 2 + ["/team/monday.mp3"] * 4
    direct = load(reader.model_copy(update={"glob": "*"}), "memory://team/", fs=memory)
    assert texts(direct) == texts(documents)[2:]


def test_spellings_in_another_file_system(
    reader: ApertisAudioReader, monday: Path, load: Load, caplog: pytest.LogCaptureFixture
) -> None:
    """A path has one spelling in `source`, whatever characters it has; ``root`` shortens it."""
    memory = fsspec.filesystem("memory")
    memory.pipe("/we[1]rd/a*/monday.mp3", monday.read_bytes())
    (plain, *_) = load(reader, "/we[1]rd", fs=memory)
    assert plain.metadata["source"] == "/we[1]rd/a*/monday.mp3"
    spellings = ["/we[1]rd/a*/monday.mp3", "memory://we[1]rd/a*/monday.mp3", "we[1]rd/a*"]
    for spelling in spellings:
        (first, *_) = load(reader, spelling, fs=memory)
        assert (first.id_, first.metadata) == (plain.id_, plain.metadata)
    assert len(load(reader, spellings, fs=memory)) == 4
    rooted = reader.model_copy(update={"root": "memory://we[1]rd"})
    assert load(rooted, "/we[1]rd", fs=memory)[0].metadata["source"] == "a*/monday.mp3"
    memory.makedirs("/we[1]rd/b", exist_ok=True)
    with pytest.raises(ConfigurationError, match=r"is not below root, '/we\[1\]rd/b'"):
        load(reader.model_copy(update={"root": "/we[1]rd/b"}), "/we[1]rd", fs=memory)
    assert load(reader, "/we[1]rd/b", fs=memory) == []
    assert "There are no recordings in '/we[1]rd/b'" in caplog.text


def test_open_file_of_another_file_system(
    reader: ApertisAudioReader, monday: Path, load: Load
) -> None:
    """An open file that has a path in place of a name is cited by it."""

    class BucketFile(io.BytesIO):
        path = "bucket/monday.mp3"

    (first, *_) = load(reader, BucketFile(monday.read_bytes()))
    assert first.metadata["source"] == "bucket/monday.mp3"


@pytest.mark.parametrize("suffix", [".ts", ".MTS"])
def test_shared_suffixes_in_another_file_system(suffix: str) -> None:
    """A transport stream is found by its content; TypeScript only if it is asked for."""
    memory = fsspec.filesystem("memory")
    contents = {"film": (b"\x47" + bytes(187)) * 4, "app": b"GGGG: string;\n" * 99}
    names = {name: f"/shared{suffix}/{name}{suffix}" for name in contents}
    for name, content in contents.items():
        memory.pipe(names[name], content)
    found = FolderSearch("**/*", None).remote(memory, f"/shared{suffix}")
    assert list(found) == [names["film"]]
    chosen = FolderSearch("**/*", suffix).remote(memory, f"/shared{suffix}")
    assert list(chosen) == [names["app"], names["film"]]
