"""The reader finds recordings and loads them as documents with metadata."""

import asyncio
import hashlib
import io
import itertools
import shutil
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

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
        """A file is loaded as its passages, in order."""
        assert texts(load(reader, monday))[0] == "00000 00001 00002 00003 00004"
        assert texts(load(reader, str(monday)))[-1] == "00015 00016 00017 00018 00019"

    def test_folder(self, reader: ApertisAudioReader, meetings: Path, load: Load) -> None:
        """A folder is searched with those below it, in the order of the names."""
        sources = [document.metadata["source"] for document in load(reader, meetings)]
        tuesday = str(meetings / "later" / "tuesday.ogg")
        assert sources == [tuesday] * 2 + [str(meetings / "monday.mp3")] * 4

    def test_input_dir(self, beacon_url: str, meetings: Path, load: Load) -> None:
        """Without an argument, input_dir is read, filtered by glob and suffixes."""
        options: dict[str, Any] = {"api_key": "sk-payg-1234", "base_url": beacon_url}
        ogg = ApertisAudioReader(input_dir=meetings, suffixes=[".OGG"], **options)
        assert {Path(d.metadata["source"]).name for d in load(ogg)} == {"tuesday.ogg"}
        same = ApertisAudioReader(input_dir=meetings, suffixes="ogg", **options)
        assert same.list_resources() == ogg.list_resources()
        top = ApertisAudioReader(input_dir=meetings, glob="*", **options)
        assert {Path(d.metadata["source"]).name for d in load(top)} == {"monday.mp3"}

    def test_several(self, reader: ApertisAudioReader, meetings: Path, load: Load) -> None:
        """A list may hold files, folders and contents together."""
        monday = meetings / "monday.mp3"
        content = monday.read_bytes()
        documents = load(reader, [("named.mp3", content), monday, meetings / "later"])
        names = [Path(document.metadata["source"]).name for document in documents]
        assert names == ["named.mp3"] * 4 + ["monday.mp3"] * 4 + ["tuesday.ogg"] * 2

    def test_duplicates(
        self, reader: ApertisAudioReader, meetings: Path, monday: Path, load: Load
    ) -> None:
        """A recording that is named twice, or also in a folder, is read once."""
        again = meetings / "later" / ".." / "monday.mp3"
        sources = [d.metadata["source"] for d in load(reader, [monday, meetings, again])]
        tuesday = str(meetings / "later" / "tuesday.ogg")
        assert sources == [str(monday)] * 4 + [tuesday] * 2

    @pytest.mark.parametrize("as_path", [str, Path])
    def test_tuples(
        self, reader: ApertisAudioReader, meetings: Path, load: Load, as_path: Callable[[Path], Any]
    ) -> None:
        """A tuple is several paths, or one recording with its name."""
        paths = tuple(map(as_path, [meetings / "monday.mp3", meetings / "later" / "tuesday.ogg"]))
        sources = [document.metadata["source"] for document in load(reader, paths)]
        assert sources == [str(paths[0])] * 4 + [str(paths[1])] * 2
        named = load(reader, ("named.ogg", Path(paths[1]).read_bytes()))
        assert [document.metadata["source"] for document in named] == ["named.ogg"] * 2
        with pytest.raises(RecordingError, match="several recordings go in a list"):
            load(reader, [paths])

    def test_names(self, reader: ApertisAudioReader, monday: Path, load: Load) -> None:
        """The source of a content is the name given with it, or the name of the open file."""
        content = monday.read_bytes()
        with monday.open("rb") as file:
            documents = load(reader, [("crm://calls/7", content), file])
        names = [document.metadata["source"] for document in documents]
        assert names == ["crm://calls/7"] * 4 + [str(monday)] * 4

    @pytest.mark.parametrize("kind", [bytes, io.BytesIO])
    def test_nameless_contents(
        self, reader: ApertisAudioReader, meetings: Path, load: Load, kind: type
    ) -> None:
        """The source of a content without a name is its digest, which differs for each."""
        contents = [(meetings / name).read_bytes() for name in ("monday.mp3", "later/tuesday.ogg")]
        documents = load(reader, [kind(content) for content in contents])
        expected = [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in contents]
        sources = [document.metadata["source"] for document in documents]
        assert sources == expected[:1] * 4 + expected[1:] * 2

    def test_nameless_file(self, reader: ApertisAudioReader, monday: Path, load: Load) -> None:
        """The source of an open file that has a number for a name is its digest."""
        with tempfile.TemporaryFile() as file:
            file.write(monday.read_bytes())
            file.seek(0)
            documents = load(reader, file)
        digest = hashlib.sha256(monday.read_bytes()).hexdigest()
        assert {document.metadata["source"] for document in documents} == {f"sha256:{digest}"}

    def test_malformed_tuple(self, reader: ApertisAudioReader, load: Load) -> None:
        """A tuple that is no pair of name and content is an error that says so."""
        with pytest.raises(RecordingError, match="not 3 values"):
            load(reader, ("monday.mp3", b"", b""))

    def test_contents(self, reader: ApertisAudioReader, monday: Path, load: Load) -> None:
        """Bytes and file objects are loaded like files."""
        content = monday.read_bytes()
        expected = texts(reader.load_data(monday))
        for source in (content, io.BytesIO(content)):
            assert texts(load(reader, source)) == expected

    def test_source_of_a_file(
        self,
        reader: ApertisAudioReader,
        meetings: Path,
        monday: Path,
        load: Load,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """The source and the ids are the same however the path of a file is spelled."""
        monkeypatch.chdir(meetings)
        spellings = [
            meetings / "monday.mp3",
            "monday.mp3",
            meetings / "later" / ".." / "monday.mp3",
        ]
        loaded = [load(reader, path) for path in spellings]
        assert {each.metadata["source"] for each in loaded[0]} == {str(monday.resolve())}
        assert len({tuple(each.id_ for each in documents) for documents in loaded}) == 1

    def test_root(self, reader: ApertisAudioReader, meetings: Path, load: Load) -> None:
        """With a root, the source is the path below it, and files elsewhere are refused."""
        rooted = reader.model_copy(update={"root": str(meetings)})
        sources = [each.metadata["source"] for each in load(rooted, meetings)]
        assert sources == ["later/tuesday.ogg"] * 2 + ["monday.mp3"] * 4
        elsewhere = reader.model_copy(update={"root": str(meetings / "later")})
        with pytest.raises(ConfigurationError, match="is not below root"):
            load(elsewhere, meetings / "monday.mp3")

    def test_options_of_a_call(self, reader: ApertisAudioReader, monday: Path, load: Load) -> None:
        """A call may have its own task, model, language and prompt, and no other options."""
        (first, *_) = load(reader, monday, task="translate", prompt="Beacons.")
        assert first.metadata["task"] == "translate"
        assert load(reader, monday)[0].metadata["task"] == "transcribe"
        with pytest.raises(ConfigurationError, match="language"):
            load(reader, monday, task="translate", language="de")
        german = reader.model_copy(update={"language": "de"})
        assert load(german, monday, task="translate")[0].metadata["task"] == "translate"
        for name in ("speed", "track"):
            with pytest.raises(TypeError, match=f"no setting '{name}', only task, model, language"):
                load(reader, monday, **{name: 1})
        for model in (None, ""):
            with pytest.raises(ConfigurationError, match="is the name of a model"):
                load(reader, monday, model=model)

    def test_nothing_to_read(self, reader: ApertisAudioReader, load: Load) -> None:
        """Without an argument and input_dir, the error says what is missing."""
        with pytest.raises(ConfigurationError, match="pass a file or folder, or set input_dir"):
            load(reader)

    @pytest.mark.parametrize("source", ["", ["", "monday.mp3"]])
    def test_empty_name(self, reader: ApertisAudioReader, load: Load, source: Any) -> None:
        """An empty name, as of an unset variable, is an error and not the current folder."""
        with pytest.raises(ConfigurationError, match="path is empty"):
            load(reader, source)
        with pytest.raises(ConfigurationError, match="path is empty"):
            ApertisAudioReader(input_dir="")

    def test_unsupported_source(self, reader: ApertisAudioReader, load: Load) -> None:
        """A value that is no recording is an error that names its type."""
        number: Any = 7
        with pytest.raises(RecordingError, match="not int"):
            load(reader, number)

    def test_missing_path(self, reader: ApertisAudioReader, load: Load) -> None:
        """A path that does not exist is an error and not an empty list."""
        with pytest.raises(RecordingError, match="no file or folder"):
            load(reader, "no/such/path")


class TestResources:
    def test_resources(self, reader: ApertisAudioReader, meetings: Path) -> None:
        """Recordings are listed, described and loaded one by one, sync and async."""
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
        """A missing file and a missing input_dir are errors of this package."""
        with pytest.raises(RecordingError, match="cannot be read"):
            reader.get_resource_info("gone.mp3")
        with pytest.raises(ConfigurationError, match="input_dir"):
            reader.list_resources()


class TestDocuments:
    def test_metadata(self, reader: ApertisAudioReader, monday: Path, load: Load) -> None:
        """Metadata hold the recording and the times, in a fixed order."""
        second = load(reader, monday)[1]
        assert second.metadata["start"] == pytest.approx(10.7, abs=0.1)
        assert second.metadata["end"] == pytest.approx(19.2, abs=0.1)
        assert list(second.metadata.items())[:1] == [("source", str(monday))]
        assert list(second.metadata)[1:] == [
            *("start", "end", "timecode", "duration"),
            *("language", "language_reported", "model", "task"),
        ]
        assert second.metadata["timecode"] == "00:00:10"

    def test_excluded_keys(self, reader: ApertisAudioReader, monday: Path) -> None:
        """Language models get the metadata for citations, embeddings get none of the times."""
        first = reader.load_data(monday, extra_info={"file_path": str(monday), "team": "core"})[0]
        prompt = first.get_content(MetadataMode.LLM)
        embedded = first.get_content(MetadataMode.EMBED)
        for name in ("source: ", "start: ", "end: ", "timecode: 00:00:00", "team: core"):
            assert name in prompt
        for name in ("start: ", "end: ", "timecode: "):
            assert name not in embedded
        for name in ("duration: ", "model: ", "task: ", "file_path: "):
            assert name not in prompt + embedded

    def test_extra_info_does_not_replace(
        self,
        reader: ApertisAudioReader,
        monday: Path,
        load: Load,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Extra info with the name of a fact about the recording gets another, which is logged."""
        documents = load(reader, monday, extra_info={"start": "never", "team": "core"})
        first = documents[0].metadata
        assert first["start"] == pytest.approx(0.7, abs=0.1)
        assert (first["extra_start"], first["team"]) == ("never", "core")
        (warning,) = caplog.messages
        assert "extra_start" in warning

    def test_extra_info_is_flat(self, reader: ApertisAudioReader, monday: Path) -> None:
        """Values that vector stores would refuse become text, which is always the same."""
        extra: dict[Any, object] = {
            "attendees": ["Ann", "Jörg"],
            "day": date(2026, 1, 2),
            "room": None,
            "floor": 3,
            "tags": {"tea", "budget"},
            "facts": [{"tags": {"tea", "budget"}}],
            "score": float("nan"),
            1: "one",
        }
        metadata = reader.load_data(monday, extra_info=extra)[0].metadata
        assert metadata["attendees"] == '["Ann", "Jörg"]'
        assert metadata["day"] == "2026-01-02"
        assert (metadata["room"], metadata["floor"]) == (None, 3)
        assert metadata["tags"] == '["budget", "tea"]'
        assert metadata["facts"] == '[{"tags": ["budget", "tea"]}]'
        assert (metadata["score"], metadata["1"]) == ("nan", "one")

    def test_extra_info_keeps_all_values(self, reader: ApertisAudioReader, monday: Path) -> None:
        """No item is lost, also if its new name is taken, and none replaces the track."""
        extra = {"source": "yours", "extra_source": "mine", "track": "third"}
        whole = reader.model_copy(update={"track": 0}).load_data(monday, extra_info=extra)
        metadata = whole[0].metadata
        assert metadata["source"] == str(monday)
        assert (metadata["extra_source"], metadata["extra_extra_source"]) == ("mine", "yours")
        assert (metadata["track"], metadata["extra_track"]) == (0, "third")

    def test_no_audio_resource(self, reader: ApertisAudioReader, monday: Path) -> None:
        """Documents have no audio, so that a multimodal query does not send whole recordings."""
        assert reader.load_data(monday)[0].audio_resource is None

    def test_relationships(self, reader: ApertisAudioReader, meetings: Path, load: Load) -> None:
        """Neighbouring passages of one recording are linked, those of two are not."""
        documents = load(reader, meetings)
        for earlier, later in itertools.pairwise(documents):
            onward: Any = earlier.relationships.get(NodeRelationship.NEXT)
            back: Any = later.relationships.get(NodeRelationship.PREVIOUS)
            if earlier.metadata["source"] == later.metadata["source"]:
                assert (onward.node_id, back.node_id) == (later.id_, earlier.id_)
            else:
                assert (onward, back) == (None, None)

    @pytest.mark.parametrize(
        ("granularity", "count"), [("recording", 1), ("passage", 4), ("segment", 20)]
    )
    def test_granularity(
        self, beacon_url: str, monday: Path, load: Load, granularity: Any, count: int
    ) -> None:
        """A recording is one document, several passages, or many segments."""
        reader = ApertisAudioReader(
            api_key="sk-payg-1234",
            base_url=beacon_url,
            granularity=granularity,
            max_seconds=10,
            task="translate",
        )
        documents = load(reader, monday)
        assert len(documents) == count
        assert {document.metadata["task"] for document in documents} == {"translate"}

    def test_models_without_times(self, beacon_url: str, monday: Path, load: Load) -> None:
        """Passages of models without times have times, which are estimated."""
        reader = ApertisAudioReader(
            api_key="sk-payg-1234", base_url=beacon_url, model="gpt-4o-transcribe", max_seconds=10
        )
        starts = [document.metadata["start"] for document in load(reader, monday)]
        assert len(starts) > 2
        assert starts == sorted(set(starts))

    def test_long_paths(self, reader: ApertisAudioReader, monday: Path, tmp_path: Path) -> None:
        """Splitters of chunks with 512 tokens have room for a path of 500 characters."""
        folder = tmp_path.joinpath(*["a folder within a folder, and so on"] * 14)
        folder.mkdir(parents=True)
        documents = reader.load_data(shutil.copy(monday, folder))
        assert len(SentenceSplitter(chunk_size=512).get_nodes_from_documents(documents)) == 4
