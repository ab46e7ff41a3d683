"""The reader: what it finds, and what its documents know."""

import asyncio
import hashlib
import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec  # type: ignore[import-untyped]
import pytest
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import Document, MetadataMode, NodeRelationship

from apertis_audio_tools import ConfigurationError, RecordingError
from apertis_audio_tools.llama_index import ApertisAudioReader
from support.contract.llama_index_readers import Load


def texts(documents: list[Document]) -> list[str]:
    return [document.text for document in documents]


class TestFinding:
    def test_file(self, reader: ApertisAudioReader, monday: Path, load: Load) -> None:
        """A file gives its passages in order."""
        assert texts(load(reader, monday))[0] == "00000 00001 00002 00003 00004"
        assert texts(load(reader, str(monday)))[-1] == "00015 00016 00017 00018 00019"

    def test_folder(self, reader: ApertisAudioReader, meetings: Path, load: Load) -> None:
        """A folder gives the recordings in it and below, in the order of their names."""
        sources = [document.metadata["source"] for document in load(reader, meetings)]
        tuesday = str(meetings / "later" / "tuesday.ogg")
        assert sources == [tuesday] * 2 + [str(meetings / "monday.mp3")] * 4

    def test_input_dir(self, beacon_url: str, meetings: Path, load: Load) -> None:
        """Without an argument, what the reader was given is read, as narrowly as it was told."""
        options: dict[str, Any] = {"api_key": "sk-payg", "base_url": beacon_url}
        ogg = ApertisAudioReader(input_dir=meetings, suffixes=[".OGG"], **options)
        assert {Path(d.metadata["source"]).name for d in load(ogg)} == {"tuesday.ogg"}
        one = ApertisAudioReader(input_dir=meetings, suffixes="ogg", **options)
        assert one.list_resources() == ogg.list_resources()
        top = ApertisAudioReader(input_dir=meetings, glob="*", **options)
        assert {Path(d.metadata["source"]).name for d in load(top)} == {"monday.mp3"}

    def test_several(self, reader: ApertisAudioReader, meetings: Path, load: Load) -> None:
        """A list may hold files, folders and contents."""
        monday = meetings / "monday.mp3"
        content = monday.read_bytes()
        found = load(reader, [("named.mp3", content), monday, meetings / "later"])
        names = [Path(document.metadata["source"]).name for document in found]
        assert names == ["named.mp3"] * 4 + ["monday.mp3"] * 4 + ["tuesday.ogg"] * 2

    def test_the_same_again(
        self, reader: ApertisAudioReader, meetings: Path, monday: Path, load: Load
    ) -> None:
        """A recording that is named, and in a folder as well, is read where it is first met."""
        again = meetings / "later" / ".." / "monday.mp3"
        sources = [d.metadata["source"] for d in load(reader, [monday, meetings, again])]
        tuesday = str(meetings / "later" / "tuesday.ogg")
        assert sources == [str(monday)] * 4 + [tuesday] * 2

    @pytest.mark.parametrize("as_path", [str, Path])
    def test_tuples(
        self, reader: ApertisAudioReader, meetings: Path, load: Load, as_path: Callable[[Path], Any]
    ) -> None:
        """A tuple of paths is several recordings; one of a name and content is one recording."""
        paths = tuple(map(as_path, [meetings / "monday.mp3", meetings / "later" / "tuesday.ogg"]))
        sources = [document.metadata["source"] for document in load(reader, paths)]
        assert sources == [str(paths[0])] * 4 + [str(paths[1])] * 2
        named = load(reader, ("named.ogg", Path(paths[1]).read_bytes()))
        assert [document.metadata["source"] for document in named] == ["named.ogg"] * 2
        with pytest.raises(RecordingError, match="several recordings go in a list"):
            load(reader, [paths])

    def test_names(self, reader: ApertisAudioReader, monday: Path, load: Load) -> None:
        """Contents are called by the name they are given with, or that of the open file."""
        content = monday.read_bytes()
        with monday.open("rb") as file:
            found = load(reader, [("crm://calls/7", content), file])
        names = [document.metadata["source"] for document in found]
        assert names == ["crm://calls/7"] * 4 + [str(monday)] * 4

    @pytest.mark.parametrize("kind", [bytes, io.BytesIO])
    def test_without_a_name(
        self, reader: ApertisAudioReader, meetings: Path, load: Load, kind: type
    ) -> None:
        """Contents without a name are called by what they are, so that two are never one."""
        one, other = (
            (meetings / name).read_bytes() for name in ("monday.mp3", "later/tuesday.ogg")
        )
        found = load(reader, [kind(one), kind(other)])
        expected = [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in (one, other)]
        names = [document.metadata["source"] for document in found]
        assert names == expected[:1] * 4 + expected[1:] * 2

    def test_nameless_file(self, reader: ApertisAudioReader, monday: Path, load: Load) -> None:
        """So is an open file that has a number in place of a name."""
        with tempfile.TemporaryFile() as file:
            file.write(monday.read_bytes())
            file.seek(0)
            found = load(reader, file)
        digest = hashlib.sha256(monday.read_bytes()).hexdigest()
        assert {document.metadata["source"] for document in found} == {f"sha256:{digest}"}

    def test_no_recording(self, reader: ApertisAudioReader, load: Load) -> None:
        """What is neither a name with its content nor a content is an error that says so."""
        with pytest.raises(RecordingError, match="not 3 values"):
            load(reader, ("monday.mp3", b"", b""))

    def test_contents(self, reader: ApertisAudioReader, monday: Path, load: Load) -> None:
        """Bytes and file objects are read; there is no file to point to."""
        content = monday.read_bytes()
        expected = texts(reader.load_data(monday))
        for given in (content, io.BytesIO(content)):
            found = load(reader, given)
            assert texts(found) == expected
            assert [document.audio_resource for document in found] == [None] * 4

    def test_other_file_system(self, reader: ApertisAudioReader, monday: Path, load: Load) -> None:
        """A path of another file system is opened there, and only there."""
        memory = fsspec.filesystem("memory")
        memory.pipe("/far/monday.mp3", monday.read_bytes())
        found = load(reader, PurePosixPath("/far/monday.mp3"), fs=memory)
        assert texts(found) == texts(reader.load_data(monday))
        assert found[0].metadata["source"] == "/far/monday.mp3"
        assert found[0].audio_resource is None
        assert len(load(reader, ["/far/monday.mp3", "/far/monday.mp3"], fs=memory)) == len(found)
        with pytest.raises(RecordingError, match=r"/far/away.mp3 cannot be read"):
            load(reader, "/far/away.mp3", fs=memory)

    def test_nothing_to_read(self, reader: ApertisAudioReader, load: Load) -> None:
        """It says what is missing."""
        with pytest.raises(ConfigurationError, match="pass a file or folder, or set input_dir"):
            load(reader)

    @pytest.mark.parametrize("place", ["", ["", "monday.mp3"]])
    def test_no_name(self, reader: ApertisAudioReader, load: Load, place: Any) -> None:
        """An empty name, as of a variable that is not set, is not the current folder."""
        with pytest.raises(ConfigurationError, match="path is empty"):
            load(reader, place)
        with pytest.raises(ConfigurationError, match="path is empty"):
            ApertisAudioReader(input_dir="")

    def test_no_place(self, reader: ApertisAudioReader, load: Load) -> None:
        """What is no recording, and not several, is an error that says what it is."""
        number: Any = 7
        with pytest.raises(RecordingError, match="not int"):
            load(reader, number)

    def test_no_such_place(self, reader: ApertisAudioReader, load: Load) -> None:
        """A place that is not there is an error, not an empty list."""
        with pytest.raises(RecordingError, match="no file or folder"):
            load(reader, "no/such/place")


class TestResources:
    def test_resources(self, reader: ApertisAudioReader, meetings: Path) -> None:
        """Recordings are listed, described and loaded one by one, in both colours."""
        reader = reader.model_copy(update={"input_dir": str(meetings)})
        names = reader.list_resources()
        assert [Path(name).name for name in names] == ["tuesday.ogg", "monday.mp3"]
        assert asyncio.run(reader.alist_resources()) == names
        facts = reader.get_resource_info(names[1])
        assert facts["file_size"] == Path(names[1]).stat().st_size
        assert asyncio.run(reader.aget_resource_info(names[1])) == facts
        assert list(reader.list_resources_with_info()) == names
        expected = reader.load_data(names[0])
        assert reader.load_resource(names[0]) == expected
        assert asyncio.run(reader.aload_resource(names[0])) == expected
        assert reader.load_resources([names[0]]) == expected

    def test_missing(self, reader: ApertisAudioReader) -> None:
        """What is not there is an error of ours."""
        with pytest.raises(RecordingError, match="cannot be read"):
            reader.get_resource_info("gone.mp3")
        with pytest.raises(ConfigurationError, match="input_dir"):
            reader.list_resources()


class TestDocuments:
    def test_metadata(self, reader: ApertisAudioReader, monday: Path, load: Load) -> None:
        """Each knows which recording it is of, from when to when, always in the same order."""
        second = load(reader, monday)[1]
        assert second.metadata["start"] == pytest.approx(10.7, abs=0.1)
        assert second.metadata["end"] == pytest.approx(19.2, abs=0.1)
        assert list(second.metadata.items())[:1] == [("source", str(monday))]
        assert list(second.metadata)[1:] == [
            *("start", "end", "timecode", "duration", "language", "model", "task")
        ]
        assert second.metadata["timecode"] == "00:00:10"

    def test_what_models_see(self, reader: ApertisAudioReader, monday: Path) -> None:
        """A language model sees what it needs to cite; an embedding only what is about words."""
        first = reader.load_data(monday, extra_info={"file_path": str(monday), "team": "core"})[0]
        shown = first.get_content(MetadataMode.LLM)
        embedded = first.get_content(MetadataMode.EMBED)
        for name in ("source: ", "start: ", "end: ", "timecode: 00:00:00", "team: core"):
            assert name in shown
        for name in ("start: ", "end: ", "timecode: "):
            assert name not in embedded
        for name in ("duration: ", "model: ", "task: ", "file_path: "):
            assert name not in shown + embedded

    def test_extra_info_does_not_replace(self, reader: ApertisAudioReader, monday: Path) -> None:
        """What the recording says stands."""
        first = reader.load_data(monday, extra_info={"start": "never"})[0]
        assert first.metadata["start"] == pytest.approx(0.7, abs=0.1)

    def test_where_the_sound_is(self, reader: ApertisAudioReader, monday: Path) -> None:
        """The recording is pointed to by its path; its bytes are nowhere."""
        resource = reader.load_data(monday)[0].audio_resource
        assert resource is not None
        assert (resource.path, resource.data, resource.mimetype) == (monday, None, "audio/mpeg")

    def test_neighbours(self, reader: ApertisAudioReader, meetings: Path, load: Load) -> None:
        """Passages of one recording are linked, and those of two are not."""
        found = load(reader, meetings)
        links = {each.id_: each.relationships for each in found}
        for early, late in [(0, 1), (2, 3), (3, 4), (4, 5)]:
            onward = links[found[early].id_][NodeRelationship.NEXT]
            back = links[found[late].id_][NodeRelationship.PREVIOUS]
            assert (onward.node_id, back.node_id) == (found[late].id_, found[early].id_)  # type: ignore[union-attr]
        assert NodeRelationship.NEXT not in links[found[1].id_]
        assert NodeRelationship.PREVIOUS not in links[found[2].id_]

    @pytest.mark.parametrize(
        ("granularity", "count"), [("recording", 1), ("passage", 4), ("segment", 20)]
    )
    def test_grains(
        self, beacon_url: str, monday: Path, load: Load, granularity: Any, count: int
    ) -> None:
        """A recording is one document, several passages, or many segments."""
        reader = ApertisAudioReader(
            api_key="sk-payg",
            base_url=beacon_url,
            granularity=granularity,
            max_seconds=10,
            task="translate",
        )
        found = load(reader, monday)
        assert len(found) == count
        assert {document.metadata["task"] for document in found} == {"translate"}

    def test_models_without_times(self, beacon_url: str, monday: Path, load: Load) -> None:
        """Their passages have times all the same, because the recording is cut that small."""
        reader = ApertisAudioReader(
            api_key="sk-payg", base_url=beacon_url, model="gpt-4o-transcribe", max_seconds=10
        )
        starts = [document.metadata["start"] for document in load(reader, monday)]
        assert len(starts) > 2
        assert starts == sorted(set(starts))

    def test_long_paths(self, reader: ApertisAudioReader, monday: Path, tmp_path: Path) -> None:
        """A path of 500 characters leaves splitters room for words."""
        folder = tmp_path.joinpath(*["a folder within a folder, and so on"] * 14)
        folder.mkdir(parents=True)
        documents = reader.load_data(shutil.copy(monday, folder))
        assert len(SentenceSplitter(chunk_size=512).get_nodes_from_documents(documents)) == 4
