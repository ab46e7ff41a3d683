"""PassageNodeParser divides the document of a recording into passages with their own times."""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.schema import BaseNode, Document, NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.core.vector_stores import SimpleVectorStore

from apertis_audio_tools import UnsupportedError
from apertis_audio_tools.llama_index import ApertisAudioReader, PassageNodeParser
from apertis_audio_tools.llama_index.passage_parser import locate_passages
from apertis_audio_tools.results import Passage
from support.beacon_recordings import FORMATS, write_beacons
from support.contract.llama_index_readers import Load

Parse = Callable[[Sequence[Document]], list[BaseNode]]
PARSES: dict[str, Parse] = {
    "sync": lambda documents: PassageNodeParser().get_nodes_from_documents(documents),
    "async": lambda documents: asyncio.run(
        PassageNodeParser().aget_nodes_from_documents(documents)
    ),
    "transformation": lambda documents: [*PassageNodeParser()(documents)],
}


@pytest.fixture(params=PARSES)
def parse(request: pytest.FixtureRequest) -> Parse:
    """Return each way of parsing documents."""
    return PARSES[request.param]


@pytest.fixture
def make_reader(beacon_url: str) -> Callable[..., ApertisAudioReader]:
    """Return a function that makes readers with passages of up to ten seconds."""

    def make(**options: Any) -> ApertisAudioReader:
        options = {"granularity": "recording", "max_seconds": 10, **options}
        return ApertisAudioReader(api_key="sk-payg-1234", base_url=beacon_url, **options)

    return make


Make = Callable[..., ApertisAudioReader]


def related(node: BaseNode, relation: NodeRelationship) -> str | None:
    """Return the id of a related node."""
    found = node.relationships.get(relation)
    assert found is None or isinstance(found, RelatedNodeInfo)
    return found.node_id if found else None


@pytest.mark.parametrize("overlap", [0, 3])
def test_passages(
    make_reader: Make, monday: Path, load: Load, parse: Parse, overlap: float
) -> None:
    """The nodes have the text and the metadata of the passages that the reader itself makes."""
    whole = load(make_reader(overlap=overlap), monday)
    passages = load(make_reader(granularity="passage", overlap=overlap), monday)
    nodes = parse(whole)
    assert [node.get_content() for node in nodes] == [each.text for each in passages]
    assert [list(node.metadata.items()) for node in nodes] == [
        list(each.metadata.items()) for each in passages
    ]
    for node in nodes:
        assert isinstance(node, TextNode)
        assert whole[0].text[node.start_char_idx : node.end_char_idx] == node.text
    assert "start" in nodes[0].excluded_embed_metadata_keys


def test_relationships(make_reader: Make, meetings: Path, parse: Parse) -> None:
    """A node knows its document and its neighbours, and those of two recordings are not linked."""
    documents = make_reader().load_data(meetings)
    nodes = parse(documents)
    assert [related(node, NodeRelationship.SOURCE) for node in nodes] == [
        each.id_ for each, count in zip(documents, (2, 4), strict=True) for _ in range(count)
    ]
    for index, node in enumerate(nodes):
        is_first, is_last = index in {0, 2}, index in {1, 5}
        before, after = nodes[index - 1].node_id, nodes[(index + 1) % 6].node_id
        assert related(node, NodeRelationship.PREVIOUS) == (None if is_first else before)
        assert related(node, NodeRelationship.NEXT) == (None if is_last else after)


def test_ids(make_reader: Make, monday: Path, parse: Parse) -> None:
    """The ids of the nodes are the same each time, and unique."""
    documents = make_reader().load_data(monday)
    first, again = parse(documents), parse(make_reader().load_data(monday))
    assert [node.node_id for node in first] == [node.node_id for node in again]
    assert len({node.node_id for node in first}) == 4


def test_round_trip() -> None:
    """The parser is restored from its serialised form."""
    parser = PassageNodeParser(include_prev_next_rel=False)
    for restored in (
        PassageNodeParser.from_dict(parser.to_dict()),
        PassageNodeParser.from_json(parser.to_json()),
    ):
        assert restored.to_dict() == parser.to_dict()
        assert not restored.include_prev_next_rel


def test_whole_recordings_hide_their_passage_times(make_reader: Make, monday: Path) -> None:
    """Neither embeddings nor models read the passage times of a recording's document."""
    (document,) = make_reader().load_data(monday)
    assert "passages" in document.metadata
    assert "passages" in document.excluded_embed_metadata_keys
    assert "passages" in document.excluded_llm_metadata_keys


def test_other_splitters_give_no_wrong_times(make_reader: Make, monday: Path) -> None:
    """Nodes of a splitter that knows nothing of times have none."""
    documents = make_reader().load_data(monday)
    nodes = SentenceSplitter(chunk_size=60, chunk_overlap=0).get_nodes_from_documents(documents)
    assert len(nodes) > 1
    for node in nodes:
        assert node.metadata.keys().isdisjoint({"start", "end", "timecode"})


def test_other_documents(parse: Parse) -> None:
    """A document that is no recording becomes one node, with its metadata."""
    facts = {"team": "core", "clip": "minutes.mp3"}
    (node,) = parse([Document(text="Minutes.", metadata=facts, id_="minutes")])
    assert (node.get_content(), node.metadata) == ("Minutes.", facts)
    assert related(node, NodeRelationship.SOURCE) == "minutes"


@pytest.mark.parametrize("change", ["text", "passages", "none"])
def test_changed_documents(make_reader: Make, monday: Path, parse: Parse, change: str) -> None:
    """A document whose text or passage times were changed is refused, because times are unknown."""
    (document,) = make_reader().load_data(monday)
    if change == "text":
        document.set_content(document.text.lower().replace(" ", ""))
    else:
        document.metadata["passages"] = {"passages": "[[0, 1]]", "none": "[]"}[change]
    with pytest.raises(UnsupportedError, match="put PassageNodeParser before"):
        parse([document])


def test_texts_that_repeat() -> None:
    """Passages with the same words are told apart, also if their text is not that of the model."""
    passages = [Passage(start=n, end=n + 1, text="Yes.") for n in range(3)]
    for text in ("Yes. Yes. Yes.", "Something else."):
        found, spans = locate_passages(text, passages)
        assert found == "Yes. Yes. Yes."
        assert spans == "[[0.0,1.0,0,4],[1.0,2.0,5,9],[2.0,3.0,10,14]]"


class TestIndexes:
    """An index stays true when recordings change, get shorter, or are removed."""

    @pytest.fixture
    def folder(self, tmp_path: Path, meetings: Path) -> Path:
        """Return a folder with a copy of Monday's recording and one of Tuesday's."""
        shutil.copy(meetings / "monday.mp3", tmp_path)
        shutil.copy(meetings / "later" / "tuesday.ogg", tmp_path)
        return tmp_path

    @staticmethod
    def shorten(folder: Path) -> None:
        """Replace Monday's recording by one of half its length."""
        write_beacons(FORMATS["mp3"], folder / "monday.mp3", 10)

    def test_refresh_and_delete(self, make_reader: Make, folder: Path) -> None:
        """refresh_ref_docs replaces what changed, and delete_ref_doc removes a recording."""
        reader, parser = make_reader(), PassageNodeParser()
        index = VectorStoreIndex.from_documents(
            reader.load_data(folder),
            transformations=[parser],
            embed_model=MockEmbedding(embed_dim=4),
        )
        assert len(index.docstore.docs) == 6
        assert index.refresh_ref_docs(reader.load_data(folder)) == [False, False]
        self.shorten(folder)
        monday, tuesday = reader.load_data(folder)
        assert index.refresh_ref_docs([monday, tuesday]) == [True, False]
        assert len(index.docstore.docs) == 4
        index.delete_ref_doc(monday.id_, delete_from_docstore=True)
        assert {node.ref_doc_id for node in index.docstore.docs.values()} == {tuesday.id_}

    def test_pipeline(self, make_reader: Make, folder: Path, tmp_path: Path) -> None:
        """Upserts of a pipeline with a persisted docstore run for what changed and nothing else."""
        store, vectors = tmp_path / "docstore.json", SimpleVectorStore()

        def run(strategy: DocstoreStrategy) -> list[BaseNode]:
            docstore = SimpleDocumentStore()
            if store.exists():
                docstore = SimpleDocumentStore.from_persist_path(str(store))
            pipeline = IngestionPipeline(
                transformations=[PassageNodeParser(), MockEmbedding(embed_dim=4)],
                docstore=docstore,
                docstore_strategy=strategy,
                vector_store=vectors,
            )
            nodes = [*pipeline.run(documents=make_reader().load_data(folder))]
            docstore.persist(str(store))
            return nodes

        assert len(run(DocstoreStrategy.UPSERTS)) == 6
        assert run(DocstoreStrategy.UPSERTS) == []
        self.shorten(folder)
        assert len(run(DocstoreStrategy.UPSERTS)) == 2
        assert len(vectors.data.embedding_dict) == 4
        (folder / "tuesday.ogg").unlink()
        assert run(DocstoreStrategy.UPSERTS_AND_DELETE) == []
        assert len(vectors.data.embedding_dict) == 2
